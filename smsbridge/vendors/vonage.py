"""Vonage's SMS API (https://developer.vonage.com/en/api/sms).

The message models, and the way everything is put on the wire, are those of the `vonage` package; sending is the
transport's, because the package repeats a POST whose answer is lost, and each repetition is another SMS.
"""

from base64 import b64encode
from functools import lru_cache
from time import time
from typing import ClassVar
from urllib.parse import quote_plus

from pydantic import ValidationError
from vonage_sms import SmsMessage

from notifier.wire import Answer, Call, Failure, Forged, Request, Unreadable
from smsbridge.vendors.answers import base_url_problem, failed, secret_list
from smsbridge.vendors.base import (
    AccountConfig,
    DeliveryReceipt,
    ErrorInfo,
    InboundText,
    Outcome,
    OutgoingSms,
    OwnedNumber,
    Vendor,
)
from smsbridge.vendors.vonage_errors import vonage_error
from smsbridge.vendors.vonage_inbound import fields_of, read_inbound, read_receipts
from smsbridge.vendors.vonage_numbers import list_query, read_numbers, read_update, update_form
from smsbridge.vendors.vonage_outcome import read_outcome
from smsbridge.vendors.vonage_signature import METHODS, check, sign

REST_URL = "https://rest.nexmo.com"
API_URL = "https://api.nexmo.com"

_LONGEST_CALLBACK = 100
_ON = ("on", "yes", "true", "1")
_FORM = "application/x-www-form-urlencoded"

_quote_url = lru_cache(maxsize=64)(quote_plus)  # one receipt URL per account, in every message


class Vonage(Vendor):
    """One Vonage account: the SMS API for texts, the Numbers API for where inbound ones go.

    A text whose answer was lost cannot be looked up: the SMS API offers no search by our reference. The Reports API
    (https://developer.vonage.com/en/api/reports) is a paid product that searches by Vonage's id, which was lost with
    the answer, or by recipient and time, and promises nothing about when a text appears in it; so that one is missing
    proves nothing. Delivery receipts carry our reference, and settle all that was accepted.
    """

    key = "vonage"
    title = "Vonage"
    max_characters = 3200
    can_manage_numbers = True
    option_help: ClassVar = {
        "api_key": "API key of the account.",
        "signature_method": f"How webhooks are signed: {', '.join(METHODS)} (default sha256).",
        "sign_requests": "`on` signs what is sent instead of authenticating with the API secret (default off).",
        "rest_url": f"Base URL for texts and numbers (default {REST_URL}).",
        "api_url": f"Base URL of Vonage's newer APIs (default {API_URL}).",
    }
    secret_help: ClassVar = {
        "api_secret": "API secret of the account.",
        "signature_secret": "Signature secret of the account; comma-separated while it is being changed.",
    }

    def __init__(self, config: AccountConfig) -> None:
        super().__init__(config)
        self._api_key = config.options.get("api_key", "")
        self._rest_url = (config.options.get("rest_url") or REST_URL).rstrip("/")
        self._method = config.options.get("signature_method") or "sha256"
        self._signature_secrets = secret_list(config.secrets, "signature_secret")
        self._signs = config.options.get("sign_requests", "").lower() in _ON and self._can_sign()
        self._send_url = f"{self._rest_url}/sms/json"
        self._basic = {"Accept": "application/json", "Authorization": self._credentials()}
        self._basic_form = {**self._basic, "Content-Type": _FORM}
        self._send_headers = {"Accept": "application/json", "Content-Type": _FORM} if self._signs else self._basic_form

    def _credentials(self) -> str:
        pair = f"{self._api_key}:{self.config.secrets.get('api_secret', '')}"
        return f"Basic {b64encode(pair.encode()).decode()}"

    def _can_sign(self) -> bool:
        return bool(self._signature_secrets) and self._method in METHODS

    def configured(self) -> list[str]:
        options, secrets = self.config.options, self.config.secrets
        problems = []
        if not self._api_key:
            problems.append("The API key is missing: set VONAGE_API_KEY, or api_key of the account.")
        if not secrets.get("api_secret"):
            problems.append("The API secret is missing: set VONAGE_API_SECRET, or api_secret of the account.")
        if not self._signature_secrets:
            problems.append(_UNVERIFIABLE)
        if self._method not in METHODS:
            problems.append(f"signature_method is unknown: use one of {', '.join(METHODS)}.")
        for name, default in (("rest_url", REST_URL), ("api_url", API_URL)):
            problems += base_url_problem(name, options.get(name) or default)
        return problems

    # Sending
    def request_for(self, sms: OutgoingSms) -> Request:
        fields = _message_fields(sms)
        if self._signs:
            fields |= {"api_key": self._api_key, "timestamp": int(time())}
            fields["sig"] = sign(fields, self._signature_secrets[0], self._method)
        return Request("POST", self._send_url, self._send_headers, _encoded(fields))

    def outcome(self, answer: Answer) -> Outcome:
        return failed(self.title, answer) if isinstance(answer, Failure) else read_outcome(answer)

    def error(self, code: str) -> ErrorInfo:
        """Codes of sends as they are ("6"), those of receipts as "receipt:6"."""
        return vonage_error(code)

    # Incoming
    def probe(self, call: Call) -> bool:
        """Vonage checks with a bare GET that an inbound URL answers 200 before it takes it."""
        return call.method in ("GET", "HEAD") and not call.query and not call.body

    def verify(self, call: Call) -> None:
        if not self._can_sign():
            raise Forged(_UNVERIFIABLE)
        try:
            fields = fields_of(call)
        except Unreadable as problem:
            raise Forged(str(problem)) from None
        check(fields, secrets=self._signature_secrets, method=self._method, now=time())
        if any(fields[name] != self._api_key for name in ("api-key", "api_key") if name in fields):
            raise Forged("the call is of another Vonage account: compare its API key with this account's")

    def parse_inbound(self, call: Call) -> list[InboundText]:
        return read_inbound(fields_of(call))

    def parse_receipts(self, call: Call) -> list[DeliveryReceipt]:
        return read_receipts(fields_of(call))

    # Numbers
    def numbers_request(self, page: int) -> Request:
        return Request("GET", f"{self._rest_url}/account/numbers?{list_query(page)}", self._basic)

    def numbers(self, answer: Answer) -> tuple[list[OwnedNumber], bool]:
        return read_numbers(answer)

    def set_inbound_url_request(self, number: OwnedNumber, url: str) -> Request:
        """Repeats the other settings of the number, as `numbers` gave them: Vonage's update replaces them all."""
        body = update_form(number, url).encode()
        return Request("POST", f"{self._rest_url}/number/update", self._basic_form, body)

    def inbound_url_set(self, answer: Answer) -> None:
        read_update(answer)


