"""What the chat side needs of a chat platform.

An adapter is sans-IO: it verifies and parses calls that came in, builds `Request`s and reads `Answer`s.
It imports this module, `notifier.wire` and its own libraries, no models, and touches no database.
To add one: one file here, one line in `registry.py`, one test class that passes the platform contract.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum, StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from notifier.wire import Answer, Call, Request

T = TypeVar("T")


class Rank(IntEnum):
    """A recipient's status of a message. It only ever goes up."""

    SENT = 0
    DELIVERED = 1
    READ = 2


class Kind(StrEnum):
    """What an event means to us, whatever the platform calls it."""

    SENT = "sent"
    EDITED = "edited"
    DELETED = "deleted"
    RECEIPT = "receipt"
    LEFT = "left"
    CONVERSATION = "conversation"
    OTHER = "other"


class Can(Enum):
    """What a platform is able to do; a configuration that asks for more is refused when it is saved."""

    WEBHOOKS = "tell us of events by webhook"
    RECEIPTS = "say who has read a message"
    POST_AS_USER = "post a message as one of its users"
    MARK_READ = "mark a message as read for a user"
    IDENTITIES = "tell a user's name and phone"
    TITLES = "tell a conversation's title"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What must be known of a delivery to store it: its identity, and the conversation it is about if that is clear."""

    key: str
    type: str
    conversation: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a message. `text` is None when it is not text, or too large to be sent along.

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
    """A message as an event shows it. A bot has a `sender_name` and no `sender_id`."""

    id: str
    sender_id: str | None
    sender_name: str | None
    parts: tuple[Part, ...]
    sent_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatEvent:
    """One event in our words.

    `key` is the same for every repeat of the event. `statuses` maps user ids to what this event says of them;
    `left` are users who left the conversation; a platform that only tells who is in it after a change gives these
    as `participants` (None: not told), and whoever is not among them has left. `type` is the platform's own name,
    `at` its own stamp.
    """

    key: str
    type: str
    kind: Kind
    at: datetime | None
    conversation: str | None = None
    message: MessageFacts | None = None
    statuses: Mapping[str, Rank] = field(default_factory=dict)
    left: Sequence[str] = ()
    participants: Sequence[str] | None = None
    title: str | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A user as the platform describes him. `phone` is free text; `custom` holds everything else it said."""

    user_id: str
    name: str
    phone: str = ""
    custom: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The platform did it, and this is what it said."""

    value: T


@dataclass(frozen=True, slots=True)
class Later:
    """Not done, or not known to be; worth repeating with the same key. `after` is the platform's wish in seconds."""

    reason: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class No:
    """The platform refused, and would refuse again."""

    reason: str


Reading = Done[T] | Later | No


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A webhook as the platform lists it."""

    id: str
    url: str
    name: str | None
    events: frozenset[str]
    status: str
    reason: str = ""

    @property
    def active(self) -> bool:
        return self.status == "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformConfig:
    """One ChatApp's settings for its adapter. `secrets` holds tokens and keys; it never appears in a repr."""

    options: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)


class Platform(ABC):
    """One chat application on one platform. Making one is cheap and does no input or output."""

    key: ClassVar[str]
    title: ClassVar[str]
    can: ClassVar[frozenset[Can]]
    #: names of `options` and `secrets` with a sentence each, for the admin and for `setup`
    option_help: ClassVar[Mapping[str, str]] = {}
    secret_help: ClassVar[Mapping[str, str]] = {}
    #: what a receipts hook listens to unless it is told otherwise
    receipt_events: ClassVar[tuple[str, ...]] = ()
    #: every event name that this platform knows
    event_types: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: PlatformConfig) -> None:
        self.config = config

    @abstractmethod
    def configured(self) -> list[str]:
        """What is missing or malformed in the configuration, each as a sentence with its remedy; empty when good."""

    # Incoming
    @abstractmethod
    def challenge(self, query: Mapping[str, str]) -> str | None:
        """The text to echo for a registration handshake, None when the query holds none. Raises Unreadable."""

    @abstractmethod
    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """Raise Forged unless the raw call is signed with one of the secrets."""

    @abstractmethod
    def envelope(self, call: Call) -> Envelope:
        """What is needed to store a verified call; as cheap as possible. Raises Unreadable."""

    @abstractmethod
    def parse(self, body: bytes) -> list[ChatEvent]:
        """Every event of a stored body. Raises Unreadable with a reason that an operator can act on."""

    # Asking
    @abstractmethod
    def identity_request(self, user_id: str) -> Request: ...

    @abstractmethod
    def identity(self, user_id: str, answer: Answer) -> Reading[Identity | None]:
        """Done(None): the platform answers that it knows nothing of the user."""

    @abstractmethod
    def conversation_request(self, conversation: str) -> Request: ...

    @abstractmethod
    def conversation_title(self, answer: Answer) -> Reading[str]:
        """Done(""): the conversation has no title."""

    @abstractmethod
    def status_request(self, conversation: str, message: str) -> Request: ...

    @abstractmethod
    def statuses(self, message: str, answer: Answer) -> Reading[Mapping[str, Rank] | None]:
        """The current status per recipient; Done(None): the message is gone, or its status is not told."""

    # Acting
    @abstractmethod
    def post_requests(self, conversation: str, *, as_user: str, text: str, key: str) -> list[Request]:
        """Requests that post `text`, in order. Repeating them with the same `key` never posts twice."""

    @abstractmethod
    def posted(self, answer: Answer) -> Reading[str]:
        """The id of the message posted by one of `post_requests`, also when an earlier try had posted it."""

    @abstractmethod
    def read_request(self, conversation: str, message: str, *, as_user: str) -> Request: ...

    @abstractmethod
    def marked_read(self, answer: Answer) -> Reading[None]: ...

    # Webhook management; `config.options`/`secrets` say where and as whom
    @abstractmethod
    def list_webhooks_request(self) -> Request: ...

    @abstractmethod
    def webhooks(self, answer: Answer) -> Reading[list[Registration]]: ...

    @abstractmethod
    def register_webhook_request(self, *, url: str, name: str, events: Sequence[str], secret: str) -> Request: ...

    @abstractmethod
    def activate_webhook_request(self, webhook: str) -> Request: ...

    @abstractmethod
    def get_webhook_request(self, webhook: str) -> Request: ...

    @abstractmethod
    def webhook(self, answer: Answer) -> Reading[Registration]:
        """The webhook that an answer to register, activate or get describes."""

    @abstractmethod
    def delete_webhook_request(self, webhook: str) -> Request: ...

    @abstractmethod
    def webhook_deleted(self, answer: Answer) -> Reading[None]:
        """Already gone counts as done."""
