"""Reading Layer's deliveries: webhooks version 1.0, the names used before it, and those of versions 2.0 and 3.0.

A delivery holds one event about one `message` or one `conversation`. Absent and null are alike, unknown fields are
ignored, and what is not of the promised form raises Unreadable with the name of the field.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from notifier.platforms.base import ChatEvent, Envelope, Kind, MessageFacts, Rank
from notifier.platforms.fields import moment, needed_object, optional_list, optional_object
from notifier.platforms.layer_parts import read_part
from notifier.platforms.layer_values import (
    bare_uuid,
    needed_uuid,
    participants,
    person,
    statuses,
    title_of,
)
from notifier.texts import clean_text, loads_object
from notifier.wire import Unreadable

EVENT_TYPES = (
    "message.sent",
    "message.delivered",
    "message.read",
    "message.deleted",
    "conversation.created",
    "conversation.updated.participants",
    "conversation.updated.metadata",
    "conversation.deleted",
)

#: names of other versions, lower-case, and the name in 1.0 that means the same
_OTHER_NAMES = {
    "conversation.participants_updated": "conversation.updated.participants",
    "conversation.metadata_updated": "conversation.updated.metadata",
    "message.created": "message.sent",
    "receipt.created": "receipt",  # it does not say which, the message's map does
    "conversation.updated": "conversation.updated.metadata",
}

_MESSAGE_KINDS = {
    "message.sent": Kind.SENT,
    "message.delivered": Kind.RECEIPT,
    "message.read": Kind.RECEIPT,
    "receipt": Kind.RECEIPT,
    "message.deleted": Kind.DELETED,
}
_CONVERSATION_KINDS = {
    "conversation.created": Kind.CONVERSATION,
    "conversation.updated.participants": Kind.LEFT,
    "conversation.updated.metadata": Kind.CONVERSATION,
    "conversation.deleted": Kind.DELETED,
}
_RECEIPT_RANKS = {"message.delivered": Rank.DELIVERED, "message.read": Rank.READ}

#: an event id that is longer is none of Layer's, and is kept as its digest
_LONGEST_KEY = 200
_LONGEST_TYPE = 100
_UNKNOWN_TYPE = "unknown"


@dataclass(frozen=True, slots=True)
class _Head:
    """What every event has, whatever it is about."""

    key: str
    type: str
    name: str
    at: datetime | None


def canonical_name(name: str) -> str:
    """The event's name in version 1.0, lower-case; a name that we do not know stays as it is."""
    lowered = name.lower()
    return _OTHER_NAMES.get(lowered, lowered)


def read_envelope(body: bytes) -> Envelope:
    """Identity, type and conversation of a delivery of any form. Raises Unreadable only when it is no JSON object.

    Anything else is worth keeping: a refusal would make Layer repeat the delivery and in the end switch the
    webhook off.
    """
    data = loads_object(body)
    event = _object_or_empty(data.get("event"))
    return Envelope(_key(event, body), _type(event), _conversation_hint(data))


def parse_delivery(body: bytes, title_key: str) -> list[ChatEvent]:
    """The one event of a delivery; of unknown types as Kind.OTHER. Raises Unreadable naming the field."""
    data = loads_object(body)
    head = _head(data, body)
    if head.name in _MESSAGE_KINDS and (head.name != "receipt" or data.get("message") is not None):
        return [_message_event(head, data)]
    if head.name in _CONVERSATION_KINDS:
        return [_conversation_event(head, data, title_key)]
    return [
        ChatEvent(
            key=head.key,
            type=head.type,
            kind=Kind.OTHER,
            at=head.at,
            conversation=_conversation_hint(data),
        )
    ]


def message_statuses(message: Mapping[str, Any]) -> dict[str, Rank] | None:
    """What a message says of its recipients, None when it says nothing. Raises Unreadable."""
    told = optional_object(message, "recipient_status", "message.")
    return None if told is None else statuses(told)


def _head(data: Mapping[str, Any], body: bytes) -> _Head:
    event = needed_object(data, "event")
    kind = _type(event)
    if kind == _UNKNOWN_TYPE:
        raise Unreadable("event.type is missing or not a text")
    return _Head(
        key=_key(event, body),
        type=kind,
        name=canonical_name(kind),
        at=moment(event.get("created_at")),
    )


def _actor(data: Mapping[str, Any]) -> str | None:
    """The user who did it; version 1.0 has him inside the event, 2.0 beside it."""
    inside = optional_object(needed_object(data, "event"), "actor", "event.")
    return person(inside or optional_object(data, "actor"), "actor.").user_id


def _message_event(head: _Head, data: Mapping[str, Any]) -> ChatEvent:
    message = needed_object(data, "message")
    conversation = needed_object(message, "conversation", "message.")
    told = message_statuses(message) or {}
    rank = _RECEIPT_RANKS.get(head.name)
    actor = _actor(data)
    if rank is not None and actor is not None:  # the map may be null, the actor has read it all the same
        told[actor] = max(rank, told.get(actor, rank))
    return ChatEvent(
        key=head.key,
        type=head.type,
        kind=_MESSAGE_KINDS[head.name],
        at=head.at,
        conversation=needed_uuid(conversation.get("id"), "message.conversation.id"),
        message=_facts(message, sent=head.name == "message.sent"),
        statuses=told,
        actor=actor,
    )


def _conversation_event(head: _Head, data: Mapping[str, Any], title_key: str) -> ChatEvent:
    conversation = needed_object(data, "conversation")
    members = participants(optional_list(conversation, "participants", "conversation."), "conversation.participants")
    return ChatEvent(
        key=head.key,
        type=head.type,
        kind=_CONVERSATION_KINDS[head.name],
        at=head.at,
        conversation=needed_uuid(conversation.get("id"), "conversation.id"),
        title=title_of(conversation, title_key),
        participants=members,
        actor=_actor(data),
    )


def _facts(message: Mapping[str, Any], *, sent: bool) -> MessageFacts:
    sender = person(optional_object(message, "sender", "message."), "message.sender.")
    if sent and sender.user_id is None and sender.bot_name is None:
        raise Unreadable("message.sender has neither user_id nor name")
    parts = optional_list(message, "parts", "message.") or []
    return MessageFacts(
        id=needed_uuid(message.get("id"), "message.id"),
        sender_id=sender.user_id,
        sender_name=sender.bot_name,
        parts=tuple(read_part(part, f"message.parts[{index}]") for index, part in enumerate(parts)),
        sent_at=moment(message.get("sent_at")),
    )


def _key(event: Mapping[str, Any], body: bytes) -> str:
    """The event's id. Without one the delivery's bytes are its identity, and a retry has the same bytes."""
    told = event.get("id")
    if not isinstance(told, str) or not told:
        return f"sha256:{sha256(body).hexdigest()}"
    uuid = bare_uuid(told)
    if uuid is not None:
        return uuid
    cleaned = clean_text(told)
    if cleaned == told and len(told) <= _LONGEST_KEY:
        return told
    return f"sha256:{sha256(told.encode(errors='surrogatepass')).hexdigest()}"


def _type(event: Mapping[str, Any]) -> str:
    told = event.get("type")
    return (clean_text(told)[:_LONGEST_TYPE] if isinstance(told, str) else "") or _UNKNOWN_TYPE


def _conversation_hint(data: Mapping[str, Any]) -> str | None:
    """The conversation that a delivery of whatever type is about, if that is clear."""
    inside = _object_or_empty(_object_or_empty(data.get("message")).get("conversation"))
    return bare_uuid(inside.get("id")) or bare_uuid(_object_or_empty(data.get("conversation")).get("id"))


def _object_or_empty(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
