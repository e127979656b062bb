"""A vendor that needs no account: it speaks HTTP to a pretend SMS network, such as the simulator's.

Its contract, JSON throughout, `Authorization: Bearer <token>` on everything that we send:

    POST {url}/messages {"from", "to", "text", "reference", "status_url"} -> 202 {"id", "segments"}
        400 {"error": {"code", "message"}}; a text that holds `error30007` is refused with that code
    GET {url}/messages?reference=<ours> -> 200 {"messages": [{"id", "reference", "status", "code"}]}, empty for none
    GET {url}/numbers -> 200 {"numbers": [{"number", "inbound_url"}]}
    PUT {url}/numbers/{number} {"inbound_url"} -> 200

Inbound texts {"id", "from", "to", "text", "at"} and receipts {"id", "reference", "status", "code"} come by POST,
signed: `X-Fake-Signature: t=<unix seconds>,v1=<signature>`, the hexadecimal HMAC-SHA256 under the signing secret of the
stamp, a full stop and the raw body.
"""

import json
from time import time
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from notifier.texts import loads_object
from notifier.wire import Answer, Call, Failure, Forged, Request, Response, Unreadable, retry_after_seconds
from smsbridge.vendors.answers import base_url_problem, by_status, decoded, failed, secret_list, usable_id
from smsbridge.vendors.base import (
    AccountConfig,
    AskAgain,
    DeliveryReceipt,
    ErrorInfo,
    ErrorKind,
    Finding,
    Found,
    InboundText,
    LostSms,
    NotFound,
    Outcome,
    OutcomeKind,
    OutgoingSms,
    OwnedNumber,
    Vendor,
    VendorError,
)
from smsbridge.vendors.fake_inbound import check, fake_error, is_code, is_phone, read_inbound, read_receipts


