"""A vendor that needs no account: it speaks HTTP to a pretend SMS network, such as the simulator's.

Its contract, JSON throughout, `Authorization: Bearer <token>` on everything that we send:

    POST {url}/messages {"from", "to", "text", "media", "reference", "status_url"} -> 202 {"id", "segments"}
        400 {"error": {"code", "message"}}; a text that holds `error30007` is refused with that code
    GET {url}/messages?reference=<ours> -> 200 {"messages": [{"id", "reference", "status", "code"}]}, empty for none
    GET {url}/numbers -> 200 {"numbers": [{"number", "inbound_url"}]}
    PUT {url}/numbers/{number} {"inbound_url"} -> 200
    GET {url}/offers?country=&area=&limit= -> 200 {"offers": [{"number", "price", "currency"}]}, prices per month
    POST {url}/numbers {"number", "reference"} -> 201 {"number"}, bought; 202 {"order"}, being bought; 4xx {"error"}
    GET {url}/orders/{order} -> 200 {"status"}: pending, done or refused
    DELETE {url}/numbers/{number} -> 200 {"number"}; 404 {"error"} when it is gone already
    GET, POST {url}/services {"name", "inbound_url", "status_url"} -> {"services": [{"id", "name"}]}, {"id", "name"}
    GET {url}/services/{id}/numbers, PUT and DELETE {url}/services/{id}/numbers/{number}, DELETE {url}/services/{id}
    GET {url}/lookups/{phone} -> 200 {"phone", "line_type", "carrier", "country", "in_service"}; 404 for nobody's number
        In the simulator the last digit but one decides: 2 is a landline, 3 not in service, 4 nobody's, others mobile
    GET {url}/account -> 200 {"credit", "currency"}

Inbound texts {"id", "from", "to", "text", "at"} and receipts {"id", "reference", "status", "code"} come by POST,
signed: `X-Fake-Signature: t=<unix seconds>,v1=<signature>`, the hexadecimal HMAC-SHA256 under the signing secret of the
stamp, a full stop and the raw body.
"""

import json
from time import time
from typing import Any, ClassVar
from urllib.parse import urlencode

from notifier.texts import loads_object
from notifier.wire import Answer, Call, Failure, Forged, Request, Unreadable, retry_after_seconds
from smsbridge.vendors.abilities import Finder
from smsbridge.vendors.answers import base_url_problem, by_status, contradicts, decoded, failed, secret_list, usable_id
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
)
from smsbridge.vendors.fake_inbound import check, fake_error, is_code, is_phone, read_inbound, read_receipts
from smsbridge.vendors.fake_lookup import FakeLookup
from smsbridge.vendors.fake_numbers import FakeNumbers


class Fake(Finder, FakeNumbers, FakeLookup):
    """One account at the pretend network."""

    key = "fake"
    title = "Fake vendor"
    most_media = 3
    find_grace = 60.0  # the pretend network lists at once what it takes, and takes at most 30 seconds to do so
    option_help: ClassVar = {
        "url": "Base URL of the pretend SMS network, for instance {PUBLIC_URL}/simulator/fake.",
        "messaging_service": "Id of the messaging service that the numbers are in; or none.",
    }
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
        if len(sms.media) > self.most_media:
            raise ValueError(f"the text has more than {self.most_media} media")
        content: dict[str, Any] = {
            "from": sms.sender,
            "to": sms.recipient,
            "text": sms.text,
            "reference": sms.reference,
        }
        if sms.media:
            content["media"] = list(sms.media)
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
        if vendor_id:
            return contradicts(self.title, answer.status, vendor_id)
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


_UNVERIFIABLE = (
    "Inbound texts and receipts cannot be verified and are refused: set signing_secret of the account to the one that "
    "the pretend network signs with."
)


def _error_code(content: dict[str, Any]) -> str:
    error = content.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return str(code) if is_code(code) else ""
