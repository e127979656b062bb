"""What a Bridge tells, in our words.

A stored body is `{"push": the push as it came, "container": what the session knows of its thread, store or kvdb}`:
title, users, context, `modified` (since when that is so), and `fresh` where it was found out just for this one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from notifier.platforms.base import ChatEvent, Kind, MessageFacts, Part, Rank
from notifier.platforms.events import HIDDEN
from notifier.platforms.privmx_envelope import DELETED, EDITED, data_of, envelope, inbox_of, message_id, push_of
from notifier.platforms.privmx_kinds import (
    ANONYMOUS,
    NEW_ITEMS,
    NEW_ROOM,
    at_key,
    members,
    milliseconds,
)
from notifier.texts import clean_text, loads_object
from notifier.wire import Unreadable

_CONTAINER_NAMES: Final = {
    "thread": "thread",
    "store": "store",
    "inbox": "inbox",
    "stream": "streamRoom",
    "kvdb": "kvdb",
}
_NEW_ENTRY: Final = "[new entry]"
_NEW_ROOM: Final = "[new room]"


@dataclass(frozen=True, slots=True)
class Keys:
    """Where in `publicMeta` titles and words are, as dotted paths; empty: nowhere."""

    title: str = ""
    text: str = ""


def known(container: Mapping[str, Any], keys: Keys, *, fresh: bool) -> dict[str, Any]:
    """What is kept of a container as the Bridge describes it."""
    return {
        "title": at_key(container.get("publicMeta"), keys.title).strip() if keys.title else None,
        "users": members(container),
        "context": container.get("contextId"),
        "modified": container.get("lastModificationDate"),
        "fresh": fresh,
    }


def parse(body: bytes, keys: Keys) -> list[ChatEvent]:
    """The events of a stored body. Raises Unreadable naming the field."""
    told = loads_object(body)
    push, container = push_of(told), told.get("container")
    if container is not None and not isinstance(container, dict):
        raise Unreadable("container is not an object")
    head = _Head.of(push)
    if head.type == NEW_ROOM:
        room = known(head.data, keys, fresh=True)
        return [_container_event(head, room, keys), _new_event(head, room, keys)]
    if head.type in NEW_ITEMS:
        about = [_container_event(head, container, keys)] if container and container.get("fresh") else []
        return [*about, _new_event(head, container, keys)]
    return [_other_event(head, keys)]


@dataclass(frozen=True, slots=True)
class _Head:
    """What every push has."""

    key: str
    type: str
    channel: str
    conversation: str | None
    at: datetime | None
    data: Mapping[str, Any]

    @classmethod
    def of(cls, push: Mapping[str, Any]) -> "_Head":
        about = envelope(push)
        type_, channel = push.get("type"), push.get("channel")
        if not isinstance(type_, str) or not type_:
            raise Unreadable("push.type is missing or not a text")
        at = _moment(push.get("timestamp"))
        name = channel if isinstance(channel, str) else ""
        return cls(about.key, about.type, name, about.conversation, at, data_of(push))

    def needed(self) -> str:
        """The conversation. Raises Unreadable."""
        if self.conversation is None:
            raise Unreadable(f"push.data of {self.type} does not say in which container it happened")
        return self.conversation


def _new_event(head: _Head, container: Mapping[str, Any] | None, keys: Keys) -> ChatEvent:
    facts = _facts(head, keys, head.type)
    users = (container or {}).get("users")
    told = [user for user in users if isinstance(user, str)] if isinstance(users, list) else []
    return ChatEvent(
        key=head.key,
        type=head.type,
        kind=Kind.SENT,
        at=head.at,
        conversation=head.needed(),
        message=facts,
        statuses={clean_text(user): Rank.SENT for user in told if clean_text(user) != facts.sender_id},
        to_participants=container is None,
        context=_context(head.data),
        actor=facts.sender_id,
    )


def _other_event(head: _Head, keys: Keys) -> ChatEvent:
    if head.type in EDITED:
        return _message_event(head, Kind.EDITED, _facts(head, keys, EDITED[head.type]))
    if head.type in DELETED:
        id_ = message_id(head.type, head.data)
        return _message_event(
            head, Kind.DELETED, MessageFacts(id=id_, sender_id=None, sender_name=None, parts=(), sent_at=None)
        )
    name = _CONTAINER_NAMES.get(head.channel, "")
    if name and head.type in (f"{name}Created", f"{name}Updated"):
        return _container_event(head, known(head.data, keys, fresh=True), keys)
    if name and head.type == f"{name}Deleted":
        return ChatEvent(key=head.key, type=head.type, kind=Kind.DELETED, at=head.at, conversation=head.needed())
    return ChatEvent(
        key=head.key,
        type=head.type,
        kind=Kind.OTHER,
        at=head.at,
        conversation=head.conversation,
        context=_context(head.data),
    )


def _message_event(head: _Head, kind: Kind, facts: MessageFacts) -> ChatEvent:
    return ChatEvent(
        key=head.key,
        type=head.type,
        kind=kind,
        at=head.at,
        conversation=head.needed(),
        message=facts,
        context=_context(head.data),
    )


def _container_event(head: _Head, container: Mapping[str, Any], keys: Keys) -> ChatEvent:
    """Who takes part in it and what it is called, of the moment from which on that is so."""
    title, users = container.get("title"), container.get("users")
    told = [clean_text(user) for user in users if isinstance(user, str)] if isinstance(users, list) else None
    about_itself = head.type not in NEW_ITEMS and head.type != NEW_ROOM
    return ChatEvent(
        key=head.key if about_itself else f"{head.key}/container",
        type=head.type,
        kind=Kind.CONVERSATION,
        at=_moment(container.get("modified")) or head.at,
        conversation=head.needed(),
        participants=told,
        title=clean_text(title) if isinstance(title, str) else None,
        encrypted=not keys.text,
        context=_context(head.data),
    )


def _facts(head: _Head, keys: Keys, new: str) -> MessageFacts:
    """The item itself; `new` is the event that tells of such a one when it is new."""
    family = NEW_ITEMS.get(new)
    items = family.items if family else None
    sender = head.data.get(items.author if items else "creator")
    named = clean_text(sender) if isinstance(sender, str) and sender not in ("", ANONYMOUS) else None
    return MessageFacts(
        id=message_id(new, head.data),
        sender_id=named,
        sender_name=None,
        parts=(_part(head.data, keys, items.words if items else _NEW_ROOM),),
        sent_at=_moment(head.data.get(items.created if items else "createDate")),
    )


def _part(data: Mapping[str, Any], keys: Keys, words: str) -> Part:
    shown = clean_text(at_key(data.get("publicMeta"), keys.text)) if keys.text else ""
    shown = shown or words or (_NEW_ENTRY if inbox_of(data) else "")
    return Part("text/plain", shown) if shown else Part(HIDDEN)


def _context(data: Mapping[str, Any]) -> str | None:
    told = data.get("contextId")
    return clean_text(told) if isinstance(told, str) and told else None


def _moment(value: object) -> datetime | None:
    stamp = milliseconds(value)
    return datetime.fromtimestamp(stamp / 1000, UTC) if stamp else None
