"""A pretend platform that is asked how messages stand, several at once, and the server that answers it."""

import json
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import pytest

from notifier.platforms.base import Can, Done, Identity, Later, No, Platform, Question, Reading, Standing, Steps
from notifier.platforms.layer import LayerPlatform
from notifier.platforms.registry import PLATFORMS
from notifier.wire import Response
from smsbridge.models import Bridge
from tests import factories
from tests.notifier import servers
from tests.notifier.servers import Peer, Received, Step

Told = Mapping[Question, Reading[Standing]]


class AskedPlatform(LayerPlatform):
    """Receipts get lost on their way from it. Whoever somebody is takes it two requests to tell."""

    key: ClassVar[str] = "asked"
    asks_first: ClassVar[bool] = True
    marks_up_to: ClassVar[bool] = True
    most_at_once: ClassVar[int] = 50

    def standing_steps(self, questions: Sequence[Question]) -> Sequence[Steps[Told]]:
        most = self.most_at_once
        return [self._standings(questions[place : place + most]) for place in range(0, len(questions), most)]

    def _standings(self, questions: Sequence[Question]) -> Steps[Told]:
        asked = [[one.conversation, one.message, one.user] for one in questions]
        answer = yield self._request("POST", "/standings", {"asked": asked})
        if not isinstance(answer, Response):
            return dict.fromkeys(questions, Later("no answer"))
        if answer.status != 200:
            refused = No("wrong token") if answer.status == 401 else Later(f"it answered {answer.status}", 100.0)
            return dict.fromkeys(questions, refused)
        told = json.loads(answer.body)
        return {one: Done(Standing(word)) for one, word in zip(questions, told, strict=True) if word}

    def identity_steps(self, user_id: str) -> Steps[Reading[Identity | None]]:
        first = yield self.identity_request(user_id)
        told = self.identity(user_id, first)
        if not isinstance(told, Done) or told.value is None:
            return told
        second = yield self.identity_request(f"{user_id}-phone")
        return self.identity(user_id, second)


class HalfMutePlatform(AskedPlatform):
    """Nobody can write in it as somebody else."""

    key: ClassVar[str] = "half-mute"
    title: ClassVar[str] = "Half-mute"
    can: ClassVar[frozenset[Can]] = AskedPlatform.can - {Can.POST_AS_USER, Can.MARK_READ}
    post_requests = Platform.post_requests
    read_request = Platform.read_request


class Asked:
    """The server behind it. `standings` are by (message, user), unread where nothing is said; `script` goes first."""

    def __init__(self) -> None:
        self.script: list[Step] = []
        self.standings: dict[tuple[str, str], str] = {}
        self.calls: list[list[list[str]]] = []
        self.identities: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self._mutex = threading.Lock()
        self._server = servers.Server(self._answer)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.__exit__(*error)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def requests(self) -> list[Received]:
        return self._server.requests

    def stand(self, peer: Peer, received: Received) -> None:
        told = [self.standings.get((message, user), "unread") for _, message, user in _asked(received)]
        servers.answer(200, json.dumps(told).encode())(peer, received)

    def _answer(self, peer: Peer, received: Received) -> None:
        with self._mutex:
            step = self.script.pop(0) if self.script else None
            if received.path.endswith("/standings"):
                self.calls.append(_asked(received))
        if step:
            step(peer, received)
        elif received.path.endswith("/standings"):
            self.stand(peer, received)
        elif found := re.search(r"/users/([^/]+)/identity$", received.path):
            self._identify(found[1], peer, received)
        elif received.path.endswith("/receipts"):
            servers.no_content(peer, received)
        else:
            servers.answer(201, b'{"id": "layer:///messages/1"}')(peer, received)

    def _identify(self, user: str, peer: Peer, received: Received) -> None:
        self.asked.append(user)
        known = self.identities.get(user)
        body = b"{}" if known is None else json.dumps({"user_id": user, **known}).encode()
        servers.answer(404 if known is None else 200, body)(peer, received)


def _asked(received: Received) -> list[list[str]]:
    asked: list[list[str]] = json.loads(received.body)["asked"]
    return asked


def use(bridge: Bridge, monkeypatch: pytest.MonkeyPatch, platform: type[LayerPlatform], url: str) -> None:
    """Let a bridge's chat app be of this platform."""
    monkeypatch.setitem(PLATFORMS, platform.key, f"{platform.__module__}.{platform.__qualname__}")
    app = bridge.hook.chat_app
    app.platform, app.options = platform.key, {**app.options, "api_url": url}
    app.save()
    factories.forget()
