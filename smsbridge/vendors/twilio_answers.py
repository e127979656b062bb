"""What all of Twilio's answers have in common: codes, messages as JSON, pages, and refusals in words.

Sources: https://www.twilio.com/docs/usage/twilios-response and
https://www.twilio.com/docs/messaging/api/message-resource.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from notifier.wire import Answer, Failure, Response, retry_after_seconds
from smsbridge.vendors.answers import by_status, contradicts, decoded, failed, price, uncertain, usable_id
from smsbridge.vendors.base import (
    DeliveryReceipt,
    ErrorKind,
    Outcome,
    OutcomeKind,
    ReceiptState,
    VendorError,
)
from smsbridge.vendors.twilio_errors import twilio_error

TITLE = "Twilio"
EXPIRED = "30036"  # the validity period elapsed before the text was sent on

#: too many requests, and a full queue: the only codes by which a text was certainly not accepted and may be later.
#: The other passing ones are about texts that Twilio had accepted.
_NOT_NOW = frozenset({"20429", "21611"})

_CODE = re.compile(r"[1-9]\d{0,8}", re.ASCII)
_SEGMENTS = re.compile(r"[1-9]\d{0,2}", re.ASCII)
_QUERY = re.compile(r"[!-~]{1,2000}")
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)

_STATES = {
    "accepted": ReceiptState.QUEUED,
    "queued": ReceiptState.QUEUED,
    "scheduled": ReceiptState.QUEUED,
    "sending": ReceiptState.SENT,
    "sent": ReceiptState.SENT,
    "delivered": ReceiptState.DELIVERED,
    "read": ReceiptState.DELIVERED,
    "undelivered": ReceiptState.UNDELIVERED,
    "failed": ReceiptState.UNDELIVERED,
    "canceled": ReceiptState.UNDELIVERED,
}


def code_of(value: object) -> str:
    """One of Twilio's error codes, as a number or as text; "" for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    text = str(value)[:10]
    return text if _CODE.fullmatch(text) else ""


def message_id(value: object) -> str:
    """The id of a message; "" for anything else, such as the id of another kind of thing."""
    given = usable_id(value)
    return given if given.startswith(("SM", "MM")) else ""


def segments_of(value: object) -> int | None:
    """Twilio says "0" as long as a messaging service has not chosen the number."""
    return int(value) if isinstance(value, str) and _SEGMENTS.fullmatch(value) else None


def money_of(content: Mapping[str, Any]) -> tuple[Decimal | None, str]:
    """Price and currency of a message, which Twilio writes as a negative amount once it is known."""
    amount, currency = content.get("price"), content.get("price_unit")
    told = price(amount.removeprefix("-")) if isinstance(amount, str) else None
    known = isinstance(currency, str) and _CURRENCY.fullmatch(currency)
    return (told, str(currency).upper()) if told is not None and known else (None, "")


def time_of(value: object) -> datetime | None:
    """A time as the 2010 API writes it (RFC 2822); None for what no clock of our days shows."""
    try:
        at = parsedate_to_datetime(value) if isinstance(value, str) else None
    except (ValueError, IndexError, OverflowError):
        return None
    at = at.replace(tzinfo=UTC) if at and not at.tzinfo else at
    return at if at and 2000 <= at.year < 2100 else None


def receipt_of(vendor_id: str, reference: str, status: str, code: str, **more: Any) -> DeliveryReceipt:
    """A message's status as a receipt; `more` are further fields of it."""
    state = _STATES.get(status, ReceiptState.UNKNOWN)
    if state is ReceiptState.UNDELIVERED and code == EXPIRED:
        state = ReceiptState.EXPIRED
    error = twilio_error(code) if code else None
    return DeliveryReceipt(vendor_id=vendor_id, reference=reference, state=state, error=error, **more)


def read_outcome(answer: Answer) -> Outcome:
    """What became of a send. Never raises.

    Twilio's 201 is followed by receipts whatever the status in it says, so an id is all that it takes. A request that
    is answered 429 was not processed (https://www.twilio.com/docs/api/errors/20429).
    """
    if isinstance(answer, Failure):
        return failed(TITLE, answer)
    content = decoded(answer.body) or {}
    vendor_id = message_id(content.get("sid"))
    if 200 <= answer.status < 300 and vendor_id:
        told, currency = money_of(content)
        return Outcome(
            kind=OutcomeKind.SENT,
            vendor_id=vendor_id,
            segments=segments_of(content.get("num_segments")),
            price=told,
            currency=currency,
            reason="accepted by Twilio",
        )
    if vendor_id:
        return contradicts(TITLE, answer.status, vendor_id)
    code = code_of(content.get("code"))
    if not code or not 400 <= answer.status < 500 or answer.status == 408:
        return by_status(TITLE, answer)
    return _refused(code, answer)


def _refused(code: str, answer: Response) -> Outcome:
    error = twilio_error(code)
    later = answer.status == 429 or code in _NOT_NOW
    if error.kind is ErrorKind.TEMPORARY and not later:
        return uncertain(error.text, error=error)
    kind = OutcomeKind.THROTTLED if later else OutcomeKind.REFUSED
    return Outcome(kind=kind, retry_after=retry_after_seconds(answer.headers), error=error, reason=error.text)


def content_of(answer: Answer) -> dict[str, Any]:
    """The JSON object of a rare call that went well. Raises VendorError with the remedy."""
    if isinstance(answer, Failure):
        raise VendorError(f"Twilio did not answer: {answer.detail}. Repeat it when it is reachable.")
    content = decoded(answer.body)
    if not 200 <= answer.status < 300:
        raise VendorError(refusal(answer.status, code_of((content or {}).get("code"))))
    if content is None:
        raise VendorError("Twilio's answer is not JSON: check the account's base URLs")
    return content


def refusal(status: int, code: str) -> str:
    """An answer that is not the one hoped for, in words."""
    if code:
        error = twilio_error(code)
        return f"Twilio refused: {error.text}, see {error.link}"
    return {
        401: "Twilio refused (401): check the account's SID and auth token",
        429: "Twilio asks to be called more slowly (429): wait a minute and repeat",
    }.get(status, f"Twilio refused ({status}): check the account's base URLs, and look at it in the Twilio Console")


def rows_of(content: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The rows of a list. Raises VendorError when there are none of the promised form."""
    rows = content.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise VendorError(f"Twilio's list of {name} is not of the documented form: check the account's base URLs")
    return rows


def next_query(content: Mapping[str, Any]) -> str:
    """The query string of the page after this one, "" when Twilio says that there is none. Raises VendorError.

    A list is whole only by a null where the next page is named: `next_page_uri` in the 2010 API, in the later ones
    `next_page_url` in `meta`. Only the query is taken from what Twilio says, so that a request always goes to the base
    URL that is configured.
    """
    meta = content.get("meta")
    named = {"next_page_uri": content.get("next_page_uri", ...)}
    named["next_page_url"] = meta.get("next_page_url", ...) if isinstance(meta, dict) else ...
    told = [value for value in named.values() if value is not ...]
    queries = {"" if value is None else _query_of(value) for value in told}
    if len(queries) != 1 or None in queries:
        raise VendorError("Twilio's list does not say whether it is whole: check the account's base URLs")
    return queries.pop() or ""


def _query_of(url: object) -> str | None:
    """The query of a page's URL, None when there is none that can be asked for."""
    try:
        query = urlsplit(url).query if isinstance(url, str) else ""
    except ValueError:
        query = ""
    return query if _QUERY.fullmatch(query) else None
