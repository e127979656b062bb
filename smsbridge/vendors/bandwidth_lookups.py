"""What Bandwidth's phone number look-up tells of a phone.

Source: https://dev.bandwidth.com/docs/numbers/guides/lookupNumbers/ (version 2, answered at once) and the model
`LookupResult` of the `bandwidth-sdk` package. It knows phones of the United States and Canada.
"""

import re
from typing import Any

from notifier.texts import clean_text
from notifier.wire import Answer, Failure, Response, retry_after_seconds
from smsbridge.vendors.answers import decoded
from smsbridge.vendors.base import AskAgain, PhoneFacts, PhoneStatus

_TEXTABLE = frozenset({"MOBILE", "VOIP", "VOIP-FIXED"})
_LANDLINE = "FIXED"
_COUNTRIES = {"USA": "US", "CAN": "CA"}
_CODE = re.compile(r"[\w.-]{1,40}", re.ASCII)
_LONGEST = 100


def read_lookup(phone: str, answer: Answer) -> PhoneFacts | AskAgain:
    """What is known of a phone. Never raises; nothing about this phone in a good answer is UNKNOWN."""
    if isinstance(answer, Failure):
        return AskAgain(f"Bandwidth did not answer: {answer.detail}")
    content = decoded(answer.body)
    if answer.status == 400 and content is not None:
        return PhoneFacts(status=PhoneStatus.UNKNOWN, code=_first_code(content))
    if answer.status != 200:
        return AskAgain(f"Bandwidth answered {answer.status}", retry_after_seconds(answer.headers))
    return _facts(phone, answer, content)


def _facts(phone: str, answer: Response, content: dict[str, Any] | None) -> PhoneFacts | AskAgain:
    data = (content or {}).get("data")
    results = data.get("results") if isinstance(data, dict) else None
    if content is None or (not isinstance(results, list) and not _first_code(content)):
        return AskAgain(f"Bandwidth answered {answer.status} without results")
    rows = results if isinstance(results, list) else []
    row = next((row for row in rows if isinstance(row, dict) and row.get("phoneNumber") == phone), None)
    if row is None:
        return PhoneFacts(status=PhoneStatus.UNKNOWN, code=_first_code(content))
    return PhoneFacts(
        status=_status(row),
        line_type=_word(row, "lineType").lower(),
        carrier=_word(row, "messagingProvider") or _word(row, "voiceProvider"),
        country=_COUNTRIES.get(_word(row, "countryCodeA3"), ""),
    )


def _status(row: dict[str, Any]) -> PhoneStatus:
    """A fixed line that some provider carries texts for may be enabled for them, which is not known for certain."""
    latest = _word(row, "latestMessageDeliveryStatus")
    if latest == "DEACTIVATED" or (_word(row, "deactivationEvent") == "DEACTIVATED" and latest != "ACTIVE"):
        return PhoneStatus.NOT_IN_SERVICE
    kind = _word(row, "lineType")
    if kind in _TEXTABLE or latest == "ACTIVE":
        return PhoneStatus.TEXTABLE
    return PhoneStatus.LANDLINE if kind == _LANDLINE and not _word(row, "messagingProvider") else PhoneStatus.UNKNOWN


def _word(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return clean_text(value).strip()[:_LONGEST] if isinstance(value, str) else ""


def _first_code(content: dict[str, Any]) -> str:
    errors = content.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    code = first.get("code") if isinstance(first, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""
