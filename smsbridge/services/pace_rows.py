"""The buckets of paces in the database, while Redis is away or none is configured. The database's clock counts."""

from collections.abc import Sequence
from datetime import UTC, datetime

from django.db import transaction

from notifier.sql import Rows, database_now, run
from smsbridge.models import Pace
from smsbridge.services.pace_rules import Bucket, Taken, Wish, decide, waits

_STAND_IN = "stand-in"
_NEVER = datetime.fromtimestamp(0, UTC)
_COLUMNS = {"name": "text", "ends": "timestamptz"}
_TURN = 0.05  # seconds until another worker, which is taking from a bucket right now, is done

#: a condition: some worker could not reach Redis, so none uses it for now
STANDS_IN = f"exists (select 1 from smsbridge_pace p where p.key = '{_STAND_IN}' and p.until > {{now}})"


def take(buckets: Sequence[Bucket], wishes: Sequence[Wish], now: float | None = None) -> Taken:
    """Grant what there is room for. A bucket that another worker has in hand counts as empty; nobody waits."""
    with transaction.atomic():
        spent = _lock(buckets)
        if len(spent) < len(buckets):
            _make(buckets)
            spent = _lock(buckets)
        clock = database_now().timestamp() if now is None else now
        before = [spent.get(bucket.key, clock + bucket.slack + _TURN) for bucket in buckets]
        granted, after = decide(clock, before, buckets, wishes)
        _store({b.key: until for b, until in zip(buckets, after, strict=True) if until > spent.get(b.key, until)})
    return Taken(granted, waits(clock, after, buckets))


def add(amounts: Sequence[tuple[Bucket, int]], now: float | None = None) -> None:
    """Spend so many segments of buckets whether there is room or not; give them back where negative."""
    with transaction.atomic():
        buckets = sorted({bucket for bucket, _ in amounts})
        _make(buckets)
        spent = _lock(buckets, wait=True)
        clock = database_now().timestamp() if now is None else now
        for bucket, count in amounts:
            spent[bucket.key] = max(spent[bucket.key], clock) + count / bucket.rate
        _store(spent)


def stand_in(seconds: float) -> None:
    """For so long no worker uses Redis."""
    run(
        "insert into smsbridge_pace (key, until) values (%(key)s, {now+seconds})"
        " on conflict (key) do update set until = excluded.until",
        key=_STAND_IN,
        seconds=seconds,
    )


def _lock(buckets: Sequence[Bucket], *, wait: bool = False) -> dict[str, float]:
    """Until when each is spent; those that another worker has in hand are left out unless we `wait`."""
    rows = Pace.objects.select_for_update(skip_locked=not wait).filter(key__in=[bucket.key for bucket in buckets])
    return {row.key: row.until.timestamp() for row in rows.order_by("key")}


def _make(buckets: Sequence[Bucket]) -> None:
    run(
        "insert into smsbridge_pace (key, until) select made.name, made.ends from {rows:made} where true"
        " on conflict (key) do nothing",
        made=Rows(_COLUMNS, [(bucket.key, _NEVER) for bucket in buckets]),
    )


def _store(spent: dict[str, float]) -> None:
    if spent:
        run(
            "update smsbridge_pace set until = made.ends from {rows:made} where smsbridge_pace.key = made.name",
            made=Rows(_COLUMNS, [(key, datetime.fromtimestamp(until, UTC)) for key, until in sorted(spent.items())]),
        )
