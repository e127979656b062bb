"""Vonage's Number Insight API, standard level: line type and carrier of a phone.

Source: https://developer.vonage.com/en/api/number-insight, by the models of the `vonage_number_insight` package. The
answer is 200 with a `status`: 0 for good, 43 to 45 for a network that was not asked, so that something may be missing.
Vonage ends this API on 4 February 2027 (same page); without it a look-up says to ask again, and nothing waits for one.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from vonage_number_insight import StandardInsightRequest

from notifier.texts import clean_text
from notifier.wire import Answer, Failure, retry_after_seconds
from smsbridge.vendors.answers import decoded
from smsbridge.vendors.base import AskAgain, PhoneFacts, PhoneStatus
from smsbridge.vendors.vonage_models import digits, dumped

_ANSWERED = frozenset({0, 43, 44, 45})
_INVALID = 3  # a parameter is missing or the number has no valid form; the number is the only one that we send

_LINES = {
    "mobile": PhoneStatus.TEXTABLE,
    "virtual": PhoneStatus.TEXTABLE,
    "landline": PhoneStatus.LANDLINE,
    "landline_premium": PhoneStatus.LANDLINE,
    "landline_tollfree": PhoneStatus.LANDLINE,
}
_REMEDIES = {
    1: "asks to be asked more slowly",
    4: "does not take the account's API key and secret: correct them",
    9: "has too little credit of the account: top it up",
    19: "does not look phones up for this account: ask Vonage's support",
}


def insight_query(phone: str) -> str:
    """The query string that asks about a phone. Raises ValueError without the phone."""
    return urlencode(dumped(StandardInsightRequest, {"number": digits(phone, "phone")}))


def read_insight(answer: Answer) -> PhoneFacts | AskAgain:
    """What Vonage knows. Never raises."""
    if isinstance(answer, Failure):
        return AskAgain(f"Vonage did not answer: {answer.detail}")
    if answer.status != 200:
        return AskAgain(f"Vonage answered {answer.status} to a look-up", retry_after_seconds(answer.headers))
    content = decoded(answer.body) or {}
    status = content.get("status")
    if not isinstance(status, int) or isinstance(status, bool):
        return AskAgain("Vonage's answer to a look-up is not of the documented form: check the account's base URL")
    if status == _INVALID:
        return PhoneFacts(status=PhoneStatus.NOT_KNOWN, code=str(status))
    if status not in _ANSWERED:
        return AskAgain(f"Vonage {_REMEDIES.get(status, f'answered a look-up with its status {status}')}")
    return _facts(content, "" if status == 0 else str(status))


def _facts(content: Mapping[str, Any], code: str) -> PhoneFacts:
    """The carrier of today decides: a number may have been moved from a landline to a mobile network."""
    told = content.get("current_carrier")
    carrier: Mapping[str, Any] = told if isinstance(told, dict) else {}
    line, country = _text(carrier.get("network_type")), _text(content.get("country_code")).upper()
    return PhoneFacts(
        status=_LINES.get(line, PhoneStatus.UNKNOWN),
        line_type=line,
        carrier=_text(carrier.get("name")),
        country=country if len(country) == 2 else "",
        code=code,
    )


def _text(value: object) -> str:
    return clean_text(value).strip()[:100] if isinstance(value, str) else ""
