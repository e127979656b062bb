"""Giving numbers back to the vendor: only those that nothing and nobody needs any more.

A number is put to rest first, in a commit of its own: from then on no text for a conversation leaves from it, whatever
a process remembers. Then it is looked at again, in the transaction that writes the order; then the vendor is called.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Q

from notifier.durations import describe_duration
from notifier.sql import database_now
from smsbridge.models import Bridge, InboundSms, Lease, Number, NumberOrder, OutboundSms, VendorAccount
from smsbridge.phones import mask
from smsbridge.services import number_life, number_orders, number_stock
from smsbridge.services.number_orders import shop_of
from smsbridge.services.number_stock import Stock, doubts
from smsbridge.services.vendor_calls import Calls, CannotDo
from smsbridge.vendors.abilities import NumberShop
from smsbridge.vendors.base import PaidStep, StepKind, VendorError

State = NumberOrder.State
Action = NumberOrder.Action

#: for numbers that no bridge uses: a bridge's default lease lifetime
UNUSED_FOR = timedelta(weeks=1)
_UNDER_WAY = (OutboundSms.State.READY, OutboundSms.State.SENDING, OutboundSms.State.UNCERTAIN)
_WRONG = "this may be the wrong account. If it is right, put the number to rest in the admin; nothing was done."
_GONE = PaidStep(kind=StepKind.DONE, reason="The vendor does not list it, asked twice: it was gone already.")


@dataclass(slots=True)
class Released:
    """What a run came to, in sentences with masked numbers."""

    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def default_unused_for(number: Number) -> timedelta:
    """The longest time for which a bridge of its pool keeps a number with a conversation."""
    longest = Bridge.objects.filter(pool=number.pool_id).aggregate(longest=Max("lease_lifetime"))["longest"]
    return longest or UNUSED_FOR


def why_needed(numbers: Collection[Number], unused_for: timedelta | None) -> dict[int, str]:
    """By primary key why a number cannot be given back now; who is missing can. None: each pool's own lifetime."""
    now = database_now()
    times = {one.pk: default_unused_for(one) if unused_for is None else unused_for for one in numbers}
    needed = _in_use_since(numbers, {number: now - time for number, time in times.items()})
    keys, e164s = [one.pk for one in numbers], {one.e164: one.pk for one in numbers}
    replies = InboundSms.objects.filter(number__in=e164s, state=InboundSms.State.WAITING)
    needed |= {e164s[e164]: "replies to it wait to be posted" for e164 in replies.values_list("number", flat=True)}
    texts = OutboundSms.objects.filter(number__in=keys, state__in=_UNDER_WAY)
    needed |= dict.fromkeys(texts.values_list("number", flat=True).distinct(), "texts from it are under way")
    leases = Lease.objects.filter(number__in=keys, expires_at__gt=now)
    needed |= dict.fromkeys(leases.values_list("number", flat=True).distinct(), "it stands for conversations")
    orders = NumberOrder.objects.filter(e164__in=e164s, state__in=number_orders.OPEN)
    needed |= {e164s[e164]: "an order for it is open" for e164 in orders.values_list("e164", flat=True)}
    needed |= {one.pk: "it is a sender name" for one in numbers if one.one_way and not one.e164.startswith("+")}
    return needed


def _in_use_since(numbers: Collection[Number], since: Mapping[int, datetime]) -> dict[int, str]:
    """Those that were texted from or to, linked or bought after each its own moment."""
    e164s, oldest = {one.e164: one.pk for one in numbers}, min(since.values(), default=database_now())
    used: list[tuple[int, datetime]] = [
        *Lease.objects.filter(number__in=since, last_used_at__gt=oldest).values_list("number", "last_used_at"),
        *OutboundSms.objects.filter(number__in=since, created_at__gt=oldest)
        .values("number")
        .annotate(last=Max("created_at"))
        .values_list("number", "last"),
    ]
    texted = InboundSms.objects.filter(number__in=e164s, received_at__gt=oldest).values("number")
    bought = NumberOrder.objects.filter(e164__in=e164s, action=Action.BUY, settled_at__gt=oldest, state=State.DONE)
    for e164, last in (
        *texted.annotate(last=Max("received_at")).values_list("number", "last"),
        *bought.values_list("e164", "settled_at"),
    ):
        used.append((e164s[e164], last))
    return {number: "it was in use lately" for number, last in used if last > since[number]}


def candidates(
    account: VendorAccount, *, e164s: Collection[str] | None = None, pool: int | None = None
) -> list[Number]:
    """The account's numbers that are not released yet: all, or of these, or of a pool."""
    rows = Number.objects.filter(account=account, released_at=None).order_by("e164")
    chosen = Q() if e164s is None else Q(e164__in=e164s)
    return list(rows.filter(chosen & (Q() if pool is None else Q(pool=pool))))


