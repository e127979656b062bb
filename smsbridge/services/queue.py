"""The queue of ready texts: which are due, in which order, and when to look again. Nothing here changes a text.

What is held back is passed over, neither locked nor written: a backlog that cannot be sent does not stand in the way of
what can, and costs each look only the time to read past it, some milliseconds for 50,000 texts. Held back are texts of
whatever is paused or misconfigured, those of a vendor that does not work, and those beyond a pace.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from notifier.services.hooks import LiveHook, hooks_with
from notifier.sql import Ids, fetch, moment, seconds_between, uuid_of
from smsbridge.services import breaker, pace_rows, pacing, withdrawing
from smsbridge.services.accounts import LiveBridge, held_accounts, held_bridges, live_bridges

_LOOKS_AT = 256  # texts among which those of paced numbers are found: each number's oldest come first


@dataclass(frozen=True, slots=True)
class Ready:
    """A text that is due and locked. `probes`: its account's breaker is open, and it may try whether all is well again.

    `now` is the database's clock; `country` and `zones` are as they were stored with it, perhaps empty.
    """

    id: uuid.UUID
    account: int
    number: int
    bridge: int | None
    segments: int
    phone: str
    country: str
    zones: str
    probes: bool
    now: datetime

    @property
    def paced(self) -> pacing.Text:
        return pacing.Text(self.id, self.account, self.number, self.segments)


#: nothing that was made before it for the same thread on a phone is still to be sent; by the same account, as what an
#: account holds back must not hold back what is written after its number was moved to another one
_IS_FIRST = (
    "s.id = (select e.id from smsbridge_outboundsms e where e.phone = s.phone and e.number_id = s.number_id"
    " and e.account_id = s.account_id and e.state in ('ready', 'sending')"
    " and coalesce(e.bridge_id, 0) = coalesce(s.bridge_id, 0) order by e.id limit 1)"
)
_READY = f"s.state = 'ready' and not ({withdrawing.HELD}) and {_IS_FIRST}"
_IS_DUE = f"s.next_at <= {{now}} and {_READY}"
_IS_OPEN = f"s.account_id in ({breaker.OPEN})"
#: answers to keywords are charged to the pace, but do not queue for it
_IS_PACED = "s.purpose = 'notice' and s.account_id {in:paced}"
_IS_RIPE = "s.purpose = 'notice' and s.account_id {in:ripe} and not (s.number_id {in:resting})"

_SELECT = (
    "select s.id, s.account_id, s.number_id, s.bridge_id, s.segments, s.phone, s.country, s.zones,"
    f" {_IS_OPEN}, {{now}}, exists ({breaker.OPEN}) from smsbridge_outboundsms s where "
)


def due(limit: int, silent: Collection[int] = (), others: Collection[int] = ()) -> list[Ready]:
    """Due texts that no pace holds, of each thread on a phone only the oldest: what was said first arrives first.

    None of the accounts `silent` and the bridges `others`. In the claim's transaction.
    """
    if limit <= 0:
        return []
    paced = pacing.paced()
    unpaced = f" and not ({_IS_PACED})" if paced else ""
    rows = fetch(
        f"{_SELECT} {_IS_DUE} and not ({_IS_OPEN}) {unpaced} order by s.next_at limit %(limit)s {{lock:s}}",
        limit=limit,
        **_held(silent, others),
        **({"paced": Ids("bigint", paced)} if paced else {}),
    )
    return _made(rows)


def probes(limit: int, silent: Collection[int] = (), others: Collection[int] = ()) -> list[Ready]:
    """Of each account whose breaker may be tried, the text that is due longest. In the claim's transaction."""
    if not breaker.some_open():
        return []
    waiting = f"{_IS_DUE} and (not ({_IS_PACED}) or ({_IS_RIPE}))"
    rows = fetch(
        f"{_SELECT} s.state = 'ready' and s.id in (select (select s.id from smsbridge_outboundsms s"
        f"  where s.account_id = half.account_id and {waiting} order by s.next_at limit 1)"
        f" from ({breaker.HALF_OPEN}) half) order by s.next_at limit %(limit)s {{lock:s}}",
        limit=limit,
        **_held(silent, others),
        **_paces(),
    )
    return _made(rows)


