"""The plain values that platform adapters are given and give back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Can(Enum):
    """What a platform is able to do; a configuration that asks for more is refused when it is saved."""

    WEBHOOKS = "tell us of events by webhook"
    SOCKET = "tell us of events over a connection that we keep open"
    REGISTER = "have its webhooks registered over its API"
    REPLAY = "bring again what happened while we were away"
    TEXT = "show us what a message says"
    RECEIPTS = "say who has read a message"
    DELIVERED = "say to whom a message was delivered"
    ASK = "be asked who has still not read a message"
    ROSTER = "say who takes part in a conversation"
    IDENTITIES = "tell a user's name and phone"
    TITLES = "tell a conversation's title"
    POST_AS_USER = "post a message as one of its users"
    MARK_READ = "mark a message as read for a user"


class CannotError(Exception):
    """A method was called that the platform's `can` excludes: a mistake of ours."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What must be known of a delivery to store it: its identity, and the conversation it is about if that is clear."""

    key: str
    type: str
    conversation: str | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """One event to be stored, as `Platform.parse` reads it later."""

    envelope: Envelope
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What we answer a platform's call."""

    status: int
    text: str = ""
    content_type: str = "text/plain; charset=utf-8"


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
