"""What the tests of a chat of one's own share: its settings, its calls, and how they are signed."""

import time
from itertools import count

from notifier.platforms import generic_signing
from notifier.platforms.base import ChatEvent, PlatformConfig
from notifier.platforms.generic import GenericPlatform
from notifier.wire import Call
from tests.platforms.contract import FIXTURES

API = "https://chat.example.com/bridge"
SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"

_ids = count(1)


def generic(*, secret: str = SECRET, api_url: str = API) -> GenericPlatform:
    return GenericPlatform(PlatformConfig(options={"api_url": api_url}, secrets={"signing_secret": secret}))


def fixture(name: str) -> bytes:
    return (FIXTURES / "generic" / f"{name}.json").read_bytes()


def parsed(name: str) -> ChatEvent:
    (event,) = generic().parse(fixture(name))
    return event


def delivery(body: bytes, secret: str = SECRET, *, message_id: str = "", at: float | None = None) -> Call:
    """A call with an id of its own, signed now."""
    name, stamp = message_id or f"evt_{next(_ids)}", int(time.time() if at is None else at)
    headers = {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(stamp),
        "webhook-signature": generic_signing.sign(secret, name, stamp, body),
    }
    return Call("POST", "https://us.example/webhooks/chat/generic/", "", headers, body)
