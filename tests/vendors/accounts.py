"""Accounts, fixtures and calls that the vendors' tests share."""

import json
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlencode

from notifier.wire import Call
from smsbridge.vendors.bandwidth import Bandwidth
from smsbridge.vendors.base import AccountConfig
from smsbridge.vendors.fake import Fake
from smsbridge.vendors.twilio import Twilio
from smsbridge.vendors.vonage import Vonage

API_KEY = "abcd1234"
API_SECRET = "the-api-secret"
SIGNATURE_SECRET = "the-signature-secret"

FAKE_URL = "http://127.0.0.1:8000/simulator/fake"
FAKE_SIGNING_SECRET = "the-signing-secret"

TWILIO_SID = "AC0123456789abcdef0123456789abcdef"
TWILIO_TOKEN = "the-auth-token"

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


def twilio(*, secrets: dict[str, str] | None = None, **options: str) -> Twilio:
    """The test account's adapter, with changes."""
    known = {"auth_token": TWILIO_TOKEN} | (secrets or {})
    return Twilio(AccountConfig(options={"account_sid": TWILIO_SID} | options, secrets=known))


BANDWIDTH_OPTIONS = {
    "account_id": "5500001",
    "user": "api-user",
    "application_id": "93de2206-9669-4e07-948d-329f4b722ee2",
    "callback_user": "bandwidth",
}


def bandwidth_fixture(name: str) -> bytes:
    return (_FIXTURES.parent / "bandwidth" / name).read_bytes()


def bandwidth(*, secrets: dict[str, str] | None = None, **options: str) -> Bandwidth:
    """The test account's adapter, with changes."""
    known = {"password": "the-password", "callback_password": "the-callback-password"}
    return Bandwidth(AccountConfig(options=BANDWIDTH_OPTIONS | options, secrets=known | (secrets or {})))


def basic(user: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


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
