"""What every vendor's answer means before its own words are looked at.

The rule is one: *sent* needs a decoded answer with an id, *refused* needs a decoded answer that says so or a status
that by its definition means "not done" (RFC 9110, 15.5), *throttled* needs certainty that nothing was accepted.
Everything else is uncertain, because an SMS that may be on its way must not be sent a second time.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from notifier.wire import Failure, Response, retry_after_seconds
from smsbridge.vendors.base import ErrorInfo, ErrorKind, Outcome, OutcomeKind

#: statuses that say, whatever the body, that the request did not get as far as an SMS, and that settings are the cause
_SETTINGS = frozenset({401, 402, 403, 404, 405, 407, 411, 415, 421, 426})
_PRICE = re.compile(r"\d{1,9}(\.\d{1,12})?", re.ASCII)
_ID = re.compile(r"[!-~]{1,100}")


def decoded(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body, None when it is anything else. Never raises."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def failed(title: str, failure: Failure) -> Outcome:
    """What a send without a complete answer has come to."""
    if failure.reached:
        return uncertain(f"{title} may have accepted it, but its answer did not arrive: {failure.detail}")
    return Outcome(kind=OutcomeKind.THROTTLED, reason=f"{title} was not reached: {failure.detail}")


def by_status(title: str, response: Response) -> Outcome:
    """What the bare HTTP status says of a send whose body holds no words of the vendor's own."""
    status = response.status
    if status == 429:
        wait = retry_after_seconds(response.headers)
        return Outcome(kind=OutcomeKind.THROTTLED, retry_after=wait, reason=f"{title} asks to send more slowly")
    if status in _SETTINGS or (400 <= status < 500 and status != 408 and decoded(response.body) is not None):
        error = http_error(title, str(status))
        return Outcome(kind=OutcomeKind.REFUSED, error=error, reason=error.text)
    if 200 <= status < 300:
        return uncertain(f"{title} answered {status} without an id for the message")
    return uncertain(f"{title} answered {status}, which does not say whether it accepted the message")


def says_not_done(status: int) -> bool:
    """Whether a status says by its definition, whatever the body, that nothing was done."""
    return status == 429 or status in _SETTINGS


def contradicts(title: str, status: int, vendor_id: str) -> Outcome:
    """What an answer comes to that is no success and yet names a message: that one may be on its way."""
    return uncertain(f"{title} answered {status} and yet with an id for a message", vendor_id)


def uncertain(reason: str, vendor_id: str | None = None, error: ErrorInfo | None = None) -> Outcome:
    """An outcome that only a receipt, a look-up or an operator can settle."""
    return Outcome(kind=OutcomeKind.UNCERTAIN, vendor_id=vendor_id, error=error, reason=reason)


def http_error(title: str, status: str, link: str = "") -> ErrorInfo:
    """An HTTP status as an error; its code is `http:` and the status."""
    if status.isdecimal() and int(status[:4]) in _SETTINGS:
        text = f"{title} answered {status}: check the account's credentials and base URL"
        return ErrorInfo(f"http:{status}", text, link, ErrorKind.ACCOUNT)
    return ErrorInfo(f"http:{status}", f"{title} answered {status}", link, ErrorKind.UNKNOWN)


def usable_id(value: object) -> str:
    """A vendor's id when it is one that can be stored and matched later, else ''."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def has_utf8(text: str) -> bool:
    """Whether a text can be sent at all: half a character, such as one of two surrogates, has no UTF-8 form."""
    try:
        text.encode()
    except UnicodeEncodeError:  # it holds the text, so no error that goes on may be chained to it
        return False
    return True


def price(value: object) -> Decimal | None:
    """A plain decimal amount, None for anything else."""
    return Decimal(value) if isinstance(value, str) and _PRICE.fullmatch(value) else None


def secret_list(secrets: Mapping[str, str], name: str) -> list[str]:
    """The values of a secret that may be a comma-separated list while it is being rotated."""
    return [value for part in secrets.get(name, "").split(",") if (value := part.strip())]


def base_url_problem(name: str, url: str) -> list[str]:
    """A sentence when `url` cannot be the base of requests, else nothing."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  reading it is the check
    except ValueError:
        parts = urlsplit("")
    if parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment or parts.username):
        return []
    return [f"{name} is not a base URL: write it like https://host or https://host/path, without credentials or query."]
