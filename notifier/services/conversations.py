"""What events say of conversations: which there are, their titles and ends, and who has left them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection

from notifier import doorbell
from notifier.platforms.base import Can, ChatEvent, Kind, Platform
from notifier.sql import Ids, Rows, fetch, run
from notifier.texts import clean_text

#: the stage that asks who takes part
ROSTERS = "roster"

_LONGEST_ID = 255

# One that was given up is asked about anew, but not before its time: until then the checks that waited for it go on.
_MAY_ASK = (
    "not roster_known and roster_due_at is null and (roster_error = '' or coalesce(roster_again_at <= {now}, false))"
)


class Arrived(NamedTuple):
    """An event, when it was received, the trace by which logs follow it, and its place in its delivery."""

    received_at: datetime
    event: ChatEvent
    trace: int | None = None
    place: int = 0


class _Row(NamedTuple):
    """A conversation as it is stored. `asks`: who takes part is not known, and the platform may be asked now."""

    id: int
    title: str | None
    encrypted: bool
    deleted: bool
    known: bool
    asks: bool


@dataclass(slots=True)
class _News:
    """What a batch of events says of one conversation itself, the newest last.

    `listed`: who takes part, in full. `asks`: something for which that has to be known.
    """

    title: str | None = None
    encrypted: bool | None = None
    deleted_at: datetime | None = None
    listed: bool = False
    asks: bool = False

    def take(self, event: ChatEvent, at: datetime) -> None:
        self.title = clean_text(event.title) if event.title is not None else self.title
        # A message in the clear takes nothing back.
        if event.encrypted is not None and (event.encrypted or event.message is None):
            self.encrypted = event.encrypted
        if event.kind is Kind.DELETED and event.message is None:
            self.deleted_at = self.deleted_at or at
        self.listed = self.listed or event.participants is not None
        self.asks = self.asks or event.to_participants or bool(event.joined)

    def changes(self, row: _Row) -> bool:
        """Whether anything of it is new."""
        title = self.title is not None and self.title != row.title
        encrypted = self.encrypted is not None and self.encrypted != bool(row.encrypted)
        deleted = self.deleted_at is not None and not row.deleted
        return title or encrypted or deleted or (self.listed and not row.known) or (self.asks and bool(row.asks))


def fits(user: str) -> bool:
    """Whether the id of a user is short enough to be kept. Somebody with a longer one is not notified."""
    return len(user) <= _LONGEST_ID


def known(chat_app: int, arrived: Sequence[Arrived], platform: Platform | None = None) -> dict[str, int]:
    """Primary keys by the platform's ids, new ones made; titles, deletions and encryption taken over.

    Of a platform that can tell who takes part that is asked when it has to be known and no event lists it.
    """
    keys = sorted({event.conversation for _, event, *_ in arrived if event.conversation is not None})
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
    _hold(_with_people(found, arrived, platform))
    told = _news(arrived, rosters=platform is not None and Can.ROSTER in platform.can)
    changed = [(found[key].id, news) for key, news in told.items() if news.changes(found[key])]
    for conversation, news in sorted(changed, key=lambda one: one[0]):  # all workers lock the rows in this order
        _update(conversation, news)
    return {key: row.id for key, row in found.items()}


def _with_people(found: Mapping[str, _Row], arrived: Sequence[Arrived], platform: Platform | None) -> list[int]:
    """The conversations of which others may learn at this moment who takes part, while we learn of it or depend on it.

    Where events come in order one worker at a time merges them: then only the platform's answer may come between.
    """
    rosters = platform is not None and Can.ROSTER in platform.can
    keys = {
        event.conversation
        for _, event, *_ in arrived
        if event.to_participants or event.joined or event.left or (rosters and event.participants is not None)
    }
    moving = [found[key] for key in keys if key is not None]
    if platform is not None and platform.in_order:
        moving = [row for row in moving if rosters and not row.known]
    return sorted(row.id for row in moving)


def _hold(conversations: Sequence[int]) -> None:
    """Hold these until the transaction ends: of a message and a newcomer who are merged at the same time neither would
    see the other, and nobody would be told. Their rows may be referred to meanwhile.
    """
    if conversations and connection.vendor == "postgresql":
        fetch(
            "select c.id from notifier_conversation c where c.id {in:ids} order by c.id for no key update",
            ids=Ids("bigint", conversations),
        )


def _find_conversations(chat_app: int, keys: Sequence[str]) -> dict[str, _Row]:
    rows = fetch(
        "select key, id, title, encrypted, deleted_at is not null, roster_known,"
        f" {_MAY_ASK} from notifier_conversation where chat_app_id = %(app)s and key {{in:keys}}",
        app=chat_app,
        keys=Ids("text", keys),
    )
    return {key: _Row(*row) for key, *row in rows}


def _news(arrived: Sequence[Arrived], *, rosters: bool) -> dict[str, _News]:
    """What is said of conversations themselves, by the platform's ids."""
    about = [
        (event.at or received_at, event)
        for received_at, event, *_ in arrived
        if event.conversation is not None
        and (event.message is None or event.title is not None or event.encrypted or (rosters and _is_of_people(event)))
    ]
    news: dict[str, _News] = defaultdict(_News)
    for at, event in sorted(about, key=lambda one: one[0]):
        news[event.conversation or ""].take(event, at)
    for one in news.values():
        one.listed, one.asks = rosters and one.listed, rosters and one.asks and not one.listed
    return news


