"""What the tests of the Layer adapter share: an application, its deliveries, and how they are signed."""

import copy
import hmac
import json
from typing import Any

from notifier.platforms.base import ChatEvent, PlatformConfig
from notifier.platforms.layer import LayerPlatform
from notifier.wire import Call, Response
from tests.platforms.contract import FIXTURES

APP = "9ae0f7d6-1d0a-4f1e-8e0a-6c6a6c1f0b55"
CONVERSATION = "5b0c1c9e-3f0a-4a53-9a55-0d6f3f3b8f10"
MESSAGE = "2c7a1f50-8f0b-4b7e-9d2b-6f1f2a3c4d5e"
WEBHOOK = "c1f5d3a0-0c8b-4f0e-b1b7-3d2f6a7e9b01"
BASE = f"https://api.layer.com/apps/{APP}"
SECRET = "a long random text"
TOKEN = "the-bearer-token"


def layer(*, token: str = TOKEN, **options: str) -> LayerPlatform:
    return LayerPlatform(PlatformConfig(options={"app_id": APP, **options}, secrets={"bearer_token": token}))


def fixture(name: str) -> bytes:
    return (FIXTURES / "layer" / f"{name}.json").read_bytes()


def parsed(name: str) -> ChatEvent:
    (event,) = layer().parse(fixture(name))
    return event


def changed(name: str, *path: str | int, to: Any) -> bytes:
    """The fixture with one of its fields set."""
    data = copy.deepcopy(json.loads(fixture(name)))
    inside = data
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = to
    return json.dumps(data).encode()


def signature(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, "sha1").hexdigest()


def delivery(body: bytes, secret: str = SECRET) -> Call:
    headers = {
        "content-type": "application/vnd.layer.webhooks+json; version=1.0",
        "layer-webhook-event-type": "message.sent",
        "layer-webhook-signature": signature(body, secret),
        "user-agent": "layer-webhooks/1.0",
    }
    return Call("POST", "https://us.example/webhooks/chat/layer/", "", headers, body)


def answer(status: int, data: object = None, **headers: str) -> Response:
    return Response(status, headers, b"" if data is None else json.dumps(data).encode())


def refusal(status: int, code: int, name: str, data: object = None) -> Response:
    text = "Text for people that may repeat what ann wrote"
    return answer(status, {"id": name, "code": code, "message": text, "url": "https://x", "data": data})
