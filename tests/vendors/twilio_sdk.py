"""The genuine `twilio` package talking to a server of ours, and what Twilio answered and pushed as it was recorded."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from notifier.wire import Call
from tests.vendors.accounts import TWILIO_SID, TWILIO_TOKEN

_FIXTURES = Path(__file__).parent.parent / "fixtures" / "twilio"
NUMBER_SID, SERVICE_SID = f"PN{1:032d}", f"MG{1:032d}"


def recorded(name: str) -> bytes:
    return (_FIXTURES / f"{name}.json").read_bytes()


def changed(name: str, **changes: object) -> bytes:
    """A recorded answer with some of its fields replaced."""
    return json.dumps(json.loads(recorded(name)) | changes).encode()


def pushed(name: str, **changes: str) -> dict[str, str]:
    """A recorded push as its fields, some of them replaced."""
    fields: dict[str, str] = json.loads(recorded(name))
    return fields | changes


class _Elsewhere(TwilioHttpClient):
    """The package's own client, which goes to the server at `url` instead of to any of Twilio's hosts."""

    def __init__(self, url: str) -> None:
        super().__init__(timeout=5)
        self._url = url

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        target = urlsplit(url)
        assert (target.hostname or "").endswith(".twilio.com")
        return super().request(method, url.replace(f"https://{target.netloc}", self._url), *args, **more)


def client(url: str) -> Any:
    """A client of the package for the server at `url`, with the test account's credentials."""
    return Client(TWILIO_SID, TWILIO_TOKEN, http_client=_Elsewhere(url))


def by_form(
    url: str, fields: dict[str, str] | list[tuple[str, str]], token: str = TWILIO_TOKEN, algorithm: str = "HMAC_SHA1"
) -> Call:
    """A form pushed to `url`, signed by the package itself; unsigned without a token."""
    signed = dict(fields)
    headers = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
    if token:
        headers["x-twilio-signature"] = RequestValidator(token).compute_signature(url, signed, algorithm)
    return Call("POST", url, urlsplit(url).query, headers, urlencode(fields).encode())


def by_get(url: str, fields: dict[str, str], token: str = TWILIO_TOKEN) -> Call:
    whole = f"{url}?{urlencode(fields)}"
    headers = {"x-twilio-signature": RequestValidator(token).compute_signature(whole, {})}
    return Call("GET", whole, urlsplit(whole).query, headers, b"")


def by_json(url: str, fields: dict[str, str], token: str = TWILIO_TOKEN) -> Call:
    validator, body = RequestValidator(token), json.dumps(fields)
    whole = f"{url}?bodySHA256={validator.compute_hash(body)}"
    headers = {"content-type": "application/json", "x-twilio-signature": validator.compute_signature(whole, {})}
    return Call("POST", whole, urlsplit(whole).query, headers, body.encode())