_UNVERIFIABLE = (
    "Webhooks cannot be verified and are refused: ask Vonage's support for signed webhooks, then set "
    "VONAGE_SIGNATURE_SECRET and VONAGE_SIGNATURE_METHOD, or signature_secret and signature_method of the account."
)


def _message_fields(sms: OutgoingSms) -> dict[str, str | int]:
    """The parameters of one text as the package's own model writes them. Raises ValueError, without phone or text."""
    if not sms.text or len(sms.text) > Vonage.max_characters:
        raise ValueError(f"the text is empty or has more than {Vonage.max_characters} characters")
    fields: dict[str, object] = {
        "to": _digits(sms.recipient, "recipient"),
        "from_": _digits(sms.sender, "sender"),
        "text": sms.text,
        "client_ref": sms.reference,
    }
    if sms.unicode:
        fields["type"] = "unicode"
    if sms.status_url:
        fields["status_report_req"] = True
        if len(sms.status_url) <= _LONGEST_CALLBACK:  # else receipts go to the URL set in the Vonage dashboard
            fields["callback"] = sms.status_url
    try:
        sms.text.encode()
        message = SmsMessage.model_validate(fields)
    except UnicodeEncodeError:
        wrong = {"text"}
    except ValidationError as problem:
        # the exception itself shows phone and text, so only the names of the fields go on
        wrong = {str(name) for error in problem.errors(include_input=False) for name in error["loc"]}
    else:
        dumped: dict[str, str | int] = message.model_dump(by_alias=True, exclude_none=True)
        return dumped
    raise ValueError(f"Vonage takes no such {' or '.join(sorted(wrong))}")


def _digits(phone: str, whose: str) -> str:
    digits = phone.removeprefix("+")
    if digits == phone or not (digits.isascii() and digits.isdecimal() and 7 <= len(digits) <= 15):
        raise ValueError(f"the {whose} is not a phone number of the form +12025550100")
    return digits


def _encoded(fields: dict[str, str | int]) -> bytes:
    """A form, as `urlencode` writes it at twice its cost: every SMS comes through here."""
    pairs = []
    for name, value in fields.items():
        text = value if isinstance(value, str) else str(value)
        if name == "callback":
            text = _quote_url(text)
        elif not (text.isascii() and text.isalnum()):
            text = quote_plus(text)
        pairs.append(f"{name}={text}")
    return "&".join(pairs).encode()
