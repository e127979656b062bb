"""Reading what a chat of one's own tells us: one event a call, as docs/generic-platform.md and its schema say.

Unknown fields are ignored, an unknown type is kept as OTHER, and what is not of the promised form raises Unreadable
with the name of the field.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from notifier.links import is_open_link
from notifier.platforms.events import ChatEvent, Kind, MessageFacts, Part, Rank
from notifier.platforms.fields import moment, needed_object, needed_text, optional_list, optional_object, optional_text
from notifier.platforms.values import Envelope
from notifier.texts import clean_text, loads_object
from notifier.wire import Unreadable

_KINDS = {
    "message.sent": Kind.SENT,
    "message.edited": Kind.EDITED,
    "message.deleted": Kind.DELETED,
    "message.delivered": Kind.RECEIPT,
    "message.read": Kind.RECEIPT,
    "conversation.read": Kind.RECEIPT,
    "conversation.updated": Kind.CONVERSATION,
    "conversation.deleted": Kind.DELETED,
    "participant.joined": Kind.CONVERSATION,
    "participant.left": Kind.LEFT,
}
EVENT_TYPES = tuple(_KINDS)
_RANKS = {"sent": Rank.SENT, "delivered": Rank.DELIVERED, "read": Rank.READ}
_LONGEST_ID = 255
_LONGEST_TYPE = 100


def read_envelope(message_id: str, body: bytes) -> Envelope:
    """By the call's own id, which every repeat has as well. Raises Unreadable when the body is no JSON object."""
    data = loads_object(body)
    name, inside = data.get("type"), data.get("data")
    conversation = inside.get("conversation") if isinstance(inside, dict) else None
    found = conversation.get("id") if isinstance(conversation, dict) else None
    known = clean_text(found) if isinstance(found, str) and 0 < len(found) <= _LONGEST_ID else None
    return Envelope(message_id, name[:_LONGEST_TYPE] if isinstance(name, str) else "unknown", known or None)


def parse_event(body: bytes) -> list[ChatEvent]:
    """The one event of a call. Raises Unreadable naming the field."""
    told = loads_object(body)
    name, at = needed_text(told, "type")[:_LONGEST_TYPE], moment(told.get("timestamp"))
    key, kind = sha256(body).hexdigest(), _KINDS.get(name)
    if kind is None:
        return [ChatEvent(key=key, type=name, kind=Kind.OTHER, at=at)]
    data = needed_object(told, "data")
    conversation = needed_object(data, "conversation", "data.")
    common: dict[str, Any] = {
        "key": key,
        "type": name,
        "kind": kind,
        "at": at,
        "conversation": _id(conversation, "data.conversation."),
        "title": optional_text(conversation, "title", "data.conversation."),
        "participants": _users(conversation, "participants", "data.conversation."),
    }
    return [ChatEvent(**common, **_about(name, data))]


def _about(name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What an event says beside its conversation."""
    if name == "conversation.read":
        up_to = needed_object(data, "up_to", "data.")
        return {"read_up_to": {_user(data): _id(up_to, "data.up_to.")}}
    if name.startswith("participant."):
        users = _users(data, "users", "data.")
        if users is None:
            raise Unreadable("data.users is missing")
        return {name.removeprefix("participant."): users}
    if name.startswith("conversation."):
        return {}
    message = _message(needed_object(data, "message", "data."))
    if name in ("message.read", "message.delivered"):
        return {"message": message, "statuses": {_user(data): _RANKS[name.removeprefix("message.")]}}
    if name != "message.sent":
        return {"message": message}
    if message.sender_id is None and message.sender_name is None:  # nobody would be told of it, and nobody know why
        raise Unreadable('data.message.sender.id is missing: a message of nobody needs a sender with "bot": true')
    statuses = _recipients(data)
    return {"message": message, "statuses": statuses or {}, "to_participants": statuses is None}


def _message(message: Mapping[str, Any]) -> MessageFacts:
    """`sender` may be left out: only a new message has to say whose it is, as `_about` sees to."""
    sender = optional_object(message, "sender", "data.message.") or {}
    name = optional_text(sender, "name", "data.message.sender.")
    found = optional_text(sender, "id", "data.message.sender.")
    bot = sender.get("bot") is True
    return MessageFacts(
        id=_id(message, "data.message."),
        sender_id=None if bot else _short(found, "data.message.sender.id"),
        sender_name=(name or found or "bot")[:_LONGEST_ID] if bot else None,
        parts=_parts(message),
        sent_at=moment(message.get("sent_at")),
    )


def _parts(message: Mapping[str, Any]) -> tuple[Part, ...]:
    """`text` alone, or `parts`: what cannot be used of a part's address is no reason to lose the message."""
    told = optional_list(message, "parts", "data.message.")
    if not told:
        text = optional_text(message, "text", "data.message.")
        return (Part("text/plain", text),) if text else ()
    return tuple(_part(one, f"data.message.parts[{index}]") for index, one in enumerate(told))


def _part(value: object, path: str) -> Part:
    if not isinstance(value, dict):
        raise Unreadable(f"{path} is not an object")
    mime_type = (optional_text(value, "type", f"{path}.") or "text/plain").partition(";")[0].strip().lower()
    text, url, size = optional_text(value, "text", f"{path}."), value.get("url"), value.get("size")
    until = moment(value.get("expires_at"))
    if mime_type.startswith("text/"):
        return Part(mime_type, text)
    if not isinstance(url, str) or not is_open_link(url) or (value.get("expires_at") is not None and until is None):
        return Part(mime_type)
    return Part(mime_type, None, url, until, size if type(size) is int and size > 0 else None)


def _recipients(data: Mapping[str, Any]) -> dict[str, Rank] | None:
    """Each with his status, `sent` if none is told; of one named twice the higher. None: whoever takes part."""
    told = optional_list(data, "recipients", "data.")
    if told is None:
        return None
    found: dict[str, Rank] = {}
    for index, one in enumerate(told):
        path = f"data.recipients[{index}]"
        user, rank = (_id(one, f"{path}."), _rank(one, path)) if isinstance(one, dict) else (_checked(one, path), None)
        found[user] = max(rank or Rank.SENT, found.get(user, Rank.SENT))
    return found


def _rank(recipient: Mapping[str, Any], path: str) -> Rank:
    told = optional_text(recipient, "status", f"{path}.") or "sent"
    if told not in _RANKS:
        raise Unreadable(f"{path}.status is none of {', '.join(_RANKS)}")
    return _RANKS[told]


def _user(data: Mapping[str, Any]) -> str:
    return _id(needed_object(data, "user", "data."), "data.user.")


def _users(data: Mapping[str, Any], name: str, path: str) -> Sequence[str] | None:
    told = optional_list(data, name, path)
    return None if told is None else [_checked(one, f"{path}{name}[{index}]") for index, one in enumerate(told)]


def _id(parent: Mapping[str, Any], path: str) -> str:
    return _checked(parent.get("id"), f"{path}id")


def _checked(value: object, path: str) -> str:
    """An id: a text that we can keep."""
    found = _short(clean_text(value), path) if isinstance(value, str) else None
    if not found:
        raise Unreadable(f"{path} is missing, or not a text")
    return found


def _short(value: str | None, path: str) -> str | None:
    if value is not None and len(value) > _LONGEST_ID:
        raise Unreadable(f"{path} is longer than {_LONGEST_ID} characters")
    return value
