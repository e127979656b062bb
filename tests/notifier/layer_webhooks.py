"""Layer's webhook management on a socket, as its documentation has it: what tests of registering talk to."""

import json
import threading
from typing import Any
from uuid import uuid4

from tests.notifier.servers import Peer, Received, Server, answer, no_content

APP_ID = "24f43c32-4d95-11e4-b3a2-0fd00000020d"
TOKEN = "the-bearer-token"


class LayerWebhooks:
    """`webhooks` maps ids to what a webhook was registered with, its secret included, in order of registration.

    A handshake ends after so many looks (`looks_to_verify`) as `verdict` says, with `reason` when it is inactive.
    `refuse` answers the named calls ("POST /webhooks") with a status instead; `log` holds all calls.
    """

    def __init__(self) -> None:
        self.webhooks: dict[str, dict[str, Any]] = {}
        self.log: list[str] = []
        self.refuse: dict[str, int] = {}
        self.looks_to_verify, self.verdict, self.reason = 1, "active", ""
        self._looks: dict[str, int] = {}
        self._mutex = threading.Lock()
        self._server = Server(self._serve)

    @property
    def url(self) -> str:
        return self._server.url

    def add(self, **fields: Any) -> str:
        """A webhook that is there already; its id."""
        id_ = str(uuid4())
        self.webhooks[id_] = {
            "id": f"layer:///apps/{APP_ID}/webhooks/{id_}",
            "version": "1.0",
            "events": [],
            "config": {},
            "status": "active",
            **fields,
        }
        return id_

    def changes(self) -> list[str]:
        """The calls that were not merely looking."""
        return [call for call in self.log if not call.startswith("GET")]

    def __enter__(self) -> "LayerWebhooks":
        self._server.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.__exit__(*error)

    def _serve(self, peer: Peer, received: Received) -> None:
        with self._mutex:
            path = received.path.removeprefix(f"/apps/{APP_ID}")
            call = f"{received.method} {path}"
            self.log.append(call)
            status, body = self._answer(received, path.removeprefix("/webhooks").strip("/"))
            status = self.refuse.get(call, status)
        if status == 204:
            no_content(peer, received)
        else:
            answer(status, json.dumps(body).encode())(peer, received)

    def _answer(self, received: Received, rest: str) -> tuple[int, Any]:
        if received.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"code": 1, "id": "authentication_required"}
        id_, _, verb = rest.partition("/")
        if not id_:
            return (201, self._register(received)) if received.method == "POST" else (200, self._listed())
        if id_ not in self.webhooks:
            return 404, {"code": 102, "id": "not_found"}
        if received.method == "DELETE":
            del self.webhooks[id_]
            return 204, None
        return 200, self._shown(self._activate(id_) if verb == "activate" else self._look(id_))

    def _register(self, received: Received) -> dict[str, Any]:
        id_ = self.add(**json.loads(received.body), status="unverified")
        return self._shown(self.webhooks[id_])

    def _activate(self, id_: str) -> dict[str, Any]:
        before = dict(self.webhooks[id_])
        if before["status"] == "inactive":
            self.webhooks[id_] |= {"status": "unverified"}
            self._looks[id_] = 0
        return before  # the answer still shows the old state

    def _look(self, id_: str) -> dict[str, Any]:
        webhook = self.webhooks[id_]
        self._looks[id_] = self._looks.get(id_, 0) + 1
        if webhook["status"] == "unverified" and self._looks[id_] >= self.looks_to_verify:
            webhook |= {"status": self.verdict, "status_reason": self.reason}
        return webhook

    def _listed(self) -> list[dict[str, Any]]:
        return [self._shown(webhook) for webhook in self.webhooks.values()]

    @staticmethod
    def _shown(webhook: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in webhook.items() if name != "secret"}