class Fake(Vendor):
    """One account at the pretend network."""

    key = "fake"
    title = "Fake vendor"
    can_manage_numbers = True
    can_find = True
    find_grace = 60.0  # the pretend network lists at once what it takes, and takes at most 30 seconds to do so
    option_help: ClassVar = {"url": "Base URL of the pretend SMS network, for instance {PUBLIC_URL}/simulator/fake."}
    secret_help: ClassVar = {
        "token": "What we authenticate with.",
        "signing_secret": "What inbound texts and receipts are signed with; comma-separated while it is being changed.",
    }

    def __init__(self, config: AccountConfig) -> None:
        super().__init__(config)
        self._url = config.options.get("url", "").rstrip("/")
        self._signing_secrets = secret_list(config.secrets, "signing_secret")
        self._headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {config.secrets.get('token', '')}",
            "Content-Type": "application/json",
        }

    def configured(self) -> list[str]:
        problems = []
        if not self._url:
            problems.append("The URL is missing: set url of the account, for instance {PUBLIC_URL}/simulator/fake.")
        else:
            problems += base_url_problem("url", self._url)
        if not self.config.secrets.get("token"):
            problems.append("The token is missing: set token of the account to the one the pretend network expects.")
        if not self._signing_secrets:
            problems.append(_UNVERIFIABLE)
        return problems

    # Sending
    def request_for(self, sms: OutgoingSms) -> Request:
        if not sms.text or len(sms.text) > self.max_characters:
            raise ValueError(f"the text is empty or has more than {self.max_characters} characters")
        if not is_phone(sms.sender) or not is_phone(sms.recipient):
            raise ValueError("sender or recipient is not a phone number of the form +12025550100")
        content = {"from": sms.sender, "to": sms.recipient, "text": sms.text, "reference": sms.reference}
        if sms.status_url:
            content["status_url"] = sms.status_url
        return Request("POST", f"{self._url}/messages", self._headers, json.dumps(content).encode())

    def outcome(self, answer: Answer) -> Outcome:
        if isinstance(answer, Failure):
            return failed(self.title, answer)
        content = decoded(answer.body) or {}
        vendor_id, segments = usable_id(content.get("id")), content.get("segments")
        if 200 <= answer.status < 300 and vendor_id:
            counted = segments if isinstance(segments, int) and 0 < segments < 1000 else None
            return Outcome(kind=OutcomeKind.SENT, vendor_id=vendor_id, segments=counted, reason="accepted")
        code = _error_code(content)
        if code and 400 <= answer.status < 500 and answer.status != 429:
            return self._refused(code)
        return by_status(self.title, answer)

    def _refused(self, code: str) -> Outcome:
        error = self.error(code)
        kind = OutcomeKind.THROTTLED if error.kind is ErrorKind.TEMPORARY else OutcomeKind.REFUSED
        return Outcome(kind=kind, error=error, reason=error.text)

    def error(self, code: str) -> ErrorInfo:
        return fake_error(code)

    # Looking up
    def find_request(self, sms: LostSms) -> Request:
        query = urlencode({"reference": sms.reference})
        return Request("GET", f"{self._url}/messages?{query}", self._headers)

    def found(self, sms: LostSms, answer: Answer) -> Finding:
        if isinstance(answer, Failure):
            return AskAgain(f"{self.title} did not answer: {answer.detail}")
        if answer.status != 200:
            return AskAgain(f"{self.title} answered {answer.status}", retry_after_seconds(answer.headers))
        rows = (decoded(answer.body) or {}).get("messages")
        if not isinstance(rows, list):
            return AskAgain(f"{self.title} answered with no list of messages")
        try:
            told = [receipt for row in rows for receipt in read_receipts(row if isinstance(row, dict) else {})]
        except Unreadable:
            return AskAgain(f"{self.title} listed something that is no message")
        ours = [receipt for receipt in told if receipt.vendor_id and receipt.reference == sms.reference]
        if len(ours) < len(rows):
            return AskAgain(f"{self.title} listed other messages than the one asked for")
        return Found(ours) if ours else NotFound()

    # Incoming
    def verify(self, call: Call) -> None:
        if not self._signing_secrets:
            raise Forged(_UNVERIFIABLE)
        check(call, self._signing_secrets, now=time())

    def parse_inbound(self, call: Call) -> list[InboundText]:
        return read_inbound(loads_object(call.body))

    def parse_receipts(self, call: Call) -> list[DeliveryReceipt]:
        return read_receipts(loads_object(call.body))

    # Numbers
    def numbers_request(self, page: int) -> Request:
        """The pretend network lists everything on its only page."""
        return Request("GET", f"{self._url}/numbers", self._headers)

    def numbers(self, answer: Answer) -> tuple[list[OwnedNumber], bool]:
        rows = (decoded(self._good(answer).body) or {}).get("numbers")
        if not isinstance(rows, list):
            raise VendorError("the pretend network's list of numbers is unreadable: check url of the account")
        return [_number(row) for row in rows], False

    def set_inbound_url_request(self, number: OwnedNumber, url: str) -> Request:
        body = json.dumps({"inbound_url": url}).encode()
        return Request("PUT", f"{self._url}/numbers/{quote(number.e164, safe='')}", self._headers, body)

    def inbound_url_set(self, answer: Answer) -> None:
        self._good(answer)

    def _good(self, answer: Answer) -> Response:
        if isinstance(answer, Failure):
            raise VendorError(f"the pretend network did not answer: {answer.detail}. Start it and repeat.")
        if answer.status != 200:
            raise VendorError(f"the pretend network answered {answer.status}: check url and token of the account")
        return answer


_UNVERIFIABLE = (
    "Inbound texts and receipts cannot be verified and are refused: set signing_secret of the account to the one that "
    "the pretend network signs with."
)


def _error_code(content: dict[str, Any]) -> str:
    error = content.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return str(code) if is_code(code) else ""


def _number(row: object) -> OwnedNumber:
    number, url = (row.get("number"), row.get("inbound_url")) if isinstance(row, dict) else (None, None)
    if not is_phone(number):
        raise VendorError("the pretend network lists something that is no phone number: check url of the account")
    return OwnedNumber(e164=str(number), inbound_url=url if isinstance(url, str) else "")
