"""Merging events into the chat's facts. Events come at least once and in any order, so every merge is by rank:

a receipt only rises, a deletion stays, a message becomes known once. Rows are sorted by key before they are
written, so that two workers lock them in the same order.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from notifier import doorbell
from notifier.platforms.base import ChatEvent, Kind, MessageFacts, Rank
from notifier.services.hooks import LiveHook
from notifier.sql import Ids, Rows, fetch, run
from notifier.texts import clean_text

CHECKS = "check"
#: Countdowns are short: what is due later is found by the sweep, which rings again when its time is near.
LONGEST_COUNTDOWN = timedelta(minutes=15)

Arrived = tuple[datetime, ChatEvent]


@dataclass(slots=True)
class _Facts:
    """What a batch of events says of one message, merged."""

    conversation: str
    message: MessageFacts | None = None
    received_at: datetime | None = None
    edited: MessageFacts | None = None
    deleted_at: datetime | None = None
    ranks: dict[str, int] = field(default_factory=dict)


def merge(chat_app: int, hooks: Sequence[LiveHook], arrived: Iterable[Arrived]) -> None:
    """Merge the events of one chat app, and plan a check per receipts hook for each message that became known."""
    arrived = list(arrived)
    facts = _gather(arrived)
    conversations = _conversations(chat_app, arrived)
    if facts:
        ids, known = _messages(chat_app, facts, conversations)
        _edits(ids, facts)
        _receipts(ids, facts)
        _checks(hooks, [(ids[key], facts[key]) for key in known])
    _departures(conversations, arrived)


def _gather(arrived: Sequence[Arrived]) -> dict[str, _Facts]:
    facts: dict[str, _Facts] = {}
    for received_at, event in arrived:
        if event.message is None or event.conversation is None:
            continue
        fact = facts.setdefault(event.message.id, _Facts(event.conversation))
        if event.kind is Kind.SENT and fact.message is None:
            fact.message, fact.received_at = event.message, received_at
        elif event.kind is Kind.EDITED:
            fact.edited = event.message
        elif event.kind is Kind.DELETED:
            fact.deleted_at = event.at or received_at
        for user, rank in event.statuses.items():
            # What a receipt's snapshot calls "sent" is no news, and may be older than what is known.
            if (rank > Rank.SENT or event.kind is Kind.SENT) and rank >= fact.ranks.get(user, 0):
                fact.ranks[user] = int(rank)
    return dict(sorted(facts.items()))


def _conversations(chat_app: int, arrived: Sequence[Arrived]) -> dict[str, int]:
    """Primary keys by the platform's ids, new ones made; titles and deletions taken over."""
    keys = sorted({event.conversation for _, event in arrived if event.conversation is not None})
    found = _find_conversations(chat_app, keys)
    missing = [key for key in keys if key not in found]
    if missing:
        run(
            "insert into notifier_conversation (chat_app_id, key) select %(app)s, new.key from {rows:new} where true"
            " on conflict (chat_app_id, key) do nothing",
            app=chat_app,
            new=Rows({"key": "text"}, [(key,) for key in missing]),
        )
        found |= _find_conversations(chat_app, missing)
    for received_at, event in arrived:
        if event.conversation is None:
            continue
        if event.title is not None:
            _retitle(found[event.conversation], event.title)
        if event.kind is Kind.DELETED and event.message is None:
            _delete_conversation(found[event.conversation], event.at or received_at)
    return found


def _find_conversations(chat_app: int, keys: Sequence[str]) -> dict[str, int]:
    rows = fetch(
        "select key, id from notifier_conversation where chat_app_id = %(app)s and key {in:keys}",
        app=chat_app,
        keys=Ids("text", keys),
    )
    return dict(rows)


def _retitle(conversation: int, title: str) -> None:
    run(
        "update notifier_conversation set title = %(title)s where id = %(id)s and coalesce(title, '') <> %(title)s",
        id=conversation,
        title=clean_text(title),
    )


def _delete_conversation(conversation: int, at: datetime) -> None:
    run(
        "update notifier_conversation set deleted_at = %(at)s where id = %(id)s and deleted_at is null",
        id=conversation,
        at=at,
    )


_MESSAGE_COLUMNS = {
    "conversation_id": "bigint",
    "key": "text",
    "sender_id": "text",
    "sender_name": "text",
    "body": "text",
    "parts": "text",
    "sent_at": "timestamptz",
    "deleted_at": "timestamptz",
}


