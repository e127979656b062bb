"""Vonage's Numbers API: what the account owns, and where inbound texts go.

Source: https://developer.vonage.com/en/api/numbers, by the models of the `vonage_numbers` package.
"""

from urllib.parse import urlencode

from pydantic import ValidationError
from vonage_numbers import ListOwnedNumbersFilter, UpdateNumberParams
from vonage_numbers import OwnedNumber as Row
from vonage_numbers.errors import NumbersError

from notifier.wire import Answer, Failure
from smsbridge.vendors.answers import decoded
from smsbridge.vendors.base import OwnedNumber, VendorError

PAGE_SIZE = 100

_REMEDIES = {
    "401": "check the account's API key and secret",
    "420": "check that the account owns the number and that the inbound URL answers a bare GET with 200",
    "429": "wait a minute and repeat",
}


def list_query(page: int) -> str:
    """The query string that asks for a page (from 1) of the account's numbers."""
    return urlencode(ListOwnedNumbersFilter(size=PAGE_SIZE, index=page).model_dump(exclude_none=True))


def read_numbers(answer: Answer) -> tuple[list[OwnedNumber], bool]:
    """The numbers of a page, and whether there are more. Raises VendorError.

    Vonage leaves `numbers` out when there are none, also on a page behind the last.
    """
    content = _content(answer)
    rows = content.get("numbers", [])
    if not isinstance(rows, list):
        raise VendorError("Vonage's list of numbers is not of the documented form: look at the account's base URL")
    count = content.get("count")
    more = len(rows) >= PAGE_SIZE and (not isinstance(count, int) or count > len(rows))
    return [_number(row) for row in rows], more


def _number(entry: object) -> OwnedNumber:
    try:
        row = Row.model_validate(entry)
    except ValidationError:
        row = Row()
    if not row.msisdn or not row.country or not row.msisdn.isdecimal():
        raise VendorError("Vonage lists a number without country or digits: look at it in the Vonage dashboard")
    return OwnedNumber(e164=f"+{row.msisdn}", inbound_url=row.mo_http_url or "", handle=_settings(row))


def _settings(row: Row) -> dict[str, str]:
    """What an update must repeat, as it replaces everything. `app` is not a type that may still be set: `app_id` is."""
    voice = row.voice_callback_type in ("sip", "tel") and row.voice_callback_value
    in_app = row.voice_callback_type == "app" and row.voice_callback_value
    settings = {
        "country": row.country,
        "app_id": row.app_id or row.messages_callback_value or (row.voice_callback_value if in_app else None),
        "voice_callback_type": row.voice_callback_type if voice else None,
        "voice_callback_value": row.voice_callback_value if voice else None,
    }
    return {name: value for name, value in settings.items() if value}


def update_form(number: OwnedNumber, url: str) -> str:
    """The form that sets a number's inbound URL and repeats the settings that the list showed. Raises ValueError.

    A voice status callback and an SMPP system type are not in Vonage's list, and so cannot be repeated.
    """
    try:
        params = UpdateNumberParams.model_validate(
            {**number.handle, "msisdn": number.e164.removeprefix("+"), "mo_http_url": url}
        )
    except (ValidationError, NumbersError):
        params = None
    if params is None:
        raise ValueError("the number's settings are incomplete: list the account's numbers again")
    form = params.model_dump(mode="json", by_alias=True, exclude_none=True)
    return urlencode(form)


def read_update(answer: Answer) -> None:
    """Raises VendorError unless the update was made."""
    content = _content(answer)
    if content.get("error-code") != "200":
        raise VendorError(_refusal(content.get("error-code")))


def _content(answer: Answer) -> dict[str, object]:
    if isinstance(answer, Failure):
        raise VendorError(f"Vonage did not answer: {answer.detail}. Repeat the command when it is reachable.")
    if answer.status != 200:
        raise VendorError(_refusal(str(answer.status)))
    content = decoded(answer.body)
    if content is None:
        raise VendorError("Vonage's answer is not JSON: check the account's base URL")
    return content


def _refusal(code: object) -> str:
    known = code if isinstance(code, str) and code.isdecimal() and len(code) < 6 else "without a code"
    return (
        f"Vonage's Numbers API refused ({known}): {_REMEDIES.get(known, 'look at the account in the Vonage dashboard')}"
    )