def paced_candidates(limit: int, silent: Collection[int] = ()) -> tuple[list[pacing.Text], bool]:
    """Due texts that a pace may let leave, each number's oldest first; and whether the database keeps the paces now.

    Nothing is locked, as a pace is asked while no transaction is open.
    """
    paces = _paces()
    if not paces["ripe"].values:
        return [], False
    rows = fetch(
        "select id, account_id, number_id, segments, stands_in from ("
        "select c.*, row_number() over (partition by c.number_id order by c.next_at, c.id) as place from ("
        f"select s.id, s.account_id, s.number_id, s.segments, s.next_at, {pace_rows.STANDS_IN} as stands_in"
        f" from smsbridge_outboundsms s where {_IS_DUE} and {_IS_RIPE} and not ({_IS_OPEN})"
        " order by s.next_at limit %(looks_at)s) c) d order by place, next_at limit %(limit)s",
        looks_at=max(limit, _LOOKS_AT),
        limit=limit,
        **_held(silent),
        **paces,
    )
    texts = [pacing.Text(uuid_of(id_), account, number, segments) for id_, account, number, segments, _ in rows]
    return texts, any(row[4] for row in rows)


def lock(ids: Sequence[uuid.UUID], silent: Collection[int] = (), others: Collection[int] = ()) -> list[Ready]:
    """Those of these texts that are still due and that nobody else is claiming. In the claim's transaction."""
    if not ids:
        return []
    rows = fetch(
        f"{_SELECT} s.id {{in:ids}} and {_IS_DUE} and not ({_IS_OPEN}) {{lock:s}}",
        ids=Ids("uuid", ids),
        **_held(silent, others),
    )
    return _made(rows)


def seconds_to_next() -> float | None:
    """Seconds until the next text is due, 0 when overdue; None when no time is known.

    Of those that wait for an earlier one of their thread nobody knows when they are due.
    """
    paced = pacing.paced()
    unpaced = f" and (not ({_IS_PACED}) or ({_IS_RIPE}))" if paced else ""
    ((next_at, now, some_open),) = fetch(
        f"select (select s.next_at from smsbridge_outboundsms s where {_READY} and not ({_IS_OPEN}) {unpaced}"
        f" order by s.next_at limit 1), {{now}}, exists ({breaker.OPEN})",
        **_held(),
        **(_paces() if paced else {}),
    )
    breaker.note(bool(some_open))
    moments = [*([next_at] if next_at is not None else []), *(_next_probes() if some_open else [])]
    seconds = [seconds_between(now, one) for one in moments]
    room = pacing.seconds_to_room(paced) if paced else None
    return min([*seconds, *([room] if room is not None else [])], default=None)


def _next_probes() -> list[Any]:
    """When each open breaker has both its time and a text to try."""
    rows = fetch(
        "select case when p.at > p.probe_at then p.at else p.probe_at end from (select b.probe_at,"
        " (select s.next_at from smsbridge_outboundsms s where s.account_id = b.account_id and"
        f"   {_READY} and (not ({_IS_PACED}) or ({_IS_RIPE})) order by s.next_at limit 1) as at"
        " from smsbridge_breaker b where b.opened_at is not null) p where p.at is not null",
        **_held(),
        **_paces(),
    )
    return [at for (at,) in rows]


def _paces() -> dict[str, Ids]:
    ripe = pacing.ripe()
    return {
        "paced": Ids("bigint", pacing.paced()),
        "ripe": Ids("bigint", ripe.accounts),
        "resting": Ids("bigint", ripe.resting_numbers),
    }


def unusable(bridges: Mapping[int, LiveBridge], hooks: Mapping[int, LiveHook]) -> list[int]:
    """Bridges that cannot work, by themselves or by their hook."""
    return [*held_bridges(), *(id_ for id_, bridge in bridges.items() if bridge.hook not in hooks)]


def _held(silent: Collection[int] = (), others: Collection[int] = ()) -> dict[str, Ids]:
    """What `withdrawing.HELD` needs to know."""
    bridges = live_bridges()
    hooks = hooks_with([bridge.hook for bridge in bridges.values()])
    return {
        "held": Ids("bigint", [*held_accounts(), *silent]),
        "unusable": Ids("bigint", [*unusable(bridges, hooks), *others]),
    }


def _made(rows: Sequence[tuple[Any, ...]]) -> list[Ready]:
    if rows:
        breaker.note(bool(rows[0][-1]))
    return [_ready(*row) for row in rows]


def _ready(id_: Any, *row: Any) -> Ready:
    account, number, bridge, segments, phone, country, zones, probes, now, _ = row
    return Ready(
        uuid_of(id_), account, number, bridge, segments, phone, country, zones, probes=bool(probes), now=moment(now)
    )
