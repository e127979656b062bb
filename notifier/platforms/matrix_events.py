"""Reading events of Matrix rooms, one at a time, as an application service is told of them.

An event's id is its identity: the numbers of the transactions that bring it start again after a restart of the
homeserver. Other ids are taken as they are and never looked into, but for the server in a user's id: a room's has none
in newer rooms.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from notifier.platforms.events import ChatEvent, Kind, MessageFacts, Part, Rank
from notifier.platforms.fields import needed_object, needed_text, optional_object
from notifier.platforms.matrix_messages import is_for_people, is_notice, parts_of
from notifier.texts import clean_text, loads_object
from notifier.wire import Unreadable

#: everything that is kept of what a homeserver tells; the rest is dropped as it comes
EVENT_TYPES: Final = (
    "m.room.message",
    "m.sticker",
    "m.room.encrypted",
    "m.room.redaction",
    "m.room.member",
    "m.room.name",
    "m.room.encryption",
    "m.receipt",
)

_MESSAGES = ("m.room.message", "m.sticker", "m.room.encrypted")
#: relations that make an event something else than a message: a reaction, an answer in a poll or in a handshake
_NO_MESSAGES = ("m.annotation", "m.reference")
_READ = ("m.read", "m.read.private")
#: ids have at most 255 bytes (appendices, 4.2), and so have our columns
_LONGEST_ID = 255
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Head:
    """What every event of a room has."""

    id: str
    type: str
    room: str
    sender: str
    at: datetime | None
    content: Mapping[str, Any]

    def event(self, kind: Kind, **said: Any) -> ChatEvent:
        told: dict[str, Any] = {"key": self.id, "type": self.type, "conversation": self.room}
        return ChatEvent(kind=kind, at=self.at, actor=self.sender, **told, **said)

    def message(
        self, id_: str, parts: tuple[Part, ...] = (), *, of_program: bool = False, aside: bool = False
    ) -> MessageFacts:
        sender_id, sender_name = (None, self.sender) if of_program else (self.sender, None)
        return MessageFacts(
            id=id_, sender_id=sender_id, sender_name=sender_name, parts=parts, sent_at=self.at, aside=aside
        )


def parse_event(body: bytes, *, key: str, notices: bool) -> list[ChatEvent]:
    """What happened, by a stored event; `key` is for one without an id.

    Raises Unreadable naming the field where the homeserver's part of it is odd. Of an odd content, which every member
    may write as he likes, nothing is told. `notices`: messages of the kind that programs write are told as well.
    """
    data = loads_object(body)
    kind = needed_text(data, "type")
    if kind == "m.receipt":
        return _receipts(data, key)
    if kind not in EVENT_TYPES:
        return [ChatEvent(key=key, type=kind[:_LONGEST_ID], kind=Kind.OTHER, at=None)]
    head = _head(data, kind)
    try:
        return [_message(head, data, notices) if kind in _MESSAGES else _READERS[kind](head, data)]
    except Unreadable:  # what a member wrote: clients show nothing of it, and there is nothing that we could mend
        return [head.event(Kind.OTHER)]


def id_of(value: object, field: str) -> str:
    """An id. Raises Unreadable naming the field."""
    if not isinstance(value, str) or not _is_id(value):
        raise Unreadable(f"{field} is missing or no id, of at most {_LONGEST_ID} characters")
    return value


def _is_id(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_ID and clean_text(text) == text


def moment(value: object) -> datetime | None:
    """Milliseconds since 1970; None when that is no date: no event is worth losing for its date."""
    if type(value) is not int:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=value)
    except OverflowError:
        return None


def relation_of(content: Mapping[str, Any]) -> tuple[str, str]:
    """How an event refers to another one, and that one's id; ("", "") when it does not."""
    told = content.get("m.relates_to")
    found = (told.get("rel_type"), told.get("event_id")) if isinstance(told, dict) else ("", "")
    return (found[0], found[1]) if isinstance(found[0], str) and isinstance(found[1], str) else ("", "")


def is_redacted(event: Mapping[str, Any]) -> bool:
    """Whether a message was deleted: of its content nothing is left then."""
    unsigned = event.get("unsigned")
    return event.get("content") == {} or bool(isinstance(unsigned, dict) and unsigned.get("redacted_because"))


def _head(data: Mapping[str, Any], kind: str) -> _Head:
    return _Head(
        id=id_of(data.get("event_id"), "event_id"),
        type=kind,
        room=id_of(data.get("room_id"), "room_id"),
        sender=id_of(data.get("sender"), "sender"),
        at=moment(data.get("origin_server_ts")),
        content=needed_object(data, "content"),
    )


