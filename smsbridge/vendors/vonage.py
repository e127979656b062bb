"""Vonage's SMS API (https://developer.vonage.com/en/api/sms).

The message models, and the way everything is put on the wire, are those of the `vonage` package; sending is the
transport's, because the package repeats a POST whose answer is lost, and each repetition is another SMS.
"""

from functools import lru_cache
from time import time
from typing import ClassVar
from urllib.parse import quote_plus

from vonage_sms import SmsMessage

from notifier.wire import Answer, Call, Failure, Forged, Request, Unreadable
from smsbridge.vendors.answers import failed
from smsbridge.vendors.base import (
    AccountConfig,
    DeliveryReceipt,
    ErrorInfo,
    InboundText,
    Outcome,
    OutgoingSms,
)
from smsbridge.vendors.vonage_account import FORM, SIGNATURE_SECRET_HELP, VonageAccount
from smsbridge.vendors.vonage_errors import vonage_error
from smsbridge.vendors.vonage_inbound import fields_of, read_inbound, read_receipts
from smsbridge.vendors.vonage_models import check_text, digits, dumped
from smsbridge.vendors.vonage_outcome import read_outcome
from smsbridge.vendors.vonage_signature import METHODS, check, sign

_LONGEST_CALLBACK = 100
_ON = ("on", "yes", "true", "1")

_quote_url = lru_cache(maxsize=64)(quote_plus)  # one receipt URL per account, in every message


class Vonage(VonageAccount):
    """One Vonage account whose texts go by the SMS API.

    A text whose answer was lost cannot be looked up: the SMS API offers no search by our reference. The Reports API
    (https://developer.vonage.com/en/api/reports) is a paid product that searches by Vonage's id, which was lost with
    the answer, or by recipient and time, and promises nothing about when a text appears in it; so that one is missing
    proves nothing. Delivery receipts carry our reference, and settle all that was accepted.
    """

    key = "vonage"
    title = "Vonage"
    max_characters = 3200
    part_receipts = True
    option_help: ClassVar = {
        **VonageAccount.option_help,
        "signature_method": f"How webhooks are signed: {', '.join(METHODS)} (default sha256).",
        "sign_requests": "`on` signs what is sent instead of authenticating with the API secret (default off).",
    }
    secret_help: ClassVar = {**VonageAccount.secret_help, "signature_secret": SIGNATURE_SECRET_HELP}

    def __init__(self, config: AccountConfig) -> None:
        super().__init__(config)
        self._method = config.options.get("signature_method") or "sha256"
        self._signs = config.options.get("sign_requests", "").lower() in _ON and self._can_sign()
        self._send_url = f"{self._rest_url}/sms/json"
        self._send_headers = {"Accept": "application/json", "Content-Type": FORM} if self._signs else self._basic_form

    def _can_sign(self) -> bool:
        return bool(self._signature_secrets) and self._method in METHODS

    def configured(self) -> list[str]:
        problems = super().configured()
        if not self._signature_secrets:
            problems.append(_UNVERIFIABLE)
        if self._method not in METHODS:
            problems.append(f"signature_method is unknown: use one of {', '.join(METHODS)}.")
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


_UNVERIFIABLE = (
    "Webhooks cannot be verified and are refused: ask Vonage's support for signed webhooks, then set "
    "VONAGE_SIGNATURE_SECRET and VONAGE_SIGNATURE_METHOD, or signature_secret and signature_method of the account."
)


def _message_fields(sms: OutgoingSms) -> dict[str, str | int]:
    """The parameters of one text as the package's own model writes them. Raises ValueError, without phone or text."""
    check_text(sms.text, Vonage.max_characters)
    if sms.media:
        raise ValueError("Vonage's SMS API carries no media: put them into words, or use an account of vonage-messages")
    fields: dict[str, object] = {
        "to": digits(sms.recipient, "recipient"),
        "from_": digits(sms.sender, "sender"),
        "text": sms.text,
        "client_ref": sms.reference,
    }
    if sms.unicode:
        fields["type"] = "unicode"
    if sms.status_url:
        fields["status_report_req"] = True
        if len(sms.status_url) <= _LONGEST_CALLBACK:  # else receipts go to the URL set in the Vonage dashboard
            fields["callback"] = sms.status_url
    return dumped(SmsMessage, fields)


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
