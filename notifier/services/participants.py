"""Who takes part in a conversation, where the platform does not list the recipients of each message.

Then a message is for all who take part in its place of the conversation, but its sender. Whoever the platform says may
not be told is not kept at all.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from notifier.models import Conversation
from notifier.platforms.base import Can, ChatEvent, Platform, Rank
from notifier.services.conversations import Arrived, fits
from notifier.services.hooks import live_hooks
from notifier.services.positions import position_of
from notifier.sql import Ids, Rows, fetch, run

log = logging.getLogger(__name__)

#: the most recipients of one message, as many as Layer allowed; nobody is told of what is for more
LARGEST = 500

_JUST_NOW = -60.0  # seconds: no longer does it take to ask a platform and to store what it said

_PERSON = {"conversation_id": "bigint", "user_id": "text"}
#: by hook and message, as checks are indexed
_PENDING = (
    "m.to_participants and m.deleted_at is null and exists (select 1 from notifier_hook h where"
    " (select c.due_at from notifier_receiptcheck c where c.hook_id = h.id and c.message_id = m.id) is not null)"
)
_ADDRESSED = (
    "notifier_message m join notifier_participant p on p.conversation_id = m.conversation_id"
    " and (m.position is null or p.since <= m.position) and p.user_id <> coalesce(m.sender_id, '')"
    " where m.id {in:messages} and m.to_participants and m.deleted_at is null"
)


@dataclass(slots=True)
class _List:
    place: int
    at: datetime
    users: set[str]


class _Came(NamedTuple):
    """The first and the last place in which somebody came, and the stamp of the last."""

    first: int
    last: int
    at: datetime


@dataclass(slots=True)
class _Changes:
    """What a batch of events says in sum, taken in the order of the conversations. Keys: conversation and user."""

    came: dict[tuple[int, str], _Came] = field(default_factory=dict)
    left: dict[tuple[int, str], tuple[int, datetime]] = field(default_factory=dict)
    lists: dict[int, _List] = field(default_factory=dict)

    def take(self, conversation: int, event: ChatEvent, place: int, at: datetime, *, listed: bool) -> None:
        if listed and event.participants is not None:
            users = set(event.participants)
            self.lists[conversation] = _List(place, at, users)
            self._leave(conversation, {user for of, user in self.came if of == conversation} - users, place, at)
        for user in event.joined:
            before = self.came.get((conversation, user))
            self.came[conversation, user] = _Came(before.first if before else place, place, at)
        self._leave(conversation, event.left, place, at)

    def _leave(self, conversation: int, users: Iterable[str], place: int, at: datetime) -> None:
        for user in users:
            self.came.pop((conversation, user), None)
            self.left[conversation, user] = place, at
            if conversation in self.lists:
                self.lists[conversation].users.discard(user)


def change(conversations: Mapping[str, int], arrived: Sequence[Arrived], platform: Platform | None) -> None:
    """Take over who came and who went."""
    in_order = platform is not None and platform.in_order
    changes = _changes(conversations, arrived, in_order=in_order, listed=_keeps_lists(platform))
    if changes.left:
        _remove(changes.left)
    if changes.lists:
        _remove_others(changes.lists)
        if not in_order:
            _note_lists(changes.lists)
    new = _insert(_newcomers(changes, platform, in_order=in_order))
    if new and not in_order:
        address(_pending(sorted(new)))


def address(messages: Collection[int]) -> None:
    """Make recipients of those who take part, for those of these messages that are for all of them."""
    if not messages:
        return
    too_many = _with_too_many(messages)
    if too_many:
        log.warning(
            "%s messages are for more than %s people each: nobody is told of them. The first is message %s.",
            len(too_many),
            LARGEST,
            min(too_many),
        )
    run(
        "insert into notifier_receipt (message_id, user_id, rank)"
        f" select m.id, p.user_id, {int(Rank.SENT)} from {_ADDRESSED} order by m.id, p.user_id"
        " on conflict (message_id, user_id) do nothing",
        messages=Ids("bigint", sorted(set(messages) - too_many)),
    )


def replace(conversation: int, users: Sequence[str]) -> None:
    """Store the platform's answer to who takes part, and make them recipients of what is still to be checked.

    To be called in a transaction. What events told while it was asked counts more: whoever came stays, and whoever
    went does not come back.
    """
    platform = _platform_of(conversation)
    told = _told(users, platform)
    gone = fetch(
        "select user_id from notifier_departure where conversation_id = %(id)s and left_at >= {now+since}",
        id=conversation,
        since=_JUST_NOW,
    )
    Conversation.objects.filter(pk=conversation).update(roster_known=True)
    _insert([(conversation, user, 0, 0, None, False) for user in sorted(told - {user for (user,) in gone})])
    address(_pending([conversation]))


def _platform_of(conversation: int) -> Platform | None:
    chat_app = Conversation.objects.values_list("chat_app", flat=True).get(pk=conversation)
    return next((hook.platform for hook in live_hooks().values() if hook.chat_app == chat_app), None)


def _keeps_lists(platform: Platform | None) -> bool:
    """A platform that says who takes part, but lists the recipients of each message all the same, needs no rows."""
    return platform is not None and Can.ROSTER in platform.can


def _told(users: Iterable[str], platform: Platform | None) -> set[str]:
    return {user for user in users if fits(user) and (platform is None or platform.may_be_told(user))}


def _changes(conversations: Mapping[str, int], arrived: Sequence[Arrived], *, in_order: bool, listed: bool) -> _Changes:
    about = [
        (position_of(one, in_order=in_order), index, one)
        for index, one in enumerate(arrived)
        if one.event.conversation is not None
        and (one.event.joined or one.event.left or (listed and one.event.participants is not None))
    ]
    changes = _Changes()
    for place, _, one in sorted(about, key=lambda entry: entry[:2]):
        at = one.event.at or one.received_at
        changes.take(conversations[one.event.conversation or ""], one.event, place, at, listed=listed)
    return changes


def _remove(left: Mapping[tuple[int, str], tuple[int, datetime]]) -> None:
    """Whoever went, unless it is known that he came after it, or was in a list of later."""
    run(
        "delete from notifier_participant where (conversation_id, user_id) in ("
        "  select p.conversation_id, p.user_id from {rows:gone} join notifier_participant p"
        "    on p.conversation_id = gone.conversation_id and p.user_id = gone.user_id"
        "    and p.since <= gone.place and p.came <= gone.place"
        "  join notifier_conversation c on c.id = p.conversation_id"
        "    and (c.listed_at is null or c.listed_at <= gone.stamp))",
        gone=Rows(
            {**_PERSON, "place": "bigint", "stamp": "timestamptz"}, sorted((*key, *when) for key, when in left.items())
        ),
    )


def _remove_others(lists: Mapping[int, _List]) -> None:
    """Whoever is missing in a full list takes part no more, unless he came after it."""
    run(
        "delete from notifier_participant where conversation_id {in:ids}"
        " and exists (select 1 from {rows:told} where told.conversation_id = notifier_participant.conversation_id"
        "   and told.place >= notifier_participant.since)"
        " and not exists (select 1 from {rows:there} where there.user_id = notifier_participant.user_id"
        "   and there.conversation_id = notifier_participant.conversation_id)",
        ids=Ids("bigint", sorted(lists)),
        told=Rows(
            {"conversation_id": "bigint", "place": "bigint"}, sorted((id_, one.place) for id_, one in lists.items())
        ),
        there=Rows(_PERSON, sorted((id_, user) for id_, one in lists.items() for user in one.users)),
    )


def _note_lists(lists: Mapping[int, _List]) -> None:
    """As of when each is, so that older ones are known as such. A row that somebody else holds is left as it is."""
    run(
        "update notifier_conversation set listed_at = told.stamp from {rows:told}"
        " where notifier_conversation.id = told.id and coalesce(listed_at < told.stamp, true)"
        " and notifier_conversation.id in (select c.id from notifier_conversation c where c.id {in:ids} {lock:c})",
        ids=Ids("bigint", sorted(lists)),
        told=Rows({"id": "bigint", "stamp": "timestamptz"}, sorted((id_, one.at) for id_, one in lists.items())),
    )


# conversation, user, since, when he came last (0: not told), when by the stamp, by a list
_Newcomer = tuple[int, str, int, int, datetime | None, bool]


def _newcomers(changes: _Changes, platform: Platform | None, *, in_order: bool) -> list[_Newcomer]:
    """Each once. Where events come in order, none can tell of an older state: then no stamps are compared."""
    found: dict[tuple[int, str], _Newcomer] = {}
    for (conversation, user), came in changes.came.items():
        found[conversation, user] = (conversation, user, came.first, came.last, None if in_order else came.at, False)
    for conversation, one in changes.lists.items():
        for user in one.users:
            by_list = (conversation, user, one.place, 0, None if in_order else one.at, True)
            found.setdefault((conversation, user), by_list)
    told = _told({user for _, user in found}, platform)
    return [found[key] for key in sorted(found) if key[1] in told]


def _insert(newcomers: Sequence[_Newcomer]) -> set[int]:
    """The conversations that somebody is new to.

    Whoever left after the moment of the event stays away, and whoever is missing in a list of later. By the first list
    of a conversation all have been there.
    """
    if not newcomers:
        return set()
    rows = fetch(
        "insert into notifier_participant (conversation_id, user_id, since, came)"
        " select new.conversation_id, new.user_id, case when new.listed and not exists (select 1"
        "    from notifier_participant p where p.conversation_id = new.conversation_id) then 0 else new.since end,"
        " new.came from {rows:new} where not exists (select 1 from notifier_departure d where d.user_id = new.user_id"
        "   and d.conversation_id = new.conversation_id and d.left_at > new.stamp)"
        " and not exists (select 1 from notifier_conversation c where c.id = new.conversation_id"
        "   and c.listed_at > new.stamp)"
        " order by new.conversation_id, new.user_id"
        " on conflict (conversation_id, user_id) do update set"
        " since = case when notifier_participant.since > excluded.since then excluded.since"
        "   else notifier_participant.since end,"
        " came = case when notifier_participant.came < excluded.came then excluded.came"
        "   else notifier_participant.came end"
        " where notifier_participant.since > excluded.since or notifier_participant.came < excluded.came"
        " returning conversation_id",
        new=Rows(
            {**_PERSON, "since": "bigint", "came": "bigint", "stamp": "timestamptz", "listed": "boolean"}, newcomers
        ),
    )
    return {id_ for (id_,) in rows}


def _pending(conversations: Sequence[int]) -> list[int]:
    """Messages for all who take part that somebody may still be told of."""
    rows = fetch(
        f"select m.id from notifier_message m where m.conversation_id {{in:conversations}} and {_PENDING}",
        conversations=Ids("bigint", conversations),
    )
    return [id_ for (id_,) in rows]


def _with_too_many(messages: Collection[int]) -> set[int]:
    rows = fetch(
        f"select m.id from {_ADDRESSED} group by m.id having count(*) > {LARGEST}",
        messages=Ids("bigint", sorted(messages)),
    )
    return {id_ for (id_,) in rows}
