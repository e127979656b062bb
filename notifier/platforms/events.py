"""What happened in a chat, in our words: the events that adapters make of deliveries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum


class Rank(IntEnum):
    """A recipient's status of a message. It only ever goes up."""

    SENT = 0
    DELIVERED = 1
    READ = 2


class Kind(StrEnum):
    """What an event means to us, whatever the platform calls it.

    EDITED is by the `sender_id` or `sender_name` of its `message`, and counts if that is the message's own sender, or
    if either is not told: a platform may pass on edits by anybody. DELETED counts whoever it is by: the platform must
    have seen to it that he may, or its adapter has to.
    """

    SENT = "sent"
    EDITED = "edited"
    DELETED = "deleted"
    RECEIPT = "receipt"
    LEFT = "left"
    CONVERSATION = "conversation"
    OTHER = "other"


#: the type of a part whose words the platform hides from us: end-to-end encrypted (RFC 1847, 2.2)
HIDDEN = "multipart/encrypted"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a message. `text` is None when it is not text, or too large to be sent along, or `HIDDEN`.

    `url` is where anybody may fetch it, without credentials, `until` a moment, `size` in bytes (None: the platform does
    not tell).
    """

    mime_type: str
    text: str | None = None
    url: str = ""
    until: datetime | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFacts:
    """A message as an event shows it. A bot has a `sender_name` and no `sender_id`.

    `aside`: it stands outside of the conversation's order, such as in a thread, so that a mark elsewhere says nothing
    of it, nor one on it of others.
    """

    id: str
    sender_id: str | None
    sender_name: str | None
    parts: tuple[Part, ...]
    sent_at: datetime | None
    aside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatEvent:
    """One event in our words.

    `key` is the same for every repeat of the event, `type` is the platform's own name, `at` its own stamp.

    Recipients of a message: `statuses` maps user ids to what this event says of them. A platform that does not list
    them says `to_participants`: then they are all who take part in the conversation when it is sent, but the sender.
    `read_up_to` maps users to the id of a message up to which, in the conversation's order, each has read.

    Who takes part: `joined` and `left` are users who came and went; a platform that only tells who is there after a
    change gives these as `participants` (None: not told), and whoever is not among them has left.

    `encrypted`: whether the conversation hides its words from us (None: not told). `context` is the space that holds
    the conversation, where a platform has such, for rules to choose by.
    """

    key: str
    type: str
    kind: Kind
    at: datetime | None
    conversation: str | None = None
    message: MessageFacts | None = None
    statuses: Mapping[str, Rank] = field(default_factory=dict)
    to_participants: bool = False
    read_up_to: Mapping[str, str] = field(default_factory=dict)
    joined: Sequence[str] = ()
    left: Sequence[str] = ()
    participants: Sequence[str] | None = None
    title: str | None = None
    encrypted: bool | None = None
    context: str | None = None
    actor: str | None = None
