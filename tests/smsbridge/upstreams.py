"""A pretend vendor and a pretend platform on sockets, which note what reached them and misbehave as told."""

import json
import re
import threading
from collections.abc import Callable
from itertools import count
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.notifier import servers
from tests.notifier.servers import Peer, Received, Step


class Network:
    """What the fake vendor speaks to. `script` is done in turn, one step per call.

    Afterwards every SMS is accepted, and every look-up answered.
    """

    def __init__(self) -> None:
        self.script: list[Step] = []
        self.accepted: list[dict[str, Any]] = []
        self.looked_up = 0
        self.status = "delivered"  # of what is looked up
        self._serial = count(1)
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
    def requests(self) -> list[dict[str, Any]]:
        """Every SMS that came over the wire, whatever became of it."""
        return [json.loads(received.body) for received in self._server.requests if received.method == "POST"]

    @property
    def texts(self) -> list[str]:
        return [one["text"] for one in self.requests]

    def accept(self, peer: Peer, received: Received) -> None:
        vendor_id = self.take(received)
        servers.answer(202, json.dumps({"id": vendor_id, "segments": 1}).encode())(peer, received)

    def lose(self, peer: Peer, received: Received) -> None:
        """Accept the SMS, and lose the answer."""
        self.take(received)
        peer.close()

    def take(self, received: Received) -> str:
        with self._mutex:
            vendor_id = f"v-{next(self._serial)}"
            self.accepted.append({**json.loads(received.body), "id": vendor_id})
        return vendor_id

    def list(self, peer: Peer, received: Received) -> None:
        """Say what came of the texts with a reference."""
        self.looked_up += 1
        reference = parse_qs(urlsplit(received.path).query)["reference"][0]
        known = [one["id"] for one in self.accepted if one["reference"] == reference]
        told = [{"id": id_, "reference": reference, "status": self.status, "code": ""} for id_ in known]
        servers.answer(200, json.dumps({"messages": told}).encode())(peer, received)

    def _answer(self, peer: Peer, received: Received) -> None:
        with self._mutex:
            step = self.script.pop(0) if self.script else None
        (step or (self.list if received.method == "GET" else self.accept))(peer, received)


def refused(code: str, status: int = 400) -> Step:
    return servers.answer(status, json.dumps({"error": {"code": code, "message": "no"}}).encode())


def after(act: Callable[[], None], step: Step) -> Step:
    """Do something while the caller waits, then answer."""

    def both(peer: Peer, received: Received) -> None:
        act()
        step(peer, received)

    return both


class Chat:
    """Layer's server API: posts by de-duplication key, read receipts, identities. `script` is done before it all."""

    def __init__(self) -> None:
        self.script: list[Step] = []
        self.posts: dict[str, tuple[str, str]] = {}
        self.tries: list[str] = []
        self.read: list[tuple[str, str]] = []
        self.asked: list[str] = []
        self.identities: dict[str, dict[str, Any]] = {}
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
    def said(self) -> list[tuple[str, str]]:
        """Who said what, as the conversation shows it."""
        return list(self.posts.values())

    def post(self, received: Received) -> bytes:
        """Take a post, once per key."""
        key, told = received.headers["if-none-match"].strip('"'), json.loads(received.body)
        said = (told["sender"]["user_id"], "".join(part["body"] for part in told["parts"]))
        with self._mutex:
            self.tries.append(key)
            self.posts.setdefault(key, said)
        return json.dumps({"id": f"layer:///messages/{key}"}).encode()

    def lose(self, peer: Peer, received: Received) -> None:
        """Take the post, and lose the answer."""
        self.post(received)
        peer.close()

    def _answer(self, peer: Peer, received: Received) -> None:
        with self._mutex:
            step = self.script.pop(0) if self.script else None
        if step:
            step(peer, received)
        elif found := re.search(r"/users/([^/]+)/identity$", received.path):
            self._identify(found[1], peer, received)
        elif found := re.search(r"/users/([^/]+)/messages/([^/]+)/receipts$", received.path):
            self.read.append((found[1], found[2]))
            servers.no_content(peer, received)
        else:
            servers.answer(201, self.post(received))(peer, received)

    def _identify(self, user: str, peer: Peer, received: Received) -> None:
        self.asked.append(user)
        known = self.identities.get(user)
        if known is None:
            servers.answer(404, b'{"id": "not_found", "code": 102}')(peer, received)
        else:
            servers.answer(200, json.dumps({"user_id": user, **known}).encode())(peer, received)
