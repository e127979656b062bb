"""A caller of the simulated Layer API, with the headers that Layer's documents ask for."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.test import Client

APP = "6ba7b810-9dad-41d1-80b4-00c04fd430c8"
TOKEN = "a-bearer-token"
STRANGE = "5b0c1c9e-3f0a-4a53-9a55-0d6f3f3b8f10"  # the id of nothing
BASE = f"/simulator/layer/apps/{APP}"
LAYER = "application/vnd.layer+json; version=1.0"
HOOKS = "application/vnd.layer.webhooks+json; version=1.0"
PATCH = "application/vnd.layer-patch+json"


@dataclass
class Answered:
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def uid(self) -> str:
        return str(self.json["id"]).rsplit("/", 1)[-1]

    @property
    def error(self) -> tuple[int, int, str]:
        """HTTP status, code and id, as in Layer's table."""
        return self.status, self.json["code"], self.json["id"]


@dataclass
class Layer:
    client: Client
    headers: dict[str, str] = field(default_factory=lambda: {"Authorization": f"Bearer {TOKEN}", "Accept": LAYER})

    def call(self, method: str, path: str, content: Any = None, **changes: str | None) -> Answered:
        """`changes` are headers with `_` for `-`; None leaves one out."""
        headers = {**self.headers, **{name.replace("_", "-"): value for name, value in changes.items()}}
        kind = headers.pop("Content-Type", PATCH if method == "PATCH" else "application/json")
        body = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
        response = self.client.generic(
            method,
            path if path.startswith("/simulator") else BASE + path,
            body,
            content_type=kind or "",
            headers={name: value for name, value in headers.items() if value is not None},
        )
        return Answered(response.status_code, dict(response.items()), response.content)

    def get(self, path: str, **changes: str | None) -> Answered:
        return self.call("GET", path, **changes)

    def post(self, path: str, content: Any = None, **changes: str | None) -> Answered:
        return self.call("POST", path, content, **changes)

    def conversation(self, *users: str, **more: Any) -> str:
        """A new conversation's UUID."""
        return self.post("/conversations", {"participants": list(users), **more}).uid

    def say(self, conversation: str, user: str, text: str, uid: UUID | None = None) -> Answered:
        content = {"sender": {"user_id": user}, "parts": [{"mime_type": "text/plain", "body": text}]}
        key = {"If_None_Match": str(uid)} if uid else {}
        return self.post(f"/conversations/{conversation}/messages", content, **key)

    def receipt(self, user: str, message: str, kind: str) -> Answered:
        return self.post(f"/users/{quote(user, safe='')}/messages/{message}/receipts", {"type": kind})

    def register(self, url: str, *events: str, **more: Any) -> Answered:
        content = {"version": "1.0", "target_url": url, "events": list(events), "secret": "s3cret", **more}
        return self.post("/webhooks", content, Accept=HOOKS)

    def webhook(self, uid: str) -> Any:
        return self.get(f"/webhooks/{uid}", Accept=HOOKS).json
