"""Whether a call comes from Twilio, by the validator of the `twilio` package.

Sources: https://www.twilio.com/docs/usage/webhooks/webhooks-security (HMAC-SHA1 under the auth token, over the public
URL and the fields of a form; of a body that is none, the URL holds the hash as `bodySHA256`) and
https://www.twilio.com/docs/usage/webhooks/webhook-shared-keys (HMAC-SHA256 under a key of the account's own).

The header X-Twilio-Webhooks-Signature-Settings names the algorithm, but is not itself signed, so it decides nothing:
each secret that is configured counts with its own algorithm and with no other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from notifier.wire import Call, Forged
from smsbridge.vendors.twilio_inbound import form_of, is_form

AUTH_TOKEN, SHARED_KEY = "HMAC_SHA1", "HMAC_SHA256"


@dataclass(frozen=True, slots=True)
class Key:
    """A secret with the algorithm that it signs by."""

    secret: str
    algorithm: str

    def __repr__(self) -> str:
        return f"Key({self.algorithm})"


class _Fields(dict[str, list[str]]):
    """All values of each field, in the form in which the validator asks for them."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def check(call: Call, keys: Sequence[Key]) -> None:
    """Raise Forged unless one of the keys signed the URL and all of the body."""
    given = call.headers.get("x-twilio-signature", "")
    if not given or not given.isascii():
        raise Forged("the call is not signed: X-Twilio-Signature is missing")
    if call.query and not call.url.endswith(f"?{call.query}"):
        raise Forged("the call's query is not that of its URL, which the signature covers")
    try:
        signed = _signed(call)
        right = any(_validates(key, call.url, signed, given) for key in keys)
    except ValueError:  # no form, not UTF-8, or a URL that is none
        right = False
    if not right:
        raise Forged("the signature is wrong: compare the auth token with the Twilio Console, and PUBLIC_URL with ours")


def _signed(call: Call) -> Mapping[str, list[str]] | str:
    """What is signed beside the URL: the fields of a form, or the text of a body whose hash is in the URL."""
    if call.method in ("GET", "HEAD") or not call.body:
        return _Fields()
    if is_form(call):
        fields = _Fields()
        for name, value in form_of(call.body.decode()):
            fields.setdefault(name, []).append(value)
        return fields
    if "bodySHA256" not in parse_qs(call.query):
        raise ValueError("nothing covers the body")
    return call.body.decode()


def _validates(key: Key, url: str, signed: Mapping[str, list[str]] | str, given: str) -> bool:
    """Twilio signs with and without the port; the validator looks at both. Only accounts of Twilio's load it."""
    from twilio.request_validator import RequestValidator

    validator: Any = RequestValidator(key.secret)
    return bool(validator.validate(url, signed, given, key.algorithm))
