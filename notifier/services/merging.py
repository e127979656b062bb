"""Merging events into the chat's facts. Events come at least once and in any order, so every merge is by rank:

a receipt only rises, a deletion stays, a message becomes known once. Rows are sorted by key before they are
written, so that two workers lock them in the same order.

A deletion counts whoever it is by: moderators delete what others wrote, and the platform has looked at who may before
it tells us (a Matrix homeserver checks the power levels of a redaction). Of edits that cannot be said: see `edits`.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from notifier import doorbell
from notifier.platforms.base import ChatEvent, Kind, MessageFacts, Rank
from notifier.services import conversations, edits, participants, rules, watermarks
from notifier.services.contents import as_json, contents
from notifier.services.conversations import Arrived
from notifier.services.edits import Person
from notifier.services.hooks import LiveHook, live_hooks
from notifier.services.positions import position_of
from notifier.sql import Ids, Rows, fetch, run

log = logging.getLogger(__name__)

CHECKS = "check"
#: Countdowns are short: what is due later is found by the sweep, which rings again when its time is near.
LONGEST_COUNTDOWN = timedelta(minutes=15)
_LONGEST_WAIT = timedelta(weeks=1)


@dataclass(slots=True)
class _Facts:
    """What a batch of events says of one message, merged."""

    conversation: str
    trace: int | None = None
    message: MessageFacts | None = None
    received_at: datetime | None = None
    sent_at: datetime | None = None
    position: int | None = None
    to_participants: bool = False
    edited: dict[Person, tuple[MessageFacts, datetime]] = field(default_factory=dict)
    deleted_at: datetime | None = None
    ranks: dict[str, int] = field(default_factory=dict)


def merge(chat_app: int, hooks: Sequence[LiveHook], arrived: Iterable[Arrived]) -> None:
    """Merge the events of one chat app, and plan a check per receipts hook for each message that became known."""
    arrived = rules.applied(chat_app, list(arrived))
    platform = next((hook.platform for hook in live_hooks().values() if hook.chat_app == chat_app), None)
    in_order = platform is not None and platform.in_order
    facts = _gather(arrived, in_order=in_order)
    found = conversations.known(chat_app, arrived, platform)
    participants.change(found, arrived, platform)
    if facts:
        ids, known, appeared = _messages(chat_app, facts, found)
        edited = [(ids[key], one) for key, fact in facts.items() for one in fact.edited.values()]
        edits.apply([edits.edit(id_, *one) for id_, one in edited], appeared)
        _receipts(ids, facts)
        participants.address([ids[key] for key in known if facts[key].to_participants])
        _checks(hooks, [(ids[key], facts[key]) for key in known])
    watermarks.note(chat_app, found, arrived, platform)
    # What is older has been told of by now, or is too old to be.
    longest = max((hook.delay for hook in hooks), default=timedelta(0)) + _LONGEST_WAIT
    conversations.departures(found, arrived, within=longest, in_order=in_order)


def _gather(arrived: Sequence[Arrived], *, in_order: bool) -> dict[str, _Facts]:
    facts: dict[str, _Facts] = {}
    for one in arrived:
        received_at, event, trace, _ = one
        if event.message is None or event.conversation is None:
            continue
        fact = facts.setdefault(event.message.id, _Facts(event.conversation, trace))
        if event.kind is Kind.SENT and fact.message is None:
            fact.message, fact.received_at, fact.trace = event.message, received_at, trace
            fact.sent_at = _sent_at(one, in_order=in_order)
            fact.position = None if event.message.aside else position_of(one, in_order=in_order)
            fact.to_participants = event.to_participants
        elif event.kind is Kind.EDITED:
            _edit(fact, event.message, event.at or received_at)
        elif event.kind is Kind.DELETED:
            fact.deleted_at = event.at or received_at
        _raise_ranks(fact.ranks, event, event.message.sender_id)
    return dict(sorted(facts.items()))


def _sent_at(arrived: Arrived, *, in_order: bool) -> datetime:
    """By the platform's stamp. Where events come in order, stamps are of many clocks: then not after it was received,
    so that whoever leaves afterwards has left after it.
    """
    stamp = arrived.event.message.sent_at if arrived.event.message else None
    return arrived.received_at if stamp is None or (in_order and stamp > arrived.received_at) else stamp


def _edit(fact: _Facts, edited: MessageFacts, at: datetime) -> None:
    """Of each editor the newest: which of them may edit the message is seen when that is known."""
    editor = edits.person(edited)
    if editor not in fact.edited or fact.edited[editor][1] <= at:
        fact.edited[editor] = edited, at


def _raise_ranks(ranks: dict[str, int], event: ChatEvent, sender: str | None) -> None:
    for user, rank in event.statuses.items():
        if not conversations.fits(user):
            log.warning("A recipient is left out of the message's receipts: the user's id is too long.")
            continue
        # What a receipt's snapshot calls "sent" is no news, and may be older than what is known.
        news = rank > Rank.SENT or event.kind is Kind.SENT
        if news and user != sender and rank >= ranks.get(user, 0):
            ranks[user] = int(rank)


_MESSAGE_COLUMNS = {
    "conversation_id": "bigint",
    "key": "text",
    "sender_id": "text",
    "sender_name": "text",
    "body": "text",
    "parts": "text",
    "sent_at": "timestamptz",
    "position": "bigint",
    "to_participants": "boolean",
    "deleted_at": "timestamptz",
    "trace": "bigint",
}


def _messages(
    chat_app: int, facts: dict[str, _Facts], found: dict[str, int]
) -> tuple[dict[str, int], list[str], list[int]]:
    """Primary keys of all messages, and which of them became known just now (and are not deleted).

    Then those of which something else was told before they themselves were seen or deleted just now. All rows stay
    locked until the transaction ends, also those that were not changed (PostgreSQL, INSERT, "ON CONFLICT Clause").
    """
    written = fetch(
        "insert into notifier_message"
        " (chat_app_id, conversation_id, key, sender_id, sender_name, text, parts, sent_at, position,"
        " to_participants, deleted_at, trace, changed_at)"
        " select %(app)s, new.conversation_id, new.key, new.sender_id, new.sender_name, new.body,"
        f" {as_json('new.parts')}, new.sent_at, new.position, new.to_participants, new.deleted_at, new.trace,"
        # Of what was never seen itself nothing else tells its age, by which it is forgotten.
        " case when new.sent_at is null and new.deleted_at is null then {now} end from {rows:new} where true"
        " on conflict (chat_app_id, key) do update set"
        " sender_id = coalesce(notifier_message.sender_id, excluded.sender_id),"
        " sender_name = coalesce(notifier_message.sender_name, excluded.sender_name),"
        " text = case when coalesce(notifier_message.deleted_at, excluded.deleted_at) is not null then ''"
        "   when notifier_message.sent_at is null then excluded.text"
        "   else notifier_message.text end,"
        " parts = case when coalesce(notifier_message.deleted_at, excluded.deleted_at) is not null then null"
        "   when notifier_message.sent_at is null then excluded.parts"
        "   else notifier_message.parts end,"
        " trace = case when notifier_message.sent_at is null and excluded.sent_at is not null then excluded.trace"
        "   else notifier_message.trace end,"
        " sent_at = coalesce(notifier_message.sent_at, excluded.sent_at),"
        " position = coalesce(notifier_message.position, excluded.position),"
        " to_participants = coalesce(notifier_message.to_participants, excluded.to_participants),"
        " deleted_at = coalesce(notifier_message.deleted_at, excluded.deleted_at)"
        " where (notifier_message.sent_at is null and excluded.sent_at is not null)"
        "   or (notifier_message.deleted_at is null and excluded.deleted_at is not null)"
        " returning id, key, deleted_at, changed_at is not null",
        app=chat_app,
        new=Rows(_MESSAGE_COLUMNS, [_message_row(key, fact, found) for key, fact in facts.items()]),
    )
    ids = {key: id_ for id_, key, *_ in written}
    known = [key for _, key, deleted_at, _ in written if deleted_at is None and facts[key].message is not None]
    appeared = [id_ for id_, key, _, told_of in written if told_of and (facts[key].message or facts[key].deleted_at)]
    ids |= _find_messages(chat_app, [key for key in facts if key not in ids])
    return ids, known, appeared


def _find_messages(chat_app: int, keys: Sequence[str]) -> dict[str, int]:
    if not keys:
        return {}
    rows = fetch(
        "select key, id from notifier_message where chat_app_id = %(app)s and key {in:keys}",
        app=chat_app,
        keys=Ids("text", keys),
    )
    return dict(rows)


def _message_row(key: str, fact: _Facts, found: dict[str, int]) -> tuple[object, ...]:
    shown = None if fact.deleted_at else fact.message
    text, parts = contents(shown) if shown else ("", None)
    message = fact.message
    return (
        found[fact.conversation],
        key,
        message.sender_id if message else None,
        message.sender_name if message else None,
        text,
        parts,
        fact.sent_at,
        fact.position,
        fact.to_participants or None,
        fact.deleted_at,
        fact.trace,
    )


def _receipts(ids: dict[str, int], facts: dict[str, _Facts]) -> None:
    rows = [(ids[key], user, rank) for key, fact in facts.items() for user, rank in fact.ranks.items()]
    if rows:
        run(
            "insert into notifier_receipt (message_id, user_id, rank)"
            " select new.message_id, new.user_id, new.rank from {rows:new} where true"
            " on conflict (message_id, user_id) do update set rank = excluded.rank"
            " where notifier_receipt.rank < excluded.rank",
            new=Rows({"message_id": "bigint", "user_id": "text", "rank": "smallint"}, sorted(rows)),
        )


def _checks(hooks: Sequence[LiveHook], known: Sequence[tuple[int, _Facts]]) -> None:
    """Plan one check per receipts hook and message, and ring for the second in which it is due."""
    rows = sorted(
        (hook.id, id_, due_at(fact.message.sent_at, fact.received_at, hook.delay))
        for hook in hooks
        for id_, fact in known
        if fact.message is not None
        and fact.received_at is not None
        and fact.message.sender_name is None
        and _may_be_reported(hook, fact)
    )
    if not rows:
        return
    run(
        "insert into notifier_receiptcheck (hook_id, message_id, due_at, attempts)"
        " select new.hook_id, new.message_id, new.due_at, 0 from {rows:new} where true"
        " on conflict (hook_id, message_id) do nothing",
        new=Rows({"hook_id": "bigint", "message_id": "bigint", "due_at": "timestamptz"}, rows),
    )
    soon = max(fact.received_at for _, fact in known if fact.received_at) + LONGEST_COUNTDOWN
    for second in sorted({int(due.timestamp()) for _, _, due in rows if due <= soon}):
        doorbell.ring_at_on_commit(CHECKS, second)


def _may_be_reported(hook: LiveHook, fact: _Facts) -> bool:
    """A status may still rise into those that the hook reports; and some recipients may only be heard of later."""
    return not fact.ranks or min(fact.ranks.values()) <= max(hook.ranks)


def due_at(stamp: datetime | None, received_at: datetime, delay: timedelta) -> datetime:
    """The platform's stamp plus the delay, clamped to [received, received + delay]: its clock may be wrong."""
    begin = stamp or received_at
    return min(max(begin, received_at - delay), received_at) + delay  # the clamp first: a stamp may be of the year 9999