def _message(head: _Head, data: Mapping[str, Any], notices: bool) -> ChatEvent:
    """A new message, or a new text of an old one, or one that was deleted on its way to us.

    The homeserver does not tell which thread a receipt is of: so what stands in one is covered by none but its own,
    and asked about before it is texted.
    """
    relation, target = relation_of(head.content)
    hidden = True if head.type == "m.room.encrypted" else None
    if is_redacted(data):
        return head.event(Kind.DELETED, message=head.message(head.id))
    if relation in _NO_MESSAGES or not is_for_people(head.content):
        return head.event(Kind.OTHER)
    content, kind, id_ = head.content, Kind.SENT, head.id
    if relation == "m.replace":
        kind, id_ = Kind.EDITED, id_of(target, "content.m.relates_to.event_id")
        content = optional_object(head.content, "m.new_content", "content.") or _unstarred(head.content)
    of_program, aside = is_notice(content) and not notices, relation == "m.thread"
    facts = head.message(id_, parts_of(head.type, content), of_program=of_program, aside=aside)
    return head.event(kind, message=facts, to_participants=kind is Kind.SENT, encrypted=hidden)


def _unstarred(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """An edit's text for clients that do not know edits, as it is meant."""
    body = content.get("body")
    return {**content, "body": body.removeprefix("* ")} if isinstance(body, str) else content


def _redaction(head: _Head, data: Mapping[str, Any]) -> ChatEvent:
    """What is deleted is named in the content in newer rooms, and beside it in older ones (room version 11).

    The other place is anybody's to write into, so where the two differ neither is believed.
    """
    inside, beside = head.content.get("redacts"), data.get("redacts")
    if inside and beside and inside != beside:
        return head.event(Kind.OTHER)
    return head.event(Kind.DELETED, message=_mere(id_of(inside or beside, "redacts")))


def _member(head: _Head, data: Mapping[str, Any]) -> ChatEvent:
    """Somebody came or went; `state_key` is who, `sender` who made it so. A changed name or picture is neither."""
    who = id_of(data.get("state_key"), "state_key")
    now, before = head.content.get("membership"), _membership_before(data)
    if now == "join" and before != "join":
        return head.event(Kind.CONVERSATION, joined=(who,))
    if now in ("leave", "ban"):
        return head.event(Kind.LEFT, left=(who,))
    return head.event(Kind.OTHER)


def _membership_before(data: Mapping[str, Any]) -> object:
    unsigned = data.get("unsigned")
    before = unsigned.get("prev_content") if isinstance(unsigned, dict) else None
    return before.get("membership") if isinstance(before, dict) else None


def _is_state(data: Mapping[str, Any]) -> bool:
    """Anybody may send a message of any type; only as the room's state does it say something of the room."""
    return data.get("state_key") == ""


def _name(head: _Head, data: Mapping[str, Any]) -> ChatEvent:
    if not _is_state(data):
        return head.event(Kind.OTHER)
    return head.event(Kind.CONVERSATION, title=title_of(head.content))


def title_of(content: Mapping[str, Any]) -> str:
    """The name that an m.room.name holds, "" for none."""
    name = content.get("name")
    return clean_text(name).strip() if isinstance(name, str) else ""


def _encryption(head: _Head, data: Mapping[str, Any]) -> ChatEvent:
    """It is never switched off again (client-server API, m.room.encryption)."""
    if not _is_state(data):
        return head.event(Kind.OTHER)
    return head.event(Kind.CONVERSATION, encrypted=True)


_READERS: Final[Mapping[str, Callable[[_Head, Mapping[str, Any]], ChatEvent]]] = {
    "m.room.redaction": _redaction,
    "m.room.member": _member,
    "m.room.name": _name,
    "m.room.encryption": _encryption,
}


def _receipts(data: Mapping[str, Any], key: str) -> list[ChatEvent]:
    """One event for each message that receipts point at: public and private ones, and those of threads, count alike.

    A receipt that names its thread says nothing of what stands outside of it: it is taken for that one message.
    Receipts of other servers' users come unchecked, so what is no id is left out.
    """
    room = id_of(data.get("room_id"), "room_id")
    common: dict[str, Any] = {"type": "m.receipt", "kind": Kind.RECEIPT, "at": None, "conversation": room}
    events = []
    for target, told in needed_object(data, "content").items():
        whole, single = _readers(told) if _is_id(target) else ([], [])
        if whole:
            events.append(ChatEvent(key=f"{key}/{target}", read_up_to=dict.fromkeys(whole, target), **common))
        if single:
            ranks = dict.fromkeys(single, Rank.READ)
            events.append(ChatEvent(key=f"{key}/{target}/thread", message=_mere(target), statuses=ranks, **common))
    return events


def _mere(id_: str) -> MessageFacts:
    """A message of which no more is known here."""
    return MessageFacts(id=id_, sender_id=None, sender_name=None, parts=(), sent_at=None)


def _readers(told: object) -> tuple[list[str], list[str]]:
    """Who has read up to a message, and who has read up to it in a thread only; in the order of their ids."""
    whole: set[str] = set()
    single: set[str] = set()
    for kind in _READ:
        users = told.get(kind) if isinstance(told, dict) else None
        for user, receipt in users.items() if isinstance(users, dict) else ():
            thread = receipt.get("thread_id") if isinstance(receipt, dict) else None
            if _is_id(user):
                (single if isinstance(thread, str) and thread != "main" else whole).add(user)
    return sorted(whole), sorted(single - whole)