def release(
    account: VendorAccount, numbers: Sequence[Number], *, unused_for: timedelta | None, by: str, calls: Calls
) -> Released:
    """Give these numbers back, as far as nothing needs them. No transaction may be open. `by` is who asked for it.

    Raises VendorError before anything was done, and CannotDo as `number_orders.shop_of` does.
    """
    vendor, released = shop_of(account), Released()
    stock, released.done = number_orders.resolve_account(account, vendor, calls)
    if why := doubts(account, stock):
        raise CannotDo(f"{why}: nothing was released. If it is right, `manage.py sync_numbers {account.slug}` first.")
    for number in numbers:
        if not calls.has_time():
            released.failed.append("The rest was not tried, as the vendor takes too long: repeat it.")
            break
        _release_one(account, vendor, stock, number, unused_for, by, released, calls)
    return released


def _release_one(
    account: VendorAccount,
    vendor: NumberShop,
    stock: Stock,
    number: Number,
    unused_for: timedelta | None,
    by: str,
    released: Released,
    calls: Calls,
) -> None:
    number.refresh_from_db()
    if number.released_at is not None:
        return  # by an order that was open until now
    if number.e164 not in stock.numbers and not _lists_others(number, stock):
        released.failed.append(f"{mask(number.e164)} is not at the vendor, nor is another one of ours: {_WRONG}")
        return
    if needed := why_needed([number], unused_for).get(number.pk):
        released.left.append(f"{mask(number.e164)} is kept: {needed}.")
        return
    number_life.rest(number)
    order, needed = _begin(account, number, unused_for, by)
    if order is None:
        number_life.wake_left(account)
        released.left.append(f"{mask(number.e164)} is kept: {needed}.")
        return
    step = _ask(vendor, stock, number, calls)
    order.state = number_orders.settle(order, step)
    if order.state == State.UNCERTAIN:
        _look_again(account, vendor, order, released, calls)
    _tell(order, step, released)


def _lists_others(number: Number, stock: Stock) -> bool:
    """Whether the list is of the right account, as another one of our numbers is on it."""
    ours = Number.objects.filter(account=number.account_id, e164__in=stock.numbers, released_at=None)
    return ours.exclude(pk=number.pk).exists()


def _begin(
    account: VendorAccount, number: Number, unused_for: timedelta | None, by: str
) -> tuple[NumberOrder | None, str]:
    """The order, committed; None and why when the number is needed after all.

    A lease that is being made right now is not seen: its text is withdrawn instead of sent, as the statement that takes
    a text tests its number, and `number_life.drop_late_leases` deletes it.
    """
    with transaction.atomic(durable=True):
        row = Number.objects.select_for_update().get(pk=number.pk)
        needed = why_needed([row], unused_for).get(row.pk, "")
        if row.active or row.account_id != account.pk:
            needed = "somebody changed it meanwhile"
        if needed or row.released_at is not None:
            return None, needed or "it is released already"
        order = number_orders.opened(
            NumberOrder(account=account, action=Action.RELEASE, e164=row.e164, pool_id=row.pool_id, by=by[:150])
        )
        return order, "an order for it is open"


def _ask(vendor: NumberShop, stock: Stock, number: Number, calls: Calls) -> PaidStep:
    owned = stock.numbers.get(number.e164)
    try:
        # a list that changes while its pages are read may leave a number out: one that is missing is looked for again
        owned = owned or number_stock.read_stock(vendor, calls).numbers.get(number.e164)
    except VendorError as error:
        return PaidStep(kind=StepKind.REFUSED, reason=f"It was not asked for: {error}")
    if owned is None:
        return _GONE
    try:
        request = vendor.release_request(owned)
    except ValueError as error:
        return PaidStep(kind=StepKind.REFUSED, reason=f"It was not asked for: {error}")
    return calls.pay(request, vendor.released)


def _look_again(
    account: VendorAccount, vendor: NumberShop, order: NumberOrder, released: Released, calls: Calls
) -> None:
    try:
        stock, fresh = number_stock.read_stock(vendor, calls), NumberOrder.objects.get(pk=order.pk)
        ((_, order.state),) = number_orders.resolve(account, [fresh], vendor, stock, calls)
    except VendorError as error:
        released.failed.append(f"The list of numbers could not be read: {error}")


def _tell(order: NumberOrder, step: PaidStep, released: Released) -> None:
    words = number_orders.in_words(order, State(order.state))
    if order.state in (State.DONE, State.PENDING):
        released.done.append(words)
    else:
        released.failed.append(f"{words} {step.reason}".strip())


def condition(unused_for: timedelta | None) -> str:
    """The rule in words, for a plan."""
    time = describe_duration(unused_for) if unused_for is not None else "as long as its bridges keep a number"
    return f"not in use for {time}"
