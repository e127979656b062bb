"""Claiming due notices: a bridge that is paused or cannot be used is passed over, and a digest is claimed whole."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from notifier.services.hooks import LiveHook, hooks_with
from notifier.sql import Ids, Rows, fetch, run, seconds_between, try_lock
from notifier.takeovers import count_taken_over, taken_over
from smsbridge.services.accounts import LiveBridge, live_bridges

_LOCK = 7_405_001  # an advisory lock's key: claims take turns, so that a digest is not split between workers
_MOST_BATCHES = 4

_GROUP = {"bridge_id": "bigint", "conversation_id": "bigint", "user_id": "text"}


class NotOurTurnError(Exception):
    """Another worker is claiming: nothing was claimed. It takes milliseconds, so look again soon."""


@dataclass(frozen=True, slots=True)
class Working:
    """A bridge that is neither paused nor misconfigured, and its hook. What others hold back waits untouched."""

    bridge: LiveBridge
    hook: LiveHook


def working() -> dict[int, Working]:
    """By primary key of the bridge."""
    bridges = {id_: bridge for id_, bridge in live_bridges().items() if not bridge.paused}
    hooks = hooks_with({bridge.hook for bridge in bridges.values()})
    return {id_: Working(bridge, hooks[bridge.hook]) for id_, bridge in bridges.items() if bridge.hook in hooks}


def claim_due(claim: uuid.UUID, limit: int, of: dict[int, Working]) -> list[int]:
    """Due notices, and with those on a bridge with digest all due ones of the same person and conversation.

    At most four times `limit`, unless a single digest holds more. Claimed for CLAIM_SECONDS, inside the caller's
    transaction. Raises NotOurTurnError.
    """
    if not try_lock(_LOCK):
        raise NotOurTurnError
    first = fetch(
        "update smsbridge_notice set claim = %(claim)s, next_at = {now+lasts}, attempts = attempts + 1"
        " where id in (select n.id from smsbridge_notice n where n.state = 'waiting' and n.next_at <= {now}"
        "   and n.bridge_id {in:bridges} order by n.next_at limit %(limit)s {lock:n})"
        f" returning id, bridge_id, conversation_id, user_id, {taken_over('smsbridge_notice')}",
        claim=claim,
        lasts=settings.CLAIM_SECONDS,
        limit=limit,
        bridges=Ids("bigint", sorted(of)),
    )
    first = count_taken_over("compose", first)
    digests = [row for row in first if of[row[1]].bridge.digest]
    more = _more_of({row[1:] for row in digests})
    put_back = _too_many(more, len(first))
    _release(claim, [row[0] for row in digests if row[1:] in put_back])
    kept = [row[0] for row in first if row[1:] not in put_back]
    return kept + _claim_groups(claim, sorted(set(more) - put_back))


def _more_of(groups: set[tuple[Any, ...]]) -> dict[tuple[Any, ...], int]:
    """How many more notices of the same bridge, person and conversation are due, where there are any."""
    if not groups:
        return {}
    rows = fetch(
        "select n.bridge_id, n.conversation_id, n.user_id, count(*) from {rows:together} join smsbridge_notice n"
        " on n.bridge_id = together.bridge_id and n.conversation_id = together.conversation_id"
        " and n.user_id = together.user_id where n.state = 'waiting' and n.next_at <= {now}"
        " group by n.bridge_id, n.conversation_id, n.user_id",
        together=Rows(_GROUP, sorted(groups)),
    )
    return {tuple(row[:3]): row[3] for row in rows}


def _too_many(more: dict[tuple[Any, ...], int], claimed: int) -> set[tuple[Any, ...]]:
    """Digests that go beyond what one step may hold in memory: the next one takes them. One is always kept."""
    room = _MOST_BATCHES * settings.COMPOSE_BATCH - claimed
    put_back: set[tuple[Any, ...]] = set()
    for index, (group, size) in enumerate(sorted(more.items())):
        room -= size
        if room < 0 and index:
            put_back.add(group)
    return put_back


def _release(claim: uuid.UUID, notices: Sequence[int]) -> None:
    if notices:
        run(
            "update smsbridge_notice set claim = null, next_at = {now}, attempts = attempts - 1"
            " where id {in:ids} and claim = %(claim)s",
            ids=Ids("bigint", notices),
            claim=claim,
        )


def _claim_groups(claim: uuid.UUID, groups: Sequence[tuple[Any, ...]]) -> list[int]:
    if not groups:
        return []
    rows = fetch(
        "update smsbridge_notice set claim = %(claim)s, next_at = {now+lasts}, attempts = attempts + 1"
        " where id in (select n.id from smsbridge_notice n join {rows:together} on n.bridge_id = together.bridge_id"
        "   and n.conversation_id = together.conversation_id and n.user_id = together.user_id"
        "   where n.state = 'waiting' and n.next_at <= {now} {lock:n})"
        f" returning id, {taken_over('smsbridge_notice')}",
        claim=claim,
        lasts=settings.CLAIM_SECONDS,
        together=Rows(_GROUP, groups),
    )
    return [id_ for (id_,) in count_taken_over("compose", rows)]


def prolong(claim: uuid.UUID, notices: Sequence[int]) -> None:
    """Another CLAIM_SECONDS for those that are still claimed: somebody else's code took its time."""
    run(
        "update smsbridge_notice set next_at = {now+lasts}"
        " where id {in:ids} and claim = %(claim)s and state = 'waiting'",
        lasts=settings.CLAIM_SECONDS,
        ids=Ids("bigint", notices),
        claim=claim,
    )


def seconds_to_next() -> float | None:
    """Seconds until the next notice is due (0 when overdue), None when there is none. What is held back has no time."""
    ((next_at, now),) = fetch(
        "select min(next_at), {now} from smsbridge_notice where state = 'waiting' and bridge_id {in:bridges}",
        bridges=Ids("bigint", sorted(working())),
    )
    return None if next_at is None else seconds_between(now, next_at)
