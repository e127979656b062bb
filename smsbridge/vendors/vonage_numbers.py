"""Vonage's Numbers API: what the account owns, and where inbound texts go; and the account's credit.

Sources: https://developer.vonage.com/en/api/numbers and https://developer.vonage.com/en/api/account, by the models of
the `vonage_numbers` and `vonage_account` packages.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from pydantic import ValidationError
from vonage_account import Balance
from vonage_numbers import ListOwnedNumbersFilter, UpdateNumberParams
from vonage_numbers import OwnedNumber as Row
from vonage_numbers.errors import NumbersError

from notifier.wire import Answer, Failure
from smsbridge.vendors.answers import decoded
from smsbridge.vendors.base import OwnedNumber, VendorError

PAGE_SIZE = 100
#: in a number's `handle`: the application that its texts go to
LINKED = "linked_to"

_REMEDIES = {
    "401": "check the account's API key and secret",
    "420": "check that the account owns the number and that the inbound URL answers a bare GET with 200",
    "429": "wait a minute and repeat",
}


def list_query(page: int) -> str:
    """The query string that asks for a page (from 1) of the account's numbers."""
    return urlencode(ListOwnedNumbersFilter(size=PAGE_SIZE, index=page).model_dump(exclude_none=True))


def read_numbers(answer: Answer) -> tuple[list[OwnedNumber], int | None]:
    """The numbers of a page, and how many there are on all pages. Raises VendorError.

    Vonage leaves `numbers` out when there are none, also on a page behind the last; then the count may be missing too.
    """
    content = content_of(answer)
    rows = content.get("numbers", [])
    numbers, count = [_number(row) for row in rows] if isinstance(rows, list) else None, content.get("count")
    counted = isinstance(count, int) and not isinstance(count, bool)
    if numbers is None or not (counted or (count is None and not numbers)):
        raise VendorError("Vonage's list of numbers is not of the documented form: look at the account's base URL")
    return numbers, count if isinstance(count, int) else None


def _number(entry: object) -> OwnedNumber:
    try:
        row = Row.model_validate(entry)
    except ValidationError:
        row = Row()
    if not row.msisdn or not row.country or not row.msisdn.isdecimal():
        raise VendorError("Vonage lists a number without country or digits: look at it in the Vonage dashboard")
    return OwnedNumber(e164=f"+{row.msisdn}", inbound_url=row.mo_http_url or "", handle=_settings(row))


def _settings(row: Row) -> dict[str, str]:
    """What an update must repeat, as it replaces everything. `app` is not a type that may still be set: `app_id` is.

    LINKED is the application that gets the number's texts, which an update takes no notice of.
    """
    voice = row.voice_callback_type in ("sip", "tel") and row.voice_callback_value
    in_app = row.voice_callback_type == "app" and row.voice_callback_value
    messages_app = row.app_id or row.messages_callback_value
    settings = {
        LINKED: messages_app,
        "country": row.country,
        "app_id": messages_app or (row.voice_callback_value if in_app else None),
        "voice_callback_type": row.voice_callback_type if voice else None,
        "voice_callback_value": row.voice_callback_value if voice else None,
    }
    return {name: value for name, value in settings.items() if value}


def update_form(number: OwnedNumber, **changes: str) -> str:
    """The form that changes settings of a number and repeats the others as the list showed them. Raises ValueError.

    A voice status callback and an SMPP system type are not in Vonage's list, and so cannot be repeated.
    """
    try:
        params = UpdateNumberParams.model_validate(
            {**number.handle, "msisdn": number.e164.removeprefix("+"), **changes}
        )
    except (ValidationError, NumbersError):
        params = None
    if params is None:
        raise ValueError("the number's settings are incomplete: list the account's numbers again")
    form = params.model_dump(mode="json", by_alias=True, exclude_none=True)
    return urlencode(form)


def read_update(answer: Answer) -> None:
    """Raises VendorError unless the update was made."""
    content = content_of(answer)
    if content.get("error-code") != "200":
        raise VendorError(refusal(content.get("error-code")))


def read_balance(answer: Answer) -> str:
    """A sentence about the account's credit, which only who knows the API secret is told. Raises VendorError."""
    try:
        balance = Balance.model_validate(content_of(answer))
    except ValidationError:
        balance = None
    if balance is None:
        raise VendorError("Vonage's answer about the credit is not of the documented form: check rest_url")
    reloads = ", and reloads itself" if balance.auto_reload else ""
    return f"Vonage knows the API key and secret. The account has {balance.value:.2f} EUR of credit{reloads}."


def content_of(answer: Answer) -> dict[str, object]:
    """The JSON object of an answer with status 200. Raises VendorError with the remedy for any other."""
    if isinstance(answer, Failure):
        raise VendorError(f"Vonage did not answer: {answer.detail}. Repeat the command when it is reachable.")
    if answer.status != 200:
        raise VendorError(refusal(str(answer.status)))
    content = decoded(answer.body)
    if content is None:
        raise VendorError("Vonage's answer is not JSON: check the account's base URL")
    return content


def refusal(code: object, remedies: Mapping[str, str] = _REMEDIES) -> str:
    """Why Vonage did not do something, by its `error-code` or HTTP status, with the remedy."""
    known = code if isinstance(code, str) and code.isdecimal() and len(code) < 6 else "without a code"
    remedy = remedies.get(known) or _REMEDIES.get(known, "look at the account in the Vonage dashboard")
    return f"Vonage refused ({known}): {remedy}"
