"""What Twilio knows of a phone, and whether it knows the account.

Sources: https://www.twilio.com/docs/lookup/v2-api/line-type-intelligence and
https://www.twilio.com/docs/iam/api/account.
"""

import re
from typing import Any

from notifier.texts import clean_text
from notifier.wire import Answer, Failure, retry_after_seconds
from smsbridge.vendors.answers import decoded
from smsbridge.vendors.base import AskAgain, PhoneFacts, PhoneStatus, VendorError
from smsbridge.vendors.twilio_answers import TITLE, code_of, content_of
from smsbridge.vendors.twilio_numbers import is_gone

_STATUSES = {
    "mobile": PhoneStatus.TEXTABLE,
    "fixedVoip": PhoneStatus.TEXTABLE,
    "nonFixedVoip": PhoneStatus.TEXTABLE,
    "landline": PhoneStatus.LANDLINE,
}
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_LONGEST_TYPE, _LONGEST_CARRIER = 40, 100


def read_facts(answer: Answer) -> PhoneFacts | AskAgain:
    """What Twilio says of a phone. Never raises.

    Line types such as tollFree or unknown tell nothing about texts. A number that is not valid can be nobody's.
    """
    if isinstance(answer, Failure):
        return AskAgain(f"{TITLE} did not answer: {answer.detail}")
    if is_gone(answer):
        return PhoneFacts(status=PhoneStatus.NOT_KNOWN, code="20404")
    content = decoded(answer.body) or {}
    if answer.status != 200 or not isinstance(content.get("valid"), bool):
        return AskAgain(f"{TITLE} answered {answer.status} without facts", retry_after_seconds(answer.headers))
    country = content.get("country_code")
    told = content.get("line_type_intelligence")
    line: dict[str, Any] = told if isinstance(told, dict) else {}
    kind = _text(line.get("type"), _LONGEST_TYPE)
    status = _STATUSES.get(kind, PhoneStatus.UNKNOWN)
    return PhoneFacts(
        status=status if content["valid"] else PhoneStatus.NOT_KNOWN,
        line_type=kind,
        carrier=_text(line.get("carrier_name"), _LONGEST_CARRIER),
        country=country if isinstance(country, str) and _COUNTRY.fullmatch(country) else "",
        code=code_of(line.get("error_code")),
    )


def _text(value: object, longest: int) -> str:
    return clean_text(value)[:longest] if isinstance(value, str) else ""


def read_account(answer: Answer, account_sid: str) -> str:
    """A sentence about the account. Raises VendorError with the remedy."""
    content = content_of(answer)
    if content.get("sid") != account_sid:
        raise VendorError("Twilio answered for another account: check the account SID and the base URL")
    if content.get("status") != "active":
        raise VendorError("the account is not active: look at it in the Twilio Console")
    if content.get("type") == "Trial":
        return "Twilio knows the account. It is a trial account: it texts only numbers verified in the Twilio Console."
    return "Twilio knows the account, and it is active."
