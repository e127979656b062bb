"""Two platforms that list no recipients, one of which tells its events in order; and their events as they come in.

A delivery is a JSON list of `event`s. Users whose ids begin with "bot" may not be told.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, ClassVar

import pytest

from notifier.models import ChatApp, Hook, InboxEvent
from notifier.platforms import registry
from notifier.platforms.base import Can, ChatEvent, Envelope, Kind, MessageFacts, Part, Platform, Rank
from notifier.wire import Call, Forged, Unreadable
from tests import factories

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
PLACE = "c1"

_serial = count(1)


class Scattered(Platform):
    """Its events come in any order: what it says of time is in their stamps."""

    key: ClassVar[str] = "scattered"
    title: ClassVar[str] = "Scattered"
    can: ClassVar[frozenset[Can]] = frozenset({Can.WEBHOOKS, Can.TEXT, Can.RECEIPTS, Can.ROSTER})

    def configured(self) -> list[str]:
        return []

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        raise Forged("Nobody is believed.")

    def envelope(self, call: Call) -> Envelope:
        raise Unreadable("Nothing is read.")

    def parse(self, body: bytes) -> list[ChatEvent]:
        return [_read(told) for told in json.loads(body)]

    def may_be_told(self, user_id: str) -> bool:
        return not user_id.startswith("bot")


class Orderly(Scattered):
    key: ClassVar[str] = "orderly"
    in_order: ClassVar[bool] = True


@contextmanager
def platforms() -> Iterator[None]:
    """While this lasts, both may be chosen by their keys."""
    with pytest.MonkeyPatch.context() as patched:
        for one in (Scattered, Orderly):
            patched.setitem(registry.PLATFORMS, one.key, f"{__name__}.{one.__name__}")
        yield
    factories.forget()


def app(platform: type[Platform]) -> ChatApp:
    return factories.chat_app(platform=platform.key, options={}, secrets={})


def message(key: str, *, seconds: float = 0.0, sender: str | None = "ann") -> MessageFacts:
    sent_at = NOW + timedelta(seconds=seconds)
    return MessageFacts(
        id=key, sender_id=sender, sender_name=None, parts=(Part("text/plain", f"{key}!"),), sent_at=sent_at
    )


def event(kind: Kind = Kind.OTHER, *, seconds: float = 0.0, **fields: Any) -> ChatEvent:
    values: dict[str, Any] = {"key": f"e{next(_serial)}", "type": str(kind), "conversation": PLACE}
    return ChatEvent(kind=kind, at=NOW + timedelta(seconds=seconds), **{**values, **fields})


def said(key: str = "m1", *, seconds: float = 0.0, sender: str = "ann", **fields: Any) -> ChatEvent:
    """A message to all who take part."""
    values: dict[str, Any] = {"message": message(key, seconds=seconds, sender=sender), "to_participants": True}
    return event(Kind.SENT, seconds=seconds, **{**values, **fields})


def came(*users: str, seconds: float = 0.0) -> ChatEvent:
    return event(Kind.CONVERSATION, joined=users, seconds=seconds)


def went(*users: str, seconds: float = 0.0) -> ChatEvent:
    return event(Kind.LEFT, left=users, seconds=seconds)


def read_up_to(key: str, *users: str) -> ChatEvent:
    return event(Kind.RECEIPT, read_up_to=dict.fromkeys(users or ("ben",), key))


def read(key: str, user: str = "ben") -> ChatEvent:
    facts = MessageFacts(id=key, sender_id=None, sender_name=None, parts=(), sent_at=None)
    return event(Kind.RECEIPT, message=facts, statuses={user: Rank.READ})


# As deliveries


def stored(hook: Hook, *deliveries: Sequence[dict[str, Any]]) -> None:
    """Deliveries that were accepted, in this order."""
    for events in deliveries:
        InboxEvent.objects.create(hook=hook, key=f"d{next(_serial)}", body=json.dumps(events).encode())


def _read(told: dict[str, Any]) -> ChatEvent:
    if told.get("bad"):
        raise Unreadable("It is bad.")
    if "said" in told:
        return said(told["said"], conversation=told.get("in", PLACE), sender=told.get("by", "ann"))
    if "came" in told:
        return event(Kind.CONVERSATION, joined=told["came"], conversation=told.get("in", PLACE))
    return event(Kind.RECEIPT, read_up_to={told["by"]: told["read"]}, conversation=told.get("in", PLACE))
