"""Checks that were given up: why, and another try once the reason is gone."""

from collections.abc import Collection

from django.db.models import Count

from notifier import doorbell
from notifier.models import ReceiptCheck
from notifier.services.receipts import STAGE
from notifier.sql import Ids, run


def given_up(hooks: Collection[int]) -> list[tuple[str, str, int]]:
    """(slug of the hook, why, how many), for these hooks."""
    rows = ReceiptCheck.objects.filter(hook__in=hooks, due_at=None).values_list("hook__slug", "error")
    counted = rows.annotate(count=Count("message_id")).order_by("hook__slug", "error")
    return [(slug, error or "", count) for slug, error, count in counted]


def check_again(hooks: Collection[int]) -> int:
    """Let these hooks' given-up checks be due now; how many. Repeating it changes nothing."""
    count = run(
        "update notifier_receiptcheck set due_at = {now}, attempts = 0, error = null"
        " where due_at is null and hook_id {in:hooks}",
        hooks=Ids("bigint", sorted(hooks)),
    )
    if count:
        doorbell.ring_on_commit(STAGE)
    return count
