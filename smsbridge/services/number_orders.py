"""The journal of what costs money: a row is committed before the vendor is asked to sell or take back a number.

An order that is open says that it may have happened, and counts as if it had. It is settled by the vendor's answer, or
later by the vendor's list of numbers: a number that was bought is on it, one that was released is not. That nothing
happened is believed only when the list still says so after GRACE, in which a request may linger on its way. That a
number is missing counts only on a list that shows another number of ours, if there is one: a list of another account
lacks them all.
"""

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from notifier.sql import database_now
from notifier.texts import clean_text
from smsbridge.models import Number, NumberOrder, VendorAccount
from smsbridge.phones import mask
from smsbridge.services import number_life, number_stock
from smsbridge.services.accounts import forget_accounts
from smsbridge.services.number_stock import Stock, doubts
from smsbridge.services.vendor_calls import Calls, CannotDo, usable_vendor
from smsbridge.vendors.abilities import NumberShop
from smsbridge.vendors.base import PaidStep, StepKind, VendorError

log = logging.getLogger(__name__)

State = NumberOrder.State
Action = NumberOrder.Action
OPEN = number_life.OPEN
GRACE = number_stock.GRACE
#: between two lists that both do not show a number
APART = timedelta(minutes=1)
#: for so long it is looked whether a purchase that was found not to be done was done after all
LATE = timedelta(days=1)
_PATIENCE = 60.0  # seconds for one account, when nobody waits for it

_STATES = {
    StepKind.DONE: State.DONE,
    StepKind.PENDING: State.PENDING,
    StepKind.REFUSED: State.REFUSED,
    StepKind.UNCERTAIN: State.UNCERTAIN,
}
_LISTED = "The vendor's list shows that it was done."
_LATE = "The vendor's list shows that it was done after all."
_NOT_LISTED = "The vendor's list still shows that it was not done."


def shop_of(account: VendorAccount) -> NumberShop:
    """Raises CannotDo for an account that sells no numbers by API, or is not configured."""
    vendor = usable_vendor(account)
    if not isinstance(vendor, NumberShop):
        by_hand = "do it in its dashboard, and enter in the admin what changed"
        raise CannotDo(f"{vendor.title} neither sells nor takes back numbers by API: {by_hand}.")
    return vendor


def opened(order: NumberOrder) -> NumberOrder | None:
    """The order, written in the caller's transaction; None if another one about the same number is open."""
    try:
        with transaction.atomic():
            order.save(force_insert=True)
    except IntegrityError:
        return None
    return order


def settle(order: NumberOrder, step: PaidStep) -> State:
    """Store what the vendor said of an order, with what follows for the number; what it is now.

    One that was settled meanwhile, such as by another process that saw the vendor's list, stays as it is.
    """
    return _settle(order, _STATES[step.kind], step.reason, step.order)


def _settle(
    order: NumberOrder, state: State, reason: str, vendors_id: str = "", *, among: Iterable[str] = OPEN
) -> State:
    with transaction.atomic(durable=True):
        row = NumberOrder.objects.select_for_update(of=("self",)).select_related("account").get(pk=order.pk)
        if row.state not in among:
            return State(row.state)
        _follow(row, state)
        row.state, row.reason, row.order = state, clean_text(reason) or row.reason, vendors_id or row.order
        row.save(update_fields=["state", "reason", "order"])
        if state not in OPEN:
            NumberOrder.objects.filter(pk=row.pk).update(settled_at=Now())
    forget_accounts()
    log.info("Number order %s (%s) is %s.", row.pk, row.action, state)
    return state


def _follow(row: NumberOrder, state: State) -> None:
    """What the end of an order means for its number."""
    if row.action == Action.BUY:
        if state == State.DONE:
            number_life.take_in(row.account, row.e164, row.pool_id)
    elif state == State.DONE:
        number_life.let_go(row.account_id, row.e164)
    elif state not in OPEN:
        number_life.wake(row.account_id, row.e164)


def open_orders(account: VendorAccount) -> list[NumberOrder]:
    return list(NumberOrder.objects.filter(account=account, state__in=OPEN).order_by("pk"))


def resolve(
    account: VendorAccount, orders: Iterable[NumberOrder], vendor: NumberShop, stock: Stock, calls: Calls
) -> list[tuple[NumberOrder, State]]:
    """Find out what became of open orders of an account; what each is now. Raises VendorError when the time is over.

    `number_life.finish` is to follow.
    """
    whole = not doubts(account, stock)
    return [(order, _resolved(order, vendor, stock, whole, calls)) for order in orders]


