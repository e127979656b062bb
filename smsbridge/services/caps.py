"""What a day may cost: texts to one phone, texts about one conversation, and the segments of a whole bridge.

A text counts once, when it moves to `sending` for the first time, in that very transaction; one that certainly was not
accepted and is made anew counts only as the new one. Claims of bridges with limits take turns by an advisory lock, so
that no two of them count at once and no limit is ever exceeded; who does not get it leaves such bridges to the next
claim, and works on all others.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from notifier.sql import Ids, database_now, fetch, run, try_lock, uuid_of
from smsbridge.models import Notice
from smsbridge.services import budgets, daily_use, withdrawing
from smsbridge.services.accounts import LiveBridge, live_bridges
from smsbridge.services.books import Books, Use, uses_of
from smsbridge.services.daily_use import Key, Kind, next_day
from smsbridge.services.policy import Limits

_LOCK = 7_405_004

#: the reason of notices that end by a cap; those of a budget wait
ENDS = {Kind.PHONE: Notice.Reason.PHONE_CAP, Kind.CONVERSATION: Notice.Reason.CONVERSATION_CAP}


@dataclass(frozen=True, slots=True)
class Taken:
    """A text that has just moved to `sending`. `attempts` includes this one."""

    id: uuid.UUID
    bridge: int | None
    attempts: int


@dataclass(frozen=True, slots=True)
class _Text:
    id: uuid.UUID
    bridge: int
    budget: int
    uses: list[Use]


def words_for(kind: Kind, limits: Limits) -> str:
    """Why something is not sent, as rows say it."""
    if kind is Kind.PHONE:
        return f"The phone had {limits.phone} texts today, as many as the bridge allows."
    if kind is Kind.CONVERSATION:
        return f"The conversation had {limits.conversation} texts today, as many as the bridge allows."
    return f"The bridge's budget of {limits.budget} segments for today is used up."


@dataclass(frozen=True, slots=True)
class Turn:
    """Bridges with limits: those that this claim may count, and those that it has to leave alone."""

    ours: Mapping[int, LiveBridge]
    others: Sequence[int]


def take_turn() -> Turn:
    """In the claim's transaction, and until its end. Without any limits it asks nothing of the database."""
    limited = {id_: bridge for id_, bridge in live_bridges().items() if bridge.limits is not None}
    if limited and not try_lock(_LOCK):
        return Turn({}, sorted(limited))
    return Turn(limited, [])


def count(turn: Turn, claim: uuid.UUID, taken: Sequence[Taken], now: datetime) -> set[uuid.UUID]:
    """Count texts that begin to be sent, in turn; those beyond a limit are taken back. Returns these.

    `now` is the database's. It is the claim's own transaction, so nobody ever sees the latter in `sending`.
    """
    texts = _limited(turn, taken)
    if not texts:
        return set()
    books = Books(now, (use for text in texts for use in text.uses))
    beyond: dict[tuple[int, Kind], list[uuid.UUID]] = defaultdict(list)
    for text in texts:
        kind = books.beyond(text.uses)
        if kind is None:
            books.add(text.uses)
        else:
            beyond[text.bridge, kind].append(text.id)
        if kind is Kind.BUDGET:
            books.close_budget(text.bridge, text.budget)
    daily_use.add(books.day, books.added)
    _take_back(turn, claim, beyond, now)
    for bridge in sorted({text.bridge for text in texts}):
        budgets.see_to(books, turn.ours[bridge], over=(bridge, Kind.BUDGET) in beyond)
    return {id_ for ids in beyond.values() for id_ in ids}


def uncount(ids: Sequence[uuid.UUID]) -> None:
    """Texts that the vendor certainly did not accept, and that are made anew, count only as these."""
    limited = {id_: bridge for id_, bridge in live_bridges().items() if bridge.limits is not None}
    if not ids or not limited:
        return
    rows = fetch(
        "select bridge_id, phone, conversation_id, segments from smsbridge_outboundsms where id {in:ids}"
        " and bridge_id {in:limited}",
        ids=Ids("uuid", list(ids)),
        limited=Ids("bigint", sorted(limited)),
    )
    amounts: Counter[Key] = Counter()
    for bridge, *of in rows:
        amounts.update({use.key: use.amount for use in uses_of(limited[bridge], *of)})
    if amounts:
        daily_use.take_off(daily_use.day_of(database_now()), amounts)


def may_uncount(bridge: LiveBridge) -> bool:
    """Whether the caller's transaction may do so now, or somebody else is counting. Nobody waits here."""
    return bridge.limits is None or try_lock(_LOCK)


def uncount_tried(bridge: LiveBridge, ids: Sequence[uuid.UUID]) -> None:
    """The same for those of these ready texts that were tried; of those made before today nobody knows when."""
    if bridge.limits is None or not ids:
        return
    rows = fetch(
        "select id from smsbridge_outboundsms where id {in:ids} and attempts > 0 and created_at >= {moment:since}",
        ids=Ids("uuid", list(ids)),
        since=next_day(database_now()) - timedelta(days=1),
    )
    uncount([uuid_of(id_) for (id_,) in rows])


def _limited(turn: Turn, taken: Sequence[Taken]) -> list[_Text]:
    """Those that are to be counted, oldest first: of bridges with limits, and never tried before."""
    ids = [one.id for one in taken if one.bridge in turn.ours and one.attempts == 1]
    if not ids:
        return []
    rows = fetch(
        "select id, bridge_id, phone, conversation_id, segments from smsbridge_outboundsms where id {in:ids}"
        " order by id",
        ids=Ids("uuid", ids),
    )
    return [_text(uuid_of(id_), turn.ours[bridge], *of) for id_, bridge, *of in rows]


def _text(id_: uuid.UUID, bridge: LiveBridge, phone: str, conversation: int, segments: int) -> _Text:
    budget = bridge.limits.budget if bridge.limits else None
    return _Text(id_, bridge.id, budget or 0, uses_of(bridge, phone, conversation, segments))


def _take_back(
    turn: Turn, claim: uuid.UUID, beyond: Mapping[tuple[int, Kind], Sequence[uuid.UUID]], now: datetime
) -> None:
    """As if they had never been claimed, and then withdrawn: notices end, or wait for the next day."""
    ids = [id_ for of_kind in beyond.values() for id_ in of_kind]
    if not ids:
        return
    run(
        "update smsbridge_outboundsms set state = 'ready', attempts = attempts - 1, claim = null, next_at = {now}"
        " where id {in:ids} and claim = %(claim)s and state = 'sending'",
        ids=Ids("uuid", ids),
        claim=claim,
    )
    for (bridge, kind), of_kind in beyond.items():
        limits = turn.ours[bridge].limits
        if limits is not None:
            # Of a bridge that is stopped nothing is composed anyway; once it is resumed nothing needs to wait.
            wait = (next_day(now) - now).total_seconds() if kind is Kind.BUDGET and not limits.stops else 0.0
            withdrawing.withdraw(of_kind, words_for(kind, limits), wait=wait, ends=ENDS.get(kind, ""))
