"""Orders of numbers that are not settled, and numbers that are paid for and rest by themselves, for `doctor`."""

from collections.abc import Iterable

from notifier.durations import rounded
from notifier.services.findings import Finding, note
from notifier.sql import database_now
from smsbridge.models import Number, NumberOrder
from smsbridge.phones import mask
from smsbridge.services import number_orders


def order_findings() -> Iterable[Finding]:
    """Each that is open for longer than a vendor's list should need to tell."""
    now = database_now()
    overdue = NumberOrder.objects.filter(state__in=number_orders.OPEN, created_at__lt=now - number_orders.GRACE)
    for order in overdue.select_related("account").defer("account__secrets").order_by("pk"):
        words = number_orders.in_words(order, number_orders.State(order.state)).rstrip(".")
        since = rounded(now - order.created_at)
        remedy = f"`manage.py sync_numbers {order.account.slug}` asks the vendor again, as the list of orders does."
        yield note(f"{words}, for {since} now. It counts as done until it is settled.", remedy)


def resting_findings() -> Iterable[Finding]:
    """Each that was bought a while ago and is not in use, as the texts to it would not come here, or that is gone."""
    fresh = NumberOrder.objects.filter(settled_at__gt=database_now() - number_orders.GRACE).values("e164")
    rests = Number.objects.filter(active=False, released_at=None).exclude(rests_for="").exclude(e164__in=fresh)
    open_ = NumberOrder.objects.filter(state__in=number_orders.OPEN).values("e164")
    for number in rests.exclude(e164__in=open_).select_related("account").defer("account__secrets").order_by("pk"):
        why = Number.Rest(number.rests_for).label
        remedy = f"`manage.py sync_numbers {number.account.slug}` says why, and mends it where it can."
        yield note(f"The number {mask(number.e164)} of {number.account.slug} rests: {why}.", remedy)