def _resolved(order: NumberOrder, vendor: NumberShop, stock: Stock, whole: bool, calls: Calls) -> State:
    buys, listed = order.action == Action.BUY, order.e164 in stock.numbers
    if buys and listed:
        return _settle(order, State.DONE, _LISTED)
    if order.state == State.PENDING and order.order:
        step = vendor.ordered(calls.ask(vendor.order_request(order.order)))
        if step.kind in (StepKind.DONE, StepKind.REFUSED):
            return settle(order, step)
        if buys or listed:
            return State.PENDING
    if listed:
        NumberOrder.objects.filter(pk=order.pk).update(absent_at=None)
        late = stock.since - order.created_at > GRACE
        return _settle(order, State.NOT_DONE, _NOT_LISTED) if late else State(order.state)
    if not whole or not _absent_for_good(order, stock):
        return State(order.state)
    return _settle(order, State.NOT_DONE, _NOT_LISTED) if buys else _settle(order, State.DONE, _LISTED)


def _absent_for_good(order: NumberOrder, stock: Stock) -> bool:
    """Whether this list is the second one that does not show the number, and late enough."""
    if order.absent_at is None:
        NumberOrder.objects.filter(pk=order.pk).update(absent_at=stock.since)
        return False
    return stock.since - order.absent_at >= APART and stock.since - order.created_at > GRACE


def _take_late(account: VendorAccount, stock: Stock) -> list[tuple[NumberOrder, State]]:
    """Purchases that were found not to be done, and are on the list after all: they are paid for."""
    since = stock.since - LATE
    rows = NumberOrder.objects.filter(account=account, action=Action.BUY, state=State.NOT_DONE, settled_at__gt=since)
    found = []
    for order in rows.filter(e164__in=stock.numbers).order_by("pk"):
        known = Number.objects.filter(e164=order.e164, released_at=None).exists()
        if not known and not NumberOrder.objects.filter(e164=order.e164, pk__gt=order.pk).exists():
            found.append((order, _settle(order, State.DONE, _LATE, among=[State.NOT_DONE])))
    return found


def ask_again(account: VendorAccount, orders: Iterable[NumberOrder], calls: Calls) -> list[tuple[NumberOrder, State]]:
    """Resolve those of these orders of an account that are still open. Raises VendorError."""
    vendor = shop_of(account)
    stock = number_stock.read_stock(vendor, calls)
    still = NumberOrder.objects.filter(pk__in=[order.pk for order in orders], state__in=OPEN).order_by("pk")
    told = resolve(account, still, vendor, stock, calls) + _take_late(account, stock)
    _log(account, number_life.finish(account, calls).failed)
    return told


def resolve_account(account: VendorAccount, vendor: NumberShop, calls: Calls) -> tuple[Stock, list[str]]:
    """The vendor's list, with all open orders of the account resolved by it first, and that in sentences.

    Raises VendorError.
    """
    stock = number_stock.read_stock(vendor, calls)
    told = resolve(account, open_orders(account), vendor, stock, calls) + _take_late(account, stock)
    finished = number_life.finish(account, calls)
    return stock, [*(in_words(order, state) for order, state in told), *finished.done, *finished.failed]


def resolve_all() -> int:
    """Resolve what is open, account by account, as far as the vendors tell; how many orders are settled by it."""
    number_life.drop_late_leases()
    left = Q(active=False, released_at=None) & ~Q(rests_for__in=["", Number.Rest.GONE])
    numbers = Number.objects.filter(left).values("account")
    accounts = VendorAccount.objects.filter(Q(pk__in=_worth_asking().values("account")) | Q(pk__in=numbers))
    return sum(map(_resolve_quietly, accounts.order_by("pk")))


def _worth_asking() -> QuerySet[NumberOrder]:
    missed = Q(action=Action.BUY, state=State.NOT_DONE, settled_at__gt=database_now() - LATE)
    return NumberOrder.objects.filter(Q(state__in=OPEN) | missed)


def _resolve_quietly(account: VendorAccount) -> int:
    """One account that cannot be asked does not keep the others waiting; the next time comes soon."""
    calls = Calls(seconds=_PATIENCE)
    try:
        if not _worth_asking().filter(account=account).exists():
            _log(account, number_life.finish(account, calls).failed)
            return 0
        told = ask_again(account, open_orders(account), calls)
    except (VendorError, LookupError) as error:
        _log(account, [str(error)])
        return 0
    return sum(state not in OPEN for _, state in told)


def _log(account: VendorAccount, sentences: Iterable[str]) -> None:
    for sentence in sentences:
        log.warning("The numbers of %s are not settled yet: %s", account.slug, sentence)


def in_words(order: NumberOrder, state: State) -> str:
    what = "Buying" if order.action == Action.BUY else "Releasing"
    return f"{what} {mask(order.e164)}: {state.label}."
