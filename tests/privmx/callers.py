"""Callers of the Bridge by hand: over HTTP, and over a WebSocket that also hears."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import requests
from websockets.sync.client import ClientConnection, connect

from tests.privmx.bridge import Bridge

WAIT_SECONDS = 5.0

_serial = count(1)


def call(method: str, parameters: Mapping[str, Any], **members: Any) -> str:
    told = {"jsonrpc": "2.0", "id": next(_serial), "method": method, "params": parameters, **members}
    return json.dumps(told)


def post(bridge: Bridge, body: str, **headers: str) -> requests.Response:
    headers = {"Content-Type": "application/json", **headers}
    return requests.post(f"{bridge.url}/api", data=body, headers=headers, timeout=WAIT_SECONDS)


def ask(bridge: Bridge, method: str, /, *, token: str = "", **parameters: Any) -> dict[str, Any]:
    """The answer over HTTP: with `result` or `error`."""
    answer = post(bridge, call(method, parameters, **({"token": token} if token else {})))
    assert answer.status_code == 200
    return dict(answer.json())


def log_in(bridge: Bridge, scope: Sequence[str] | None = None) -> dict[str, Any]:
    """The tokens of a log-in by the Bridge's own key."""
    given: dict[str, Any] = credentials(bridge) | ({} if scope is None else {"scope": list(scope)})
    return dict(ask(bridge, "manager/auth", **given)["result"])


def credentials(bridge: Bridge) -> dict[str, str]:
    return {"grantType": "api_key_credentials", "apiKeyId": bridge.key.id, "apiKeySecret": bridge.key.secret}


def code(answer: Mapping[str, Any]) -> int:
    """Of an error."""
    return int(answer["error"]["code"])


class Hearer:
    """A WebSocket."""

    def __init__(self, wire: ClientConnection) -> None:
        self.wire = wire
        self._pushed: list[dict[str, Any]] = []

    def ask(self, method: str, /, **parameters: Any) -> dict[str, Any]:
        """The answer to a call; what is pushed meanwhile is kept."""
        self.wire.send(call(method, parameters))
        while "channel" in (frame := self._next()):
            self._pushed.append(frame)
        return frame

    def hears(self) -> dict[str, Any]:
        """The next push."""
        return self._pushed.pop(0) if self._pushed else self._next()

    def heard(self, pushes: int) -> list[str]:
        """The types of so many."""
        return [self.hears()["type"] for _ in range(pushes)]

    def hears_nothing(self) -> bool:
        """Whether nothing was pushed until now: a call is answered after whatever was pushed before it."""
        self.ask("manager/unsubscribeFromChannel", channels=[])
        return not self._pushed

    def _next(self) -> dict[str, Any]:
        return dict(json.loads(self.wire.recv(WAIT_SECONDS)))


@contextmanager
def hearer(bridge: Bridge, *channels: str, scope: Sequence[str] | None = None) -> Iterator[Hearer]:
    """A WebSocket that is logged in, and subscribed to the channels."""
    with connect(f"ws://127.0.0.1:{bridge.port}/api") as wire:
        made = Hearer(wire)
        tokens = log_in(bridge, scope)
        assert made.ask("manager/bindAccessToken", accessToken=tokens["accessToken"])["result"] == "OK"
        if channels:
            assert made.ask("manager/subscribeToChannel", channels=list(channels))["result"] == "OK"
        yield made