def _messages(
    chat_app: int, facts: dict[str, _Facts], conversations: dict[str, int]
) -> tuple[dict[str, int], list[str]]:
    """Primary keys of all messages, and which of them became known just now (and are not deleted)."""
    written = fetch(
        "insert into notifier_message"
        " (chat_app_id, conversation_id, key, sender_id, sender_name, text, parts, sent_at, deleted_at)"
        " select %(app)s, new.conversation_id, new.key, new.sender_id, new.sender_name, new.body,"
        f" {_as_json('new.parts')}, new.sent_at, new.deleted_at from {{rows:new}} where true"
        " on conflict (chat_app_id, key) do update set"
        " sender_id = coalesce(notifier_message.sender_id, excluded.sender_id),"
        " sender_name = coalesce(notifier_message.sender_name, excluded.sender_name),"
        " text = case when coalesce(notifier_message.deleted_at, excluded.deleted_at) is not null then ''"
        "   when notifier_message.sent_at is null then excluded.text else notifier_message.text end,"
        " parts = case when coalesce(notifier_message.deleted_at, excluded.deleted_at) is not null then null"
        "   when notifier_message.sent_at is null then excluded.parts else notifier_message.parts end,"
        " sent_at = coalesce(notifier_message.sent_at, excluded.sent_at),"
        " deleted_at = coalesce(notifier_message.deleted_at, excluded.deleted_at)"
        " where (notifier_message.sent_at is null and excluded.sent_at is not null)"
        "   or (notifier_message.deleted_at is null and excluded.deleted_at is not null)"
        " returning id, key, deleted_at",
        app=chat_app,
        new=Rows(_MESSAGE_COLUMNS, [_message_row(key, fact, conversations) for key, fact in facts.items()]),
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


def _message_row(key: str, fact: _Facts, conversations: dict[str, int]) -> tuple[object, ...]:
    shown = None if fact.deleted_at else fact.message
    text, parts = _contents(shown) if shown else ("", None)
    message = fact.message
    return (
        conversations[fact.conversation],
        key,
        message.sender_id if message else None,
        message.sender_name if message else None,
        text,
        parts,
        (message.sent_at or fact.received_at) if message else None,
        fact.deleted_at,
    )


def _contents(message: MessageFacts) -> tuple[str, str | None]:
    """The joined text, and the parts as JSON when there is more to them than that."""
    text = "\n".join(part.text for part in message.parts if part.text)
    if len(message.parts) == 1 and message.parts[0].text is not None:
        return text, None
    return text, json.dumps([[part.mime_type, part.text] for part in message.parts])


def _edits(ids: dict[str, int], facts: dict[str, _Facts]) -> None:
    """An edit changes the text of what is still pending; a deleted message stays deleted."""
    rows = [(ids[key], *_contents(fact.edited)) for key, fact in facts.items() if fact.edited]
    if rows:
        run(
            f"update notifier_message set text = new.body, parts = {_as_json('new.parts')} from {{rows:new}}"
            " where notifier_message.id = new.id and deleted_at is null",
            new=Rows({"id": "bigint", "body": "text", "parts": "text"}, rows),
        )


def _receipts(ids: dict[str, int], facts: dict[str, _Facts]) -> None:
    rows = [
        (ids[key], user, rank)
        for key, fact in facts.items()
        for user, rank in fact.ranks.items()
        if fact.message is None or user != fact.message.sender_id
    ]
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
        (hook.id, id_, due_at(fact, hook.delay))
        for hook in hooks
        for id_, fact in known
        if fact.message is not None
        and fact.message.sender_name is None
        and any(rank in hook.ranks for user, rank in fact.ranks.items() if user != fact.message.sender_id)
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


def due_at(fact: _Facts, delay: timedelta) -> datetime:
    """The platform's stamp plus the delay, clamped to [received, received + delay]: its clock may be wrong."""
    assert fact.message is not None and fact.received_at is not None  # noqa: S101 (callers have tested it)
    stamp = fact.message.sent_at or fact.received_at
    return min(max(stamp + delay, fact.received_at), fact.received_at + delay)


def _departures(conversations: dict[str, int], arrived: Sequence[Arrived]) -> None:
    """Note who left; who is there again is no longer gone."""
    for received_at, event in arrived:
        if event.conversation is None:
            continue
        conversation = conversations[event.conversation]
        if event.participants is not None:
            _return(conversation, event.participants, event.at or received_at)
            _leave(conversation, _others(conversation, event.participants), event.at or received_at)
        if event.left:
            _leave(conversation, event.left, event.at or received_at)


def _others(conversation: int, participants: Sequence[str]) -> list[str]:
    """Recipients of the conversation's messages who are not in the full list that the platform told."""
    rows = fetch(
        "select distinct r.user_id from notifier_message m join notifier_receipt r on r.message_id = m.id"
        " where m.conversation_id = %(conversation)s and r.rank < 2",
        conversation=conversation,
    )
    return sorted({user for (user,) in rows} - set(participants))


def _leave(conversation: int, users: Sequence[str], at: datetime) -> None:
    run(
        "insert into notifier_departure (conversation_id, user_id, left_at)"
        " select %(conversation)s, new.user_id, %(at)s from {rows:new} where true"
        " on conflict (conversation_id, user_id) do update set left_at = excluded.left_at"
        " where notifier_departure.left_at < excluded.left_at",
        conversation=conversation,
        at=at,
        new=Rows({"user_id": "text"}, [(user,) for user in users]),
    )


def _return(conversation: int, users: Sequence[str], at: datetime) -> None:
    run(
        "delete from notifier_departure where conversation_id = %(conversation)s and user_id {in:users}"
        " and left_at <= %(at)s",
        at=at,
        conversation=conversation,
        users=Ids("text", users),
    )
