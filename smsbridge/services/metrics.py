"""The SMS side's figures of this moment: what waits, what is late, what needs a person, pools, breakers, accounts."""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import wraps

from django.db.models import Count, Q
from prometheus_client.metrics_core import Metric

from notifier.services.metrics import gauge
from notifier.sql import fetch
from smsbridge.models import Pool, VendorAccount
from smsbridge.services import costs
from smsbridge.services.accounts import held_accounts, held_bridges
from smsbridge.services.backlog import decisions
from smsbridge.services.overdue import overdue, stages

_KEEP_SECONDS = 30.0
_CAN_BE_ANSWERED = Q(numbers__active=True, numbers__one_way=False)

Families = list[Metric]


def kept(look: Callable[[], Families]) -> Callable[[], Families]:
    """Looked at every half minute at most: such a look reads whole tables.

    By one thread at a time. Who comes meanwhile gets what was found before, at first nothing: the look may hang.
    """
    mutex = threading.Lock()
    found: Families = []
    looked_at = float("-inf")

    @wraps(look)
    def call() -> Families:
        nonlocal found, looked_at
        if time.monotonic() - looked_at > _KEEP_SECONDS and mutex.acquire(blocking=False):
            try:
                found, looked_at = look(), time.monotonic()
            finally:
                mutex.release()
        return found

    return call


def families() -> Iterable[Metric]:
    yield from _rows()
    yield _breakers()
    yield gauge(
        "smsbridge_misconfigured",
        "Vendor accounts and bridges that cannot be used as they are configured; doctor says why.",
        ["kind"],
        [(("account",), float(len(held_accounts()))), (("bridge",), float(len(held_bridges())))],
    )
    yield from _slow()


def _rows() -> Families:
    late = {waiting.stage: seconds for waiting, seconds in overdue()}
    found = stages()
    return [
        gauge(
            "smsbridge_rows_waiting",
            "Rows that a stage has still to do, due or not; counted up to 100000.",
            ["stage"],
            (((waiting.stage,), float(waiting.count())) for waiting in found),
        ),
        gauge(
            "smsbridge_oldest_overdue_seconds",
            "For how long a stage's oldest row has been due that nothing holds back.",
            ["stage"],
            (((waiting.stage,), late.get(waiting.stage, 0.0)) for waiting in found),
        ),
    ]


def _breakers() -> Metric:
    rows = VendorAccount.objects.values_list("slug", "breaker__opened_at").order_by("slug")
    return gauge(
        "smsbridge_breaker_open",
        "1 while the texts of a vendor account wait because its vendor fails.",
        ["account"],
        (((slug,), float(opened_at is not None)) for slug, opened_at in rows),
    )


def _cost() -> Metric:
    """By the roll-up's sums, so at most an hour old."""
    now = costs.today()
    days = {now: "today", now - timedelta(days=1): "yesterday"}
    found = costs.grouped(costs.between(min(days), now), ["day"])
    return gauge(
        "smsbridge_cost",
        "What texts cost today and yesterday (UTC), told by vendors or estimated, as last added up.",
        ["day", "currency"],
        (((days[day], cost.currency or "unknown"), float(cost.total)) for (day,), cost in found),
    )


@kept
def _slow() -> Families:
    pools = list(_pools())
    return [
        _cost(),
        gauge(
            "smsbridge_needs_decision",
            "Rows that wait for a person's decision.",
            ["kind"],
            (((kind,), float(count)) for kind, count in decisions()),
        ),
        gauge(
            "smsbridge_pool_free_ratio",
            "Of the numbers of a pool on each phone that it is in use on, the share that stands for no conversation.",
            ["pool"],
            (((name,), free) for name, free, _ in pools),
        ),
        gauge(
            "smsbridge_pool_full_phones",
            "Phones on which every number of a pool stands for a conversation: the next one has none.",
            ["pool"],
            (((name,), float(full)) for name, _, full in pools),
        ),
    ]


def _pools() -> Iterable[tuple[str, float, int]]:
    """Name, share that is free, and phones without any that is. Nothing is free in a pool without numbers."""
    used = _used()
    counted = Pool.objects.annotate(active=Count("numbers", filter=_CAN_BE_ANSWERED)).order_by("name")
    for pk, name, numbers in counted.values_list("pk", "name", "active"):
        phones, leases, full = used.get(pk, (0, 0, 0))
        places = phones * numbers
        yield name, 1 - leases / places if places else float(numbers > 0), full


def _used() -> dict[int, tuple[int, int, int]]:
    """By pool: phones with live leases, these leases, and the phones of which every number is taken."""
    rows = fetch(
        "select taken.pool_id, count(*), sum(taken.leases),"
        " sum(case when taken.leases >= (select count(*) from smsbridge_number a"
        "   where a.pool_id = taken.pool_id and a.active and not a.one_way) then 1 else 0 end)"
        " from (select n.pool_id, l.phone, count(*) as leases from smsbridge_lease l"
        "  join smsbridge_number n on n.id = l.number_id"
        "  where l.expires_at > {now} and n.active and not n.one_way and n.pool_id is not null"
        "  group by n.pool_id, l.phone) taken"
        " group by taken.pool_id"
    )
    return {pool: (int(phones), int(leases), int(full)) for pool, phones, leases, full in rows}
