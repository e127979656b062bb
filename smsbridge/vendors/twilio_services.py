"""Twilio's messaging services: groups of the account's numbers.

Source: https://www.twilio.com/docs/messaging/api/service-resource and .../phonenumber-resource.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from notifier.texts import clean_text
from notifier.wire import Answer, Failure
from smsbridge.vendors.answers import decoded, usable_id
from smsbridge.vendors.base import MessagingService, OwnedNumber, VendorError
from smsbridge.vendors.twilio_answers import code_of, content_of, next_query, rows_of
from smsbridge.vendors.twilio_numbers import is_gone

PAGE_SIZE = 50
_SERVICE = re.compile(r"MG[0-9A-Za-z]{1,40}", re.ASCII)
_ALREADY_IN, _ALREADY_OUT = "21710", "21711"
#: what a request to put a number in was sent to, as Twilio's answer 20404 repeats it
_POOL = re.compile(r"/PhoneNumbers\b(?!/)")


def service_id(given: str) -> str:
    """The id of a messaging service. Raises ValueError for anything else."""
    if not _SERVICE.fullmatch(given):
        raise ValueError("a messaging service is named by its SID, which begins with MG")
    return given


def make_form(name: str, inbound_url: str, status_url: str) -> bytes:
    """The inbound URL of a number goes before the service's, so that one set for a number alone counts."""
    return urlencode(
        {
            "FriendlyName": name,
            "InboundRequestUrl": inbound_url,
            "StatusCallback": status_url,
            "UseInboundWebhookOnNumber": "true",
        }
    ).encode()


def read_services(answer: Answer) -> tuple[list[MessagingService], str]:
    """The services of a page, and the query of the page after it. Raises VendorError."""
    content = content_of(answer)
    return [_service(row) for row in rows_of(content, "services")], next_query(content)


def read_service(answer: Answer) -> MessagingService:
    """The service that was made. Raises VendorError."""
    return _service(content_of(answer))


def _service(row: Mapping[str, Any]) -> MessagingService:
    sid, name = usable_id(row.get("sid")), row.get("friendly_name")
    if not _SERVICE.fullmatch(sid):
        raise VendorError("Twilio tells of a messaging service without an id: check messaging_url of the account")
    url = row.get("inbound_request_url")
    return MessagingService(sid, clean_text(name) if isinstance(name, str) else "", url if isinstance(url, str) else "")


def read_service_numbers(answer: Answer) -> tuple[list[OwnedNumber], str]:
    """The numbers of a page, and the query of the page after it. Raises VendorError.

    A service's list does not tell the numbers' inbound URLs.
    """
    content = content_of(answer)
    numbers = []
    for row in rows_of(content, "phone_numbers"):
        sid, number = usable_id(row.get("sid")), row.get("phone_number")
        if not sid or not isinstance(number, str):
            raise VendorError("Twilio lists a number without id or digits: look at the service in the Twilio Console")
        numbers.append(OwnedNumber(e164=number, inbound_url="", handle={"sid": sid}))
    return numbers, next_query(content)


def read_changed(answer: Answer) -> None:
    """Raises VendorError unless the service is as wanted, also where it was so before.

    What is not found was to be taken out or deleted, and is; only a service into which a number was to be put must be
    there.
    """
    content = {} if isinstance(answer, Failure) else decoded(answer.body) or {}
    if code_of(content.get("code")) in (_ALREADY_IN, _ALREADY_OUT):
        return
    message = content.get("message")
    if is_gone(answer) and not (isinstance(message, str) and _POOL.search(message)):
        return
    if isinstance(answer, Failure) or answer.status != 204:
        content_of(answer)
