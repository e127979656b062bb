"""Which ready texts may leave now: the one statement that moves them to `sending` tests everything once more."""

import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from notifier.services.hooks import LiveHook, hooks_with
from notifier.sql import Ids, Rows, fetch, moment, uuid_of
from smsbridge.services import withdrawing
from smsbridge.services.accounts import (
    LiveAccount,
    LiveBridge,
    forget_accounts,
    held_accounts,
    held_bridges,
    live_accounts,
    live_bridges,
    live_numbers,
)
from smsbridge.services.outcomes import Flight
from smsbridge.vendors.base import OutgoingSms


def claim(limit: int) -> list[Flight]:
    """Move due texts to `sending`, each tested once more in that very statement; withdraw those that fail the test."""
    token, claimed_at = uuid.uuid4(), time.monotonic()
    with transaction.atomic():
        due = _due(limit)
        if not due:
            return []
        ids, facts = _usable(due), held_back(moment(due[0][4]))
        rows = _to_sending(token, ids, facts)
        if len(rows) < len(ids):
            taken = {uuid_of(row[0]) for row in rows}
            withdrawing.sort_out([id_ for id_ in ids if id_ not in taken], facts)
        # Before the commit: a row of which no flight can be made must not stay in `sending`.
        return [_flight(token, row, live_accounts()[row[1]], claimed_at) for row in rows]


#: nothing that was made before it for the same thread on a phone is still to be sent
_IS_FIRST = (
    "s.id = (select e.id from smsbridge_outboundsms e where e.phone = s.phone and e.number_id = s.number_id"
    " and e.state in ('ready', 'sending') and coalesce(e.bridge_id, 0) = coalesce(s.bridge_id, 0)"
    " order by e.id limit 1)"
)


def _due(limit: int) -> list[tuple[Any, ...]]:
    """Due texts, of each thread on a phone only the oldest: what was said first arrives first.

    What is held back is not even looked at: a backlog that cannot be sent does not stand in the way of what can.
    """
    return fetch(
        "select s.id, s.account_id, s.number_id, s.bridge_id, {now} from smsbridge_outboundsms s"
        f" where s.state = 'ready' and s.next_at <= {{now}} and not ({withdrawing.HELD}) and {_IS_FIRST}"
        " order by s.next_at limit %(limit)s {lock:s}",
        limit=limit,
        **_held(),
    )


def _held() -> dict[str, Ids]:
    """What `withdrawing.HELD` needs to know."""
    bridges = live_bridges()
    hooks = hooks_with([bridge.hook for bridge in bridges.values()])
    return {"held": Ids("bigint", held_accounts()), "unusable": _unusable(bridges, hooks)}


def _unusable(bridges: Mapping[int, LiveBridge], hooks: Mapping[int, LiveHook]) -> Ids:
    """Bridges that cannot work, by themselves or by their hook."""
    return Ids("bigint", [*held_bridges(), *(id_ for id_, bridge in bridges.items() if bridge.hook not in hooks)])


def _usable(due: Sequence[tuple[Any, ...]]) -> list[uuid.UUID]:
    """Those whose account, number and bridge are known here; another process may have learnt of new ones first."""
    if not all(map(_is_known, due)):
        forget_accounts()
    known = [row for row in due if _is_known(row)]
    if len(known) < len(due):
        withdrawing.hold([uuid_of(row[0]) for row in due if not _is_known(row)])
    return [uuid_of(row[0]) for row in known]


def _is_known(row: tuple[Any, ...]) -> bool:
    _, account, number, bridge, _ = row
    return account in live_accounts() and number in live_numbers() and (bridge is None or bridge in live_bridges())


def _to_sending(token: uuid.UUID, ids: Sequence[uuid.UUID], facts: dict[str, Any]) -> list[tuple[Any, ...]]:
    return fetch(
        "update smsbridge_outboundsms set state = 'sending', claim = %(token)s, attempts = attempts + 1,"
        " next_at = {now+lasts} where id {in:ids} and state = 'ready'"
        f" and not ({withdrawing.OPTED_OUT}) and not ({withdrawing.STALE}) and not ({withdrawing.UNDRAINED})"
        f" and not ({withdrawing.PAUSED}) and not ({withdrawing.TOO_OLD}) and not ({withdrawing.UNLINKED})"
        " returning id, account_id, number_id, bridge_id, phone, text, unicode, attempts,"
        " (select b.dry_run from smsbridge_bridge b where b.id = bridge_id)",
        token=token,
        lasts=settings.SENDING_SECONDS,
        ids=Ids("uuid", ids),
        **facts,
    )


def held_back(now: datetime) -> dict[str, Any]:
    """What the conditions of `withdrawing` need to know of accounts, bridges and hooks. `now` is the database's."""
    bridges = live_bridges()
    hooks = hooks_with([bridge.hook for bridge in bridges.values()])
    usable = [bridge for bridge in bridges.values() if bridge.hook in hooks]
    ends = [(b.id, rank) for b in usable for rank in (0, 1, 2) if rank not in hooks[b.hook].ranks]
    return {
        "unusable": _unusable(bridges, hooks),
        "ends": Rows({"bridge_id": "bigint", "rank": "smallint"}, ends),
        "oldest": Rows(
            {"bridge_id": "bigint", "due_at": "timestamptz"}, [(b.id, now - b.max_age) for b in bridges.values()]
        ),
    }


def _flight(token: uuid.UUID, row: tuple[Any, ...], account: LiveAccount, claimed_at: float) -> Flight:
    id_, _, number, _, phone, text, unicode, attempts, dry_run = row
    sms = OutgoingSms(
        sender=live_numbers()[number].e164,
        recipient=phone,
        text=text,
        reference=uuid_of(id_).hex,
        unicode=bool(unicode),
        status_url=account.status_url,
    )
    return Flight(uuid_of(id_), token, account, attempts, sms, claimed_at, dry_run=bool(dry_run))


def seconds_to_next() -> float | None:
    """Of those that wait for an earlier one of their thread nobody knows when they are due."""
    rows = fetch(
        f"select s.next_at, {{now}} from smsbridge_outboundsms s where s.state = 'ready'"
        f" and not ({withdrawing.HELD}) and {_IS_FIRST} order by s.next_at limit 1",
        **_held(),
    )
    return max((moment(rows[0][0]) - moment(rows[0][1])).total_seconds(), 0.0) if rows else None
