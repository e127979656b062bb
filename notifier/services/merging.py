"""Merging events into the chat's facts. Events come at least once and in any order, so every merge is by rank:

a receipt only rises, a deletion stays, a message becomes known once. Rows are sorted by key before they are
written, so that two workers lock them in the same order.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from notifier import doorbell
from notifier.platforms.base import ChatEvent, Kind, MessageFacts, Part, Rank
from notifier.services import conversations
from notifier.services.conversations import Arrived
from notifier.services.hooks import LiveHook
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
    edited: MessageFacts | None = None
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    ranks: dict[str, int] = field(default_factory=dict)


def merge(chat_app: int, hooks: Sequence[LiveHook], arrived: Iterable[Arrived]) -> None:
    """Merge the events of one chat app, and plan a check per receipts hook for each message that became known."""
    arrived = list(arrived)
    facts = _gather(arrived)
    found = conversations.known(chat_app, arrived)
    if facts:
        ids, known = _messages(chat_app, facts, found)
        _edits(ids, facts)
        _receipts(ids, facts)
        _checks(hooks, [(ids[key], facts[key]) for key in known])
    # What is older has been told of by now, or is too old to be.
    longest = max((hook.delay for hook in hooks), default=timedelta(0)) + _LONGEST_WAIT
    conversations.departures(found, arrived, within=longest)


def _gather(arrived: Sequence[Arrived]) -> dict[str, _Facts]:
    facts: dict[str, _Facts] = {}
    for received_at, event, trace in arrived:
        if event.message is None or event.conversation is None:
            continue
        fact = facts.setdefault(event.message.id, _Facts(event.conversation, trace))
        if event.kind is Kind.SENT and fact.message is None:
            fact.message, fact.received_at, fact.trace = event.message, received_at, trace
        elif event.kind is Kind.EDITED:
            at = event.at or received_at
            if fact.edited_at is None or fact.edited_at <= at:
                fact.edited, fact.edited_at = event.message, at
        elif event.kind is Kind.DELETED:
            fact.deleted_at = event.at or received_at
        _raise_ranks(fact.ranks, event, event.message.sender_id)
    return dict(sorted(facts.items()))


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
    "deleted_at": "timestamptz",
    "trace": "bigint",
}


def _messages(chat_app: int, facts: dict[str, _Facts], found: dict[str, int]) -> tuple[dict[str, int], list[str]]:
    """Primary keys of all messages, and which of them became known just now (and are not deleted)."""
    written = fetch(
        "insert into notifier_message"
        " (chat_app_id, conversation_id, key, sender_id, sender_name, text, parts, sent_at, deleted_at, trace,"
        " changed_at)"
        " select %(app)s, new.conversation_id, new.key, new.sender_id, new.sender_name, new.body,"
        f" {_as_json('new.parts')}, new.sent_at, new.deleted_at, new.trace,"
        # Of what was never seen itself nothing else tells its age, by which it is forgotten.
        " case when new.sent_at is null and new.deleted_at is null then {now} end from {rows:new} where true"
        " on conflict (chat_app_id, key) do update set"
        " sender_id = coalesce(notifier_message.sender_id, excluded.sender_id),"
        " sender_name = coalesce(notifier_message.sender_name, excluded.sender_name),"
        " text = case when coalesce(notifier_message.deleted_at, excluded.deleted_at) is not null then ''"
        "   when notifier_message.sent_at is null and notifier_message.edited_at is null then excluded.text"
        "   else notifier_message.text end,"
        " parts = case when coalesce(notifier_message.deleted_at, excluded.deleted_at) is not null then null"
        "   when notifier_message.sent_at is null and notifier_message.edited_at is null then excluded.parts"
        "   else notifier_message.parts end,"
        " trace = case when notifier_message.sent_at is null and excluded.sent_at is not null then excluded.trace"
        "   else notifier_message.trace end,"
        " sent_at = coalesce(notifier_message.sent_at, excluded.sent_at),"
        " deleted_at = coalesce(notifier_message.deleted_at, excluded.deleted_at)"
        " where (notifier_message.sent_at is null and excluded.sent_at is not null)"
        "   or (notifier_message.deleted_at is null and excluded.deleted_at is not null)"
        " returning id, key, deleted_at",
        app=chat_app,
        new=Rows(_MESSAGE_COLUMNS, [_message_row(key, fact, found) for key, fact in facts.items()]),
    )
    ids = {key: id_ for id_, key, _ in written}
    known = [key for _, key, deleted_at in written if deleted_at is None and facts[key].message is not None]
    ids |= _find_messages(chat_app, [key for key in facts if key not in ids])
    return ids, known


def _as_json(column: str) -> str:
    from django.db import connection

    return f"cast({column} as jsonb)" if connection.vendor == "postgresql" else column


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
    text, parts = _contents(shown) if shown else ("", None)
    message = fact.message
    return (
        found[fact.conversation],
        key,
        message.sender_id if message else None,
        message.sender_name if message else None,
        text,
        parts,
        (message.sent_at or fact.received_at) if message else None,
        fact.deleted_at,
        fact.trace,
    )


def _contents(message: MessageFacts) -> tuple[str, str | None]:
    """The joined text, and the parts as JSON when there is more to them than that."""
    text = "\n".join(part.text for part in message.parts if part.text)
    if len(message.parts) == 1 and message.parts[0].text is not None:
        return text, None
    return text, json.dumps([_part_row(part) for part in message.parts])


def _part_row(part: Part) -> list[str | int | None]:
    """As `Message.parts` keeps it."""
    if not part.url:
        return [part.mime_type, part.text]
    return [part.mime_type, part.text, part.url, part.until.isoformat() if part.until else None, part.size]


def _edits(ids: dict[str, int], facts: dict[str, _Facts]) -> None:
    """The newest edit is the text of what is still pending; a deleted message stays deleted."""
    rows = [(ids[key], *_contents(fact.edited), fact.edited_at) for key, fact in facts.items() if fact.edited]
    if rows:
        run(
            f"update notifier_message set text = new.body, parts = {_as_json('new.parts')}, edited_at = new.stamp,"
            " changed_at = {now}"
            " from {rows:new} where notifier_message.id = new.id and deleted_at is null"
            " and (edited_at is null or edited_at <= new.stamp)",
            new=Rows({"id": "bigint", "body": "text", "parts": "text", "stamp": "timestamptz"}, rows),
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
