"""Buying what a plan says: to repeat it buys only what is missing, and never twice.

What is wanted is compared with what is there in the transaction that writes the order, with pool and account locked:
two runs at once buy no more than one would.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from django.db import transaction

from smsbridge.models import Number, NumberOrder, Pool, VendorAccount
from smsbridge.services import number_orders
from smsbridge.services.accounts import callback_url
from smsbridge.services.number_orders import shop_of
from smsbridge.services.number_stock import read_stock
from smsbridge.services.numbers import register_numbers
from smsbridge.services.shopping import Goal, Plan, Price, check_pool, fitting, held, there
from smsbridge.services.vendor_calls import Calls, CannotDo
from smsbridge.vendors.abilities import NumberShop
from smsbridge.vendors.base import OfferedNumber, PaidStep, StepKind, VendorError

State = NumberOrder.State
Action = NumberOrder.Action

#: so many answers in a row that sell nothing end a run: the next ones would hardly be better, and each may be paid for
MOST_FAILURES = 3
#: seconds between two questions about an order that the vendor works on
PAUSE = 2.0
_DEAREST = Decimal("99999.99999")


@dataclass(slots=True)
class Bought:
    """What a run came to, in sentences with masked numbers. `missing` is how many are still wanted."""

    numbers: list[str] = field(default_factory=list)
    open: list[NumberOrder] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    missing: int = 0


def buy(plan: Plan, *, by: str, calls: Calls, patience: float = 0.0) -> Bought:
    """Buy what the plan says, unless it is there by now. No transaction may be open. `by` is who asked for it.

    Orders that the vendor works on are waited for `patience` seconds; then they stay open.
    """
    vendor, bought, left, failures = shop_of(plan.goal.account), Bought(), list(plan.prices), 0
    for offer, price in _affordable(plan, left, bought):
        if failures == MOST_FAILURES or not calls.has_time():
            bought.failed.append("The rest was not tried: repeat it when the cause is mended, or later.")
            break
        try:
            order = _begin(plan, offer, len(plan.prices) - len(left), by)
        except CannotDo as error:
            bought.failed.append(str(error))
            break
        if order is None:
            continue
        left.remove(price)
        failures = 0 if _buy_one(plan, vendor, offer, order, bought, calls) else failures + 1
        if order.state == State.REFUSED:
            left.append(price)
    _wait(plan, bought, calls, patience)
    _point(plan, bought, calls)
    bought.missing = max(plan.goal.total - there(plan.goal), 0)
    return bought


def _affordable(plan: Plan, left: list[Price], bought: Bought) -> Iterator[tuple[OfferedNumber, Price]]:
    """Offers as long as there is one of the agreed prices `left`, each with the one that it keeps to."""
    dearer = False
    for offer in plan.offers:
        price = fitting(offer, left)
        if price is not None:
            yield offer, price
        dearer = dearer or (price is None and bool(left))
    if dearer and left:
        bought.failed.append("Some cost more by now than what was shown, and were not bought: look again.")


def _begin(plan: Plan, offer: OfferedNumber, opened: int, by: str) -> NumberOrder | None:
    """The order, committed; None when no more is wanted or allowed, or somebody else is just buying the number.

    Raises CannotDo for a pool that may not hold it, by now.
    """
    goal = plan.goal
    with transaction.atomic(durable=True):
        # in this order everywhere; no_key: texts that refer to them are written meanwhile
        Pool.objects.select_for_update(no_key=True).get(pk=goal.pool.pk)
        account = VendorAccount.objects.select_for_update(no_key=True).defer("secrets").get(pk=goal.account.pk)
        check_pool(account, goal.pool)
        most = min(goal.most, plan.may_buy) - opened
        room = min(goal.total - there(goal), most, account.number_limit - len(held(account, plan.stock)))
        order = number_orders.opened(_order(goal, offer, by)) if room > 0 else None
        # only now: an order of somebody else that was just settled is a number by now
        if order is not None and Number.objects.filter(e164=offer.e164, released_at=None).exists():
            transaction.set_rollback(True)
            return None
        return order


def _order(goal: Goal, offer: OfferedNumber, by: str) -> NumberOrder:
    return NumberOrder(
        account=goal.account,
        action=Action.BUY,
        e164=offer.e164,
        pool=goal.pool,
        by=by[:150],
        price=_storable(offer.price),
        currency=offer.currency,
    )


def _storable(price: Decimal | None) -> Decimal | None:
    """As the column holds it: no vendor's price may keep an order from being written."""
    return None if price is None or not price.is_finite() else min(max(price, Decimal(0)), _DEAREST)


def _buy_one(
    plan: Plan, vendor: NumberShop, offer: OfferedNumber, order: NumberOrder, bought: Bought, calls: Calls
) -> bool:
    """Whether the vendor sold it, or works on it."""
    try:
        url = callback_url(plan.goal.account.slug, vendor, "inbound")
        request = vendor.buy_request(offer, inbound_url=url, reference=f"order-{order.pk}")
    except ValueError as error:
        step = PaidStep(kind=StepKind.REFUSED, reason=f"It was not asked for: {error}")
    else:
        step = calls.pay(request, vendor.bought)
    order.state = number_orders.settle(order, step)
    if order.state == State.UNCERTAIN:
        _look_again(vendor, order, bought, calls)
    words = number_orders.in_words(order, State(order.state))
    reason = f" {step.reason}" if step.reason and order.state != State.DONE else ""
    (bought.failed if order.state == State.REFUSED else bought.done).append(words + reason)
    if order.state == State.DONE:
        bought.numbers.append(order.e164)
    elif order.state in number_orders.OPEN:
        bought.open.append(order)
    return order.state in (State.DONE, State.PENDING)


def _look_again(vendor: NumberShop, order: NumberOrder, bought: Bought, calls: Calls) -> None:
    """The vendor's list may tell at once what an answer did not."""
    try:
        stock = read_stock(vendor, calls)
        fresh = NumberOrder.objects.get(pk=order.pk)
        ((_, order.state),) = number_orders.resolve(order.account, [fresh], vendor, stock, calls)
    except VendorError as error:
        bought.failed.append(f"The list of numbers could not be read: {error}")


def _wait(plan: Plan, bought: Bought, calls: Calls, patience: float) -> None:
    until = time.monotonic() + patience
    while (pending := [one for one in bought.open if one.state == State.PENDING]) and time.monotonic() < until:
        time.sleep(PAUSE)
        try:
            found = number_orders.ask_again(plan.goal.account, pending, calls)
        except VendorError as error:
            bought.failed.append(f"The orders could not be asked about: {error}")
            return
        settled = {order.pk: state for order, state in found if state not in number_orders.OPEN}
        for order in (one for one in bought.open if one.pk in settled):
            bought.done.append(number_orders.in_words(order, settled[order.pk]))
            bought.numbers += [order.e164] * (settled[order.pk] == State.DONE)
        bought.open = [one for one in bought.open if one.pk not in settled]


def _point(plan: Plan, bought: Bought, calls: Calls) -> None:
    if bought.numbers:
        told = register_numbers(plan.goal.account, dry_run=False, only=bought.numbers, calls=calls)
        bought.done += told.done
        bought.failed += told.failed
