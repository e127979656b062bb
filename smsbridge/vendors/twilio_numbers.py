"""Twilio's numbers: those of the account, those on offer, bought and given back.

Sources: https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource and
https://www.twilio.com/docs/phone-numbers/api/availablephonenumberlocal-resource.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from notifier.wire import Answer, Failure
from smsbridge.vendors.answers import decoded, says_not_done, usable_id
from smsbridge.vendors.base import (
    OfferedNumber,
    OwnedNumber,
    PaidStep,
    StepKind,
    VendorError,
    Wanted,
)
from smsbridge.vendors.twilio_answers import code_of, content_of, next_query, refusal, rows_of

PAGE_SIZE = 200
_MOST_OFFERS = 30
#: where local numbers can be texted, and are sold by area code; elsewhere mobile numbers are the ones for texts
_LOCAL = ("US", "CA", "PR")
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_AREA = re.compile(r"\d{3}", re.ASCII)
_SID = re.compile(r"PN[0-9A-Za-z]{1,40}", re.ASCII)
_PHONE = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


def read_numbers(answer: Answer) -> tuple[list[OwnedNumber], str]:
    """The numbers of a page, and the query of the page after it. Raises VendorError."""
    content = content_of(answer)
    return [_owned(row) for row in rows_of(content, "incoming_phone_numbers")], next_query(content)


def _owned(row: Mapping[str, Any]) -> OwnedNumber:
    """A number that a TwiML application handles ignores its own URL, so that is told as none."""
    number, sid, url = row.get("phone_number"), usable_id(row.get("sid")), row.get("sms_url")
    if not sid or not isinstance(number, str) or not _PHONE.fullmatch(number):
        raise VendorError("Twilio lists a number without id or digits: look at it in the Twilio Console")
    application = usable_id(row.get("sms_application_sid"))
    handle = {"sid": sid} | ({"application": application} if application else {})
    return OwnedNumber(e164=number, inbound_url=url if isinstance(url, str) and not application else "", handle=handle)


def sid_of(number: OwnedNumber) -> str:
    """Twilio's id of a number. Raises ValueError when it was not read from Twilio's list."""
    sid = number.handle.get("sid", "")
    if not _SID.fullmatch(sid):
        raise ValueError("the number's id at Twilio is not known: list the account's numbers again")
    return sid


def update_form(number: OwnedNumber, url: str) -> bytes:
    """What is not named stays as it is, except a TwiML application, which would go before the URL."""
    application = {"SmsApplicationSid": ""} if number.handle.get("application") else {}
    return urlencode({**application, "SmsMethod": "POST", "SmsUrl": url}).encode()


def offers_path(wanted: Wanted) -> str:
    """Path and query that ask for numbers on sale. Raises ValueError, in words for the operator."""
    country, area = wanted.country.upper(), wanted.area
    if not _COUNTRY.fullmatch(country):
        raise ValueError("give the country by two letters, such as US")
    if area and country not in _LOCAL:
        raise ValueError("Twilio sells numbers by area code only in the United States, Canada and Puerto Rico")
    if area and not _AREA.fullmatch(area):
        raise ValueError("an area code has three digits, such as 415")
    query = {"AreaCode": area} if area else {}
    query |= {"SmsEnabled": "true", "PageSize": str(max(1, min(wanted.limit, _MOST_OFFERS)))}
    kind = "Local" if country in _LOCAL else "Mobile"
    return f"AvailablePhoneNumbers/{country}/{kind}.json?{urlencode(query)}"


def read_offers(answer: Answer) -> list[OfferedNumber]:
    """Twilio does not say here what they cost. Raises VendorError."""
    rows = rows_of(content_of(answer), "available_phone_numbers")
    numbers = [row.get("phone_number") for row in rows if _can_text(row)]
    return [OfferedNumber(e164=number) for number in numbers if isinstance(number, str) and _PHONE.fullmatch(number)]


def _can_text(row: Mapping[str, Any]) -> bool:
    capabilities = row.get("capabilities")
    return isinstance(capabilities, dict) and True in (capabilities.get("SMS"), capabilities.get("sms"))


def buy_form(offer: OfferedNumber, inbound_url: str) -> bytes:
    inbound = {"SmsMethod": "POST", "SmsUrl": inbound_url} if inbound_url else {}
    return urlencode({**inbound, "PhoneNumber": offer.e164}).encode()


def read_bought(answer: Answer) -> PaidStep:
    """What became of a purchase. Never raises."""
    if not isinstance(answer, Failure) and 200 <= answer.status < 300:
        content = decoded(answer.body) or {}
        number = content.get("phone_number")
        if answer.status in (200, 201) and _number_id(content) and isinstance(number, str) and _PHONE.fullmatch(number):
            return PaidStep(kind=StepKind.DONE)
        return PaidStep(kind=StepKind.UNCERTAIN, reason="Twilio's answer does not name the number it sold")
    return _not_done(answer)


def read_released(answer: Answer) -> PaidStep:
    """What became of a release. Never raises. A number that the account does not own any more is gone.

    204 is Twilio's word for it; another success may be of something before Twilio.
    """
    if not isinstance(answer, Failure):
        if answer.status == 204:
            return PaidStep(kind=StepKind.DONE)
        if is_gone(answer):
            return PaidStep(kind=StepKind.DONE, reason="it was gone already")
    return _not_done(answer)


def is_gone(answer: Answer) -> bool:
    """Whether Twilio itself, and not something before it, says that there is no such thing."""
    if isinstance(answer, Failure) or answer.status != 404:
        return False
    return code_of((decoded(answer.body) or {}).get("code")) == "20404"


def _not_done(answer: Answer) -> PaidStep:
    """Refused only by a code of Twilio's own or by a status that says so for certain, and without naming a number."""
    if isinstance(answer, Failure):
        kind = StepKind.UNCERTAIN if answer.reached else StepKind.REFUSED
        return PaidStep(kind=kind, reason=f"Twilio did not answer: {answer.detail}")
    content = decoded(answer.body) or {}
    code = code_of(content.get("code"))
    told = says_not_done(answer.status) or (code and 400 <= answer.status < 500 and answer.status != 408)
    if told and not _number_id(content):
        return PaidStep(kind=StepKind.REFUSED, reason=refusal(answer.status, code))
    return PaidStep(kind=StepKind.UNCERTAIN, reason="Twilio may have done it: list the account's numbers")


def _number_id(content: Mapping[str, Any]) -> str:
    sid = content.get("sid")
    return sid if isinstance(sid, str) and _SID.fullmatch(sid) else ""
