"""The counters of caps and budgets: how much of each a day (UTC) has used. Rows only for what has a limit."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta

from notifier.sql import Rows, fetch, run
from smsbridge.models import DailyUse

Kind = DailyUse.Kind
#: bridge, kind, and a phone, a conversation's primary key, or empty for the budget
Key = tuple[int, str, str]

#: the budget's second entry: the budget that was used up that day, as a text did not fit into what was left of it
USED_UP = "used up"

_COLUMNS = {"bridge_id": "bigint", "kind": "text", "key": "text", "used": "integer"}


def day_of(now: datetime) -> date:
    return now.astimezone(UTC).date()


def next_day(now: datetime) -> datetime:
    """The first moment of the next one."""
    return datetime.combine(day_of(now) + timedelta(days=1), time(), UTC)


def budget_key(bridge: int) -> Key:
    return bridge, Kind.BUDGET.value, ""


def used_up_key(bridge: int) -> Key:
    return bridge, Kind.BUDGET.value, USED_UP


def read(day: date, keys: Collection[Key]) -> dict[Key, int]:
    """What has been used so far, where that is anything."""
    columns = {name: type_ for name, type_ in _COLUMNS.items() if name != "used"}
    rows = fetch(
        "select u.bridge_id, u.kind, u.key, u.used from {rows:wanted} join smsbridge_dailyuse u"
        " on u.bridge_id = wanted.bridge_id and u.kind = wanted.kind and u.key = wanted.key where u.day = %(day)s",
        wanted=Rows(columns, sorted(keys)),
        day=day,
    )
    return {(bridge, kind, key): used for bridge, kind, key, used in rows}


def add(day: date, amounts: Mapping[Key, int]) -> None:
    run(
        "insert into smsbridge_dailyuse (bridge_id, day, kind, key, used)"
        " select new.bridge_id, %(day)s, new.kind, new.key, new.used from {rows:new} where true"
        " on conflict (day, bridge_id, kind, key) do update set used = smsbridge_dailyuse.used + excluded.used",
        day=day,
        new=Rows(_COLUMNS, [(*key, amount) for key, amount in sorted(amounts.items())]),
    )


def take_off(day: date, amounts: Mapping[Key, int]) -> None:
    """What was added to that day before, as it was not used after all. A budget that was used up is not so any more."""
    run(
        "update smsbridge_dailyuse set used = smsbridge_dailyuse.used - gone.used from {rows:gone}"
        " where smsbridge_dailyuse.day = %(day)s and smsbridge_dailyuse.bridge_id = gone.bridge_id"
        " and smsbridge_dailyuse.kind = gone.kind and smsbridge_dailyuse.key = gone.key"
        " and smsbridge_dailyuse.used >= gone.used",
        day=day,
        gone=Rows(_COLUMNS, [(*key, amount) for key, amount in sorted(amounts.items())]),
    )
    budgets = {bridge for bridge, kind, _ in amounts if kind == Kind.BUDGET.value}
    if budgets:
        DailyUse.objects.filter(day=day, bridge__in=budgets, kind=Kind.BUDGET, key=USED_UP).delete()


def mark_used_up(day: date, budgets: Iterable[tuple[int, int]]) -> set[int]:
    """Close the day for these bridges at these budgets; returns those for which that is new."""
    rows = fetch(
        "insert into smsbridge_dailyuse (bridge_id, day, kind, key, used)"
        " select new.bridge_id, %(day)s, new.kind, new.key, new.used from {rows:new} where true"
        " on conflict (day, bridge_id, kind, key) do update set used = excluded.used"
        " where smsbridge_dailyuse.used < excluded.used returning bridge_id",
        day=day,
        new=Rows(_COLUMNS, [(*used_up_key(bridge), budget) for bridge, budget in sorted(budgets)]),
    )
    return {bridge for (bridge,) in rows}