def _is_of_people(event: ChatEvent) -> bool:
    return event.to_participants or event.participants is not None


def _update(conversation: int, news: _News) -> None:
    run(
        "update notifier_conversation set title = coalesce(%(title)s, title),"
        " encrypted = coalesce(%(encrypted)s, encrypted), deleted_at = coalesce(deleted_at, {moment:at}),"
        " roster_known = roster_known or %(listed)s,"
        f" roster_due_at = case when %(listed)s then null when %(asks)s and {_MAY_ASK} then {{now}}"
        "   else roster_due_at end,"
        f" roster_attempts = case when %(asks)s and {_MAY_ASK} then 0 else roster_attempts end,"
        f" roster_error = case when %(listed)s or (%(asks)s and {_MAY_ASK}) then '' else roster_error end"
        " where id = %(id)s",
        id=conversation,
        title=news.title,
        encrypted=news.encrypted,
        at=news.deleted_at,
        listed=news.listed,
        asks=news.asks,
    )
    if news.asks:
        doorbell.ring_on_commit(ROSTERS)


def departures(
    conversations: dict[str, int], arrived: Sequence[Arrived], *, within: timedelta, in_order: bool = False
) -> None:
    """Note who left; who is there again is no longer gone.

    Who is missing in a list of participants has left if he has unread messages of the time `within` before it. Where
    events come in order, they count as of when they were received: their stamps are of many clocks, and one that is
    fast would keep somebody away who has come back.
    """
    about = _who_moved(conversations, arrived, in_order=in_order)
    newest = {conversation: event for conversation, _, event in about if event.participants is not None}
    for conversation, at, event in about:
        if event.participants is not None and newest[conversation] is event:
            _return(conversation, event.participants, at)
            _leave(conversation, _others(conversation, event.participants, _before(at, within)), at)
        if event.joined:
            _return(conversation, event.joined, at)
        if event.left:
            _leave(conversation, sorted(event.left), at)


def _who_moved(
    conversations: dict[str, int], arrived: Sequence[Arrived], *, in_order: bool
) -> list[tuple[int, datetime, ChatEvent]]:
    """Who came and went, the oldest of each conversation first; all workers lock the rows in this order."""
    about = [
        (conversations[event.conversation], received_at if in_order else event.at or received_at, event)
        for received_at, event, *_ in arrived
        if event.conversation is not None and (event.participants is not None or event.joined or event.left)
    ]
    return sorted(about, key=lambda one: one[:1] if in_order else one[:2])


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
