"""The queue of HTTP calls to be made: putting rows in, and claiming those that are due."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from smsbridge.simulator.models import Delivery
from smsbridge.simulator.pump import pump

CLAIM = timedelta(seconds=60)
BATCH = 10


def put(*deliveries: Delivery) -> None:
    """Store calls to be made, in the caller's transaction; the delivery thread is woken after the commit."""
    Delivery.objects.bulk_create(deliveries)
    transaction.on_commit(pump.ring)


def due_lanes() -> list[str]:
    due = Delivery.objects.filter(due_at__lte=timezone.now()).order_by()
    return list(due.values_list("lane", flat=True).distinct())


def seconds_to_next(longest: float) -> float:
    """Until the next call that is not due yet, at most `longest`."""
    now = timezone.now()
    moment: datetime | None = Delivery.objects.filter(due_at__gt=now).aggregate(first=Min("due_at"))["first"]
    return longest if moment is None else min(longest, (moment - now).total_seconds())


def claim(lane: str) -> list[Delivery]:
    """Up to a batch of due calls of one receiver, ours alone for `CLAIM`; a killed process's come up again after it."""
    now = timezone.now()
    due = Delivery.objects.filter(lane=lane, due_at__lte=now).select_related("webhook", "text")[:BATCH]
    until = now + CLAIM
    return [row for row in due if Delivery.objects.filter(pk=row.pk, due_at=row.due_at).update(due_at=until)]
