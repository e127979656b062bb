"""What a Bridge's events are known by: the same for a push and for what is found of it later."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from notifier.platforms.base import Delivered, Envelope
from notifier.platforms.privmx_kinds import FAMILIES, INBOX_KEY, NEW_ITEMS, NEW_ROOM, STATS, Family, milliseconds
from notifier.texts import clean_text, loads_object
from notifier.wire import Unreadable

_LONGEST: Final = 200
_LONGEST_ID: Final = 100
#: event that tells of a change of an item, and the one that told when it was new
EDITED: Final[Mapping[str, str]] = {
    "threadUpdatedMessage": "threadNewMessage",
    "storeFileUpdated": "storeFileCreated",
    "kvdbUpdatedEntry": "kvdbNewEntry",
}
DELETED: Final = frozenset({"threadDeletedMessage", "storeFileDeleted", "kvdbDeletedEntry"})


def delivered(push: Mapping[str, Any], container: Mapping[str, Any] | None) -> Delivered:
    """The event that is to be stored for a push."""
    body = json.dumps({"push": push, "container": container}, ensure_ascii=False, separators=(",", ":"))
    return Delivered(envelope(push), body.encode(errors="replace"))


def read_envelope(body: bytes) -> Envelope:
    """Raises Unreadable."""
    return envelope(push_of(loads_object(body)))


def envelope(push: Mapping[str, Any]) -> Envelope:
    """The same for a push and for what is found of it later: by what it is about, not by when it was told."""
    type_, channel, data = push.get("type"), push.get("channel"), data_of(push)
    type_ = clean_text(type_)[:100] if isinstance(type_, str) else "unknown"
    family = FAMILIES.get(channel) if isinstance(channel, str) else None
    conversation = container_id(type_, family, data) if family else None
    identity = _identity(type_, family, push, conversation)
    if not identity or len(identity) > _LONGEST:
        whole = identity or json.dumps(push, sort_keys=True)
        identity = f"sha256:{sha256(whole.encode(errors='surrogatepass')).hexdigest()}"
    return Envelope(clean_text(f"{channel}/{type_}/{identity}" if family else identity), type_, conversation)


def _identity(type_: str, family: Family | None, push: Mapping[str, Any], conversation: str | None) -> str:
    """What tells this event from others of its type, "" when only all of it does."""
    data = data_of(push)
    if family is None or conversation is None:
        return ""
    if type_ in NEW_ITEMS or type_ in EDITED or type_ in DELETED:
        try:
            item = message_id(EDITED.get(type_, type_), data)
        except Unreadable:
            return ""
        edited = milliseconds(data.get("lastModificationDate")) or milliseconds(push.get("timestamp"))
        return f"{item}/{edited}" if type_ in EDITED else item
    if type_.endswith(("Created", "Deleted")):
        return conversation
    stamp = push.get("timestamp") if type_ in STATS else data.get("lastModificationDate")
    return f"{conversation}/{data.get('version', 0)}/{milliseconds(stamp)}"


def container_id(type_: str, family: Family, data: Mapping[str, Any]) -> str | None:
    """The container that an event is about or happened in; an event about the container itself calls it `id`."""
    is_item = type_ in NEW_ITEMS or type_ in EDITED or type_ in DELETED
    told = data.get(family.id_field, None if is_item else data.get("id"))
    return told if isinstance(told, str) and 0 < len(told) <= _LONGEST and clean_text(told) == told else None


def message_id(type_: str, data: Mapping[str, Any]) -> str:
    """What we call an item: a message by its own id, anything else with its kind before it. Raises Unreadable."""
    if type_.startswith("kvdb"):
        told = data.get("kvdbEntryKey", data.get("entryKey"))
        return f"kvdb:{_short(data.get('kvdbId'), 'kvdbId')}/{_short(told, 'kvdbEntryKey')}"
    told = _short(data.get("messageId", data.get("id")), "id")
    return f"file:{told}" if type_.startswith("storeFile") else f"room:{told}" if type_ == NEW_ROOM else told


def inbox_of(data: Mapping[str, Any]) -> str:
    """The inbox that a message of a thread is an entry of, "" for any other message."""
    key = data.get("keyId")
    is_entry = isinstance(key, str) and key.startswith(INBOX_KEY) and key.endswith(">")
    return str(key)[len(INBOX_KEY) : -1] if is_entry else ""


def push_of(told: Mapping[str, Any]) -> Mapping[str, Any]:
    push = told.get("push")
    if not isinstance(push, dict):
        raise Unreadable("push is missing or not an object")
    return push


def data_of(push: Mapping[str, Any]) -> Mapping[str, Any]:
    data = push.get("data")
    return data if isinstance(data, dict) else {}


def _short(value: object, field: str) -> str:
    """An id as it is, or its digest if it is longer than one. Raises Unreadable."""
    if not isinstance(value, str) or not value:
        raise Unreadable(f"push.data.{field} is missing or not a text")
    if len(value) <= _LONGEST_ID and clean_text(value) == value:
        return value
    return f"sha256:{sha256(value.encode(errors='surrogatepass')).hexdigest()}"
