"""What the pretend SMS network tells of phones and of the account, for nothing. `fake` holds the contract."""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from notifier.wire import Answer, Failure, Request, Response, retry_after_seconds
from smsbridge.vendors.abilities import Checker, PhoneLookup
from smsbridge.vendors.answers import decoded
from smsbridge.vendors.base import AskAgain, PhoneFacts, PhoneStatus, VendorError

#: the error code of a number that the pretend network does not know
NO_SUCH_NUMBER = "20404"

_TITLE = "Fake vendor"
_LINES = {
    "mobile": PhoneStatus.TEXTABLE,
    "voip": PhoneStatus.TEXTABLE,
    "landline": PhoneStatus.LANDLINE,
}


class FakeLookup(PhoneLookup, Checker):
    """The part of `Fake` that asks about phones and about the account itself."""

    lookups_cost: ClassVar = False
    _url: str
    _headers: Mapping[str, str]

    def look_up_request(self, phone: str) -> Request:
        return Request("GET", f"{self._url}/lookups/{quote(phone, safe='')}", self._headers)

    def looked_up(self, phone: str, answer: Answer) -> PhoneFacts | AskAgain:
        if isinstance(answer, Failure):
            return AskAgain(f"{_TITLE} did not answer: {answer.detail}")
        content = decoded(answer.body) or {}
        if answer.status == 404 and _code(content) == NO_SUCH_NUMBER:
            return PhoneFacts(status=PhoneStatus.NOT_KNOWN, code=NO_SUCH_NUMBER)
        if answer.status != 200 or content.get("phone") != phone:
            return AskAgain(f"{_TITLE} answered {answer.status}", retry_after_seconds(answer.headers))
        line, carrier, country = (_word(content.get(name)) for name in ("line_type", "carrier", "country"))
        status = _LINES.get(line, PhoneStatus.UNKNOWN)
        if content.get("in_service") is False:
            status = PhoneStatus.NOT_IN_SERVICE
        return PhoneFacts(status=status, line_type=line, carrier=carrier, country=country)

    def check_request(self) -> Request:
        return Request("GET", f"{self._url}/account", self._headers)

    def checked(self, answer: Answer) -> str:
        content = decoded(_good(answer).body) or {}
        credit, currency = _word(content.get("credit")), _word(content.get("currency"))
        if not credit:
            raise VendorError("the pretend network's answer is unreadable: check url of the account")
        return f"The pretend network knows this account. Credit left: {credit} {currency}".rstrip() + "."


def _good(answer: Answer) -> Response:
    if isinstance(answer, Failure):
        raise VendorError(f"the pretend network did not answer: {answer.detail}. Start it and repeat.")
    if answer.status != 200:
        raise VendorError(f"the pretend network answered {answer.status}: check url and token of the account")
    return answer


def _code(content: Mapping[str, object]) -> str:
    error = content.get("error")
    return _word(error.get("code")) if isinstance(error, dict) else ""


def _word(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= 100 else ""
