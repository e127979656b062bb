"""A platform that is heard over a connection, as small as can be: numbered events, told from a number on.

We say {"from": n}; the server answers {"events": [[n, text], ...], "more": bool}, and pushes {"event": [n, text]}.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from notifier.models import Hook
from notifier.platforms import registry
from notifier.platforms.base import Can, ChatEvent, Conversing, Delivered, Envelope, Platform
from notifier.platforms.socket import BrokenError, RefusedError, Taken
from notifier.wire import Call, Forged
from tests import factories

KEY = "spool"
ANSWER_SECONDS = 0.6
NO_URL = "The url is missing: set it in the chat app's options."


class SpoolPlatform(Platform):
    key: ClassVar[str] = KEY
    title: ClassVar[str] = "Spool"
    can: ClassVar[frozenset[Can]] = frozenset({Can.SOCKET, Can.REPLAY, Can.TEXT})

    def configured(self) -> list[str]:
        return [] if self.config.options.get("url") else [NO_URL]

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        raise Forged("Spool calls nobody.")

    def envelope(self, call: Call) -> Envelope:
        raise Forged("Spool calls nobody.")

    def parse(self, body: bytes) -> list[ChatEvent]:
        return []

    def conversing(self, place: Mapping[str, object]) -> Conversing:
        return SpoolConversing(self.config.options["url"], int(str(place.get("next", 0))))


class SpoolConversing(Conversing):
    headers: Mapping[str, str] = {"X-Spool": "1"}

    def __init__(self, url: str, begin: int) -> None:
        self.url, self._next, self._answer_by = url, begin, 0.0
        self._caught_up = False

    def opened(self, now: float) -> Taken:
        return self._ask(now)

    def take(self, frame: str | bytes, now: float) -> Taken:
        told: dict[str, Any] = json.loads(frame)
        if "refused" in told:
            raise RefusedError(told["refused"])
        if "event" in told:
            number, text = told["event"]
            self._next = number + 1 if self._caught_up else self._next
            return Taken(events=[_delivered(number, text)], place=self._place if self._caught_up else None)
        events = [_delivered(number, text) for number, text in told["events"]]
        self._next += len(events)
        if told["more"]:
            return Taken(send=self._ask(now).send, events=events, place=self._place)
        self._caught_up = True
        return Taken(events=events, place=self._place)

    def wake_at(self) -> float | None:
        return None if self._caught_up else self._answer_by

    def wake(self, now: float) -> Taken:
        raise BrokenError("No answer came.")

    @property
    def caught_up(self) -> bool:
        return self._caught_up

    def closing(self) -> Sequence[str]:
        return ['{"bye": true}']

    @property
    def _place(self) -> dict[str, int]:
        return {"next": self._next}

    def _ask(self, now: float) -> Taken:
        self._answer_by = now + ANSWER_SECONDS
        return Taken(send=[json.dumps({"from": self._next})])


def _delivered(number: int, text: str) -> Delivered:
    return Delivered(Envelope(str(number), "event"), text.encode())


def register() -> None:
    registry.PLATFORMS[KEY] = f"{__name__}.SpoolPlatform"


def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """For one test."""
    monkeypatch.setitem(registry.PLATFORMS, KEY, f"{__name__}.SpoolPlatform")


def spool_hook(url: str, **fields: Any) -> Hook:
    app = factories.chat_app(platform=KEY, options={"url": url}, secrets={})
    return factories.receipts_hook(app, **fields)
