"""Accounts, fixtures and calls that the vendors' tests share."""

import json
from pathlib import Path
from urllib.parse import urlencode

from notifier.wire import Call
from smsbridge.vendors.base import AccountConfig
from smsbridge.vendors.fake import Fake
from smsbridge.vendors.vonage import Vonage

API_KEY = "abcd1234"
API_SECRET = "the-api-secret"
SIGNATURE_SECRET = "the-signature-secret"

FAKE_URL = "http://127.0.0.1:8000/simulator/fake"
FAKE_SIGNING_SECRET = "the-signing-secret"

_FIXTURES = Path(__file__).parent.parent / "fixtures" / "vonage"


def fixture(name: str) -> bytes:
    return (_FIXTURES / f"{name}.json").read_bytes()


def fields(name: str, **changes: str) -> dict[str, str]:
    """A recorded push as its parameters; `changes` replace some, with `_` for `-` in their names."""
    recorded: dict[str, str] = json.loads(fixture(name))
    return recorded | {key.replace("_", "-"): value for key, value in changes.items()}


def vonage(*, secrets: dict[str, str] | None = None, **options: str) -> Vonage:
    """The test account's adapter, with changes."""
    known = {"api_secret": API_SECRET, "signature_secret": SIGNATURE_SECRET}
    return Vonage(AccountConfig(options={"api_key": API_KEY} | options, secrets=known | (secrets or {})))


def fake(*, url: str = FAKE_URL, **secrets: str) -> Fake:
    """The test account at the pretend network, with changes."""
    known = {"token": "the-token", "signing_secret": FAKE_SIGNING_SECRET}
    return Fake(AccountConfig(options={"url": url}, secrets=known | secrets))


def call(*, method: str = "POST", query: str = "", body: bytes = b"", content_type: str = "", **headers: str) -> Call:
    """An incoming call; `_` stands for `-` in header names."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if content_type:
        named["content-type"] = content_type
    url = "https://bridge.example/webhooks/sms/vonage/inbound/" + (f"?{query}" if query else "")
    return Call(method, url, query, named, body)


def by_get(parameters: dict[str, str]) -> Call:
    return call(method="GET", query=urlencode(parameters))


def by_form(parameters: dict[str, str]) -> Call:
    return call(body=urlencode(parameters).encode(), content_type="application/x-www-form-urlencoded")


def by_json(parameters: dict[str, str]) -> Call:
    return call(body=json.dumps(parameters).encode(), content_type="application/json")


WAYS = (by_get, by_form, by_json)
