"""SMSAPI (https://www.smsapi.com/docs), put on the wire as the `smsapi-client` package does.

The package has no models of requests, only calls that it makes itself, so nothing of it is needed at run time; the
tests compare what we send with what it sends.
"""

import re
from typing import ClassVar
from urllib.parse import quote, urlencode

from notifier.wire import Answer, Call, Failure, Forged, Request
from smsbridge.vendors.abilities import Checker, PhoneLookup
from smsbridge.vendors.answers import base_url_problem, failed, has_utf8, secret_list
from smsbridge.vendors.base import (
    AccountConfig,
    AskAgain,
    DeliveryReceipt,
    ErrorInfo,
    InboundText,
    Outcome,
    OutgoingSms,
    PhoneFacts,
    Reply,
)
from smsbridge.vendors.smsapi_account import read_credit, read_phone
from smsbridge.vendors.smsapi_errors import smsapi_error
from smsbridge.vendors.smsapi_inbound import KEY, check_key, fields_of, read_inbound, read_receipts
from smsbridge.vendors.smsapi_outcome import read_outcome

API_URL = "https://api.smsapi.com"

#: SMSAPI repeats a call until it hears exactly this
_HEARD = Reply(body="OK")
_PHONE = re.compile(r"\+([1-9]\d{6,14})", re.ASCII)
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 .&@_+!%-]{1,11}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


class Smsapi(Checker, PhoneLookup):
    """One SMSAPI account. Its numbers and sender names are made, and pointed to our URL, in SMSAPI's panel.

    A text whose answer was lost is not looked up. SMSAPI would tell of an `idx` only in answer to the same send once
    more: if the text had not been accepted, the question would send it. Every send carries `check_idx=1`, by which
    SMSAPI refuses an `idx` that it has accepted before; as far as is known it remembers one for 24 hours, which SMSAPI
    has not confirmed. Receipts carry our reference.
    """

    key = "smsapi"
    title = "SMSAPI"
    max_characters = 918  # six parts, the most that SMSAPI joins
    sender_names = True
    currency = "EUR"
    option_help: ClassVar = {
        "api_url": f"Base URL (default {API_URL}; https://api.smsapi.pl for accounts made in Poland).",
        "currency": "What one point of the account is worth one of, such as PLN (default EUR).",
    }
    secret_help: ClassVar = {
        "token": "API token (OAuth), with the rights to send texts and to read the profile.",
        "callback_secret": "A long random word that the URLs carry that SMSAPI calls, as ?key=; "
        "comma-separated while it is being changed: the first one is given out, all are taken.",
    }

    def __init__(self, config: AccountConfig) -> None:
        super().__init__(config)
        self._api_url = (config.options.get("api_url") or API_URL).rstrip("/")
        self._currency = config.options.get("currency") or self.currency
        self._callback_secrets = secret_list(config.secrets, "callback_secret")
        self._send_url = f"{self._api_url}/sms.do"
        self._headers = {"Accept": "application/json", "Authorization": f"Bearer {config.secrets.get('token', '')}"}
        self._form_headers = {**self._headers, "Content-Type": "application/x-www-form-urlencoded"}

    def configured(self) -> list[str]:
        problems = []
        if not self.config.secrets.get("token"):
            problems.append("The API token is missing: set SMSAPI_TOKEN, or token of the account.")
        if not self._callback_secrets:
            problems.append(_UNVERIFIABLE)
        if not _CURRENCY.fullmatch(self._currency):
            problems.append("currency is none: write it as three capital letters (ISO 4217), such as PLN.")
        return problems + base_url_problem("api_url", self._api_url)

    # Sending
    def request_for(self, sms: OutgoingSms) -> Request:
        return Request("POST", self._send_url, self._form_headers, urlencode(_message_fields(sms)).encode())

    def outcome(self, answer: Answer) -> Outcome:
        return failed(self.title, answer) if isinstance(answer, Failure) else read_outcome(answer, self._currency)

    def error(self, code: str) -> ErrorInfo:
        """Codes of answers as they are ("13"), statuses of receipts as "status:405"."""
        return smsapi_error(code)

    # Incoming
    def callback_query(self, kind: str) -> str:
        return f"{KEY}={quote(self._callback_secrets[0], safe='')}" if self._callback_secrets else ""

    def verify(self, call: Call) -> None:
        if not self._callback_secrets:
            raise Forged(_UNVERIFIABLE)
        check_key(call, self._callback_secrets)

    def parse_inbound(self, call: Call) -> list[InboundText]:
        return read_inbound(fields_of(call))

    def parse_receipts(self, call: Call) -> list[DeliveryReceipt]:
        return read_receipts(fields_of(call))

    def inbound_reply(self) -> Reply:
        return _HEARD

    def receipt_reply(self) -> Reply:
        return _HEARD

    # The account, and phones
    def check_request(self) -> Request:
        query = urlencode({"credits": 1, "details": 1, "format": "json"})
        return Request("GET", f"{self._api_url}/user.do?{query}", self._headers)

    def checked(self, answer: Answer) -> str:
        return read_credit(answer)

    def look_up_request(self, phone: str) -> Request:
        body = urlencode({"number": _digits(phone, "phone"), "format": "json"}).encode()
        return Request("POST", f"{self._api_url}/hlr.do", self._form_headers, body)

    def looked_up(self, phone: str, answer: Answer) -> PhoneFacts | AskAgain:
        return read_phone(answer)


_UNVERIFIABLE = (
    "Inbound texts and receipts cannot be verified and are refused: set SMSAPI_CALLBACK_SECRET, or callback_secret of "
    "the account, to a long random word."
)


def _message_fields(sms: OutgoingSms) -> dict[str, str]:
    """The parameters of one text. Raises ValueError, without phone or text."""
    if not sms.text or len(sms.text) > Smsapi.max_characters:
        raise ValueError(f"the text is empty or has more than {Smsapi.max_characters} characters")
    if sms.media:
        raise ValueError("SMSAPI carries no media in texts: put them into words")
    if not has_utf8(sms.text):
        raise ValueError("the text holds something that is no character")
    fields = {
        "to": _digits(sms.recipient, "recipient"),
        "from": sms.sender if _NAME.fullmatch(sms.sender) else _digits(sms.sender, "sender"),
        "message": sms.text,
        "encoding": "utf-8",
        "idx": sms.reference,
        "check_idx": "1",
    }
    receipts = {"notify_url": sms.status_url} if sms.status_url else {}
    return fields | receipts | {"format": "json"}


def _digits(phone: str, whose: str) -> str:
    match = _PHONE.fullmatch(phone)
    if match is None:
        raise ValueError(f"the {whose} is not a phone number of the form +12025550100")
    return match[1]
