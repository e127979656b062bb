"""What events say of conversations: which there are, their titles and ends, and who has left them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from notifier.platforms.base import ChatEvent, Kind
from notifier.sql import Ids, Rows, fetch, run
from notifier.texts import clean_text


class Arrived(NamedTuple):
    """An event, when it was received, and the trace by which logs follow it."""

    received_at: datetime
    event: ChatEvent
    trace: int | None = None


_LONGEST_ID = 255


def fits(user: str) -> bool:
    """Whether the id of a user is short enough to be kept. Somebody with a longer one is not notified."""
    return len(user) <= _LONGEST_ID


def known(chat_app: int, arrived: Sequence[Arrived]) -> dict[str, int]:
    """Primary keys by the platform's ids, new ones made; titles and deletions taken over."""
    keys = sorted({event.conversation for _, event, _ in arrived if event.conversation is not None})
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
    for conversation, at, event in _in_order(found, arrived):
        if event.title is not None:
            _retitle(conversation, event.title)
        if event.kind is Kind.DELETED and event.message is None:
            _delete_conversation(conversation, at)
    return found


def _in_order(conversations: dict[str, int], arrived: Sequence[Arrived]) -> list[tuple[int, datetime, ChatEvent]]:
    """Events about conversations themselves, the oldest of each first; all workers lock the rows in this order."""
    about = [
        (conversations[event.conversation], event.at or received_at, event)
        for received_at, event, _ in arrived
        if event.conversation is not None and (event.message is None or event.left)
    ]
    return sorted(about, key=lambda one: one[:2])


def _find_conversations(chat_app: int, keys: Sequence[str]) -> dict[str, int]:
    rows = fetch(
        "select key, id from notifier_conversation where chat_app_id = %(app)s and key {in:keys}",
        app=chat_app,
        keys=Ids("text", keys),
    )
    return dict(rows)


def _retitle(conversation: int, title: str) -> None:
    run(
        "update notifier_conversation set title = %(title)s"
        " where id = %(id)s and (title is null or title <> %(title)s)",
        id=conversation,
        title=clean_text(title),
    )


def _delete_conversation(conversation: int, at: datetime) -> None:
    run(
        "update notifier_conversation set deleted_at = %(at)s where id = %(id)s and deleted_at is null",
        id=conversation,
        at=at,
    )


def departures(conversations: dict[str, int], arrived: Sequence[Arrived], *, within: timedelta) -> None:
    """Note who left; who is there again is no longer gone.

    Who is missing in a list of participants has left if he has unread messages of the time `within` before it.
    """
    for conversation, at, event in _in_order(conversations, arrived):
        if event.participants is not None:
            _return(conversation, event.participants, at)
            _leave(conversation, _others(conversation, event.participants, _before(at, within)), at)
        if event.left:
            _leave(conversation, sorted(event.left), at)


def _before(at: datetime, within: timedelta) -> datetime:
    try:
        return at - within
    except OverflowError:  # a stamp may be of the year 1
        return at


def _others(conversation: int, participants: Iterable[str], since: datetime) -> list[str]:
    """Recipients of the conversation's newer messages who are not in the full list that the platform told."""
    rows = fetch(
        "select distinct r.user_id from notifier_message m join notifier_receipt r on r.message_id = m.id"
        " where m.conversation_id = %(conversation)s and r.rank < 2"
        " and (m.sent_at is null or m.sent_at > %(since)s)",
        conversation=conversation,
        since=since,
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
        new=Rows({"user_id": "text"}, [(user,) for user in users if fits(user)]),
    )


def _return(conversation: int, users: Sequence[str], at: datetime) -> None:
    run(
        "delete from notifier_departure where conversation_id = %(conversation)s and user_id {in:users}"
        " and left_at <= %(at)s",
        at=at,
        conversation=conversation,
        users=Ids("text", users),
    )
