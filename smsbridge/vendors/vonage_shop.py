"""Vonage's Numbers API: which numbers are for sale, buying them and giving them back.

Source: https://developer.vonage.com/en/api/numbers, by the models of the `vonage_numbers` package. Every answer to a
purchase or a cancellation holds `error-code`, "200" for done.
"""

from urllib.parse import urlencode

import phonenumbers
from pydantic import ValidationError
from vonage_numbers import AvailableNumber, NumberParams, SearchAvailableNumbersFilter

from notifier.wire import Answer, Failure
from smsbridge.vendors.answers import decoded, price, says_not_done
from smsbridge.vendors.base import OfferedNumber, OwnedNumber, PaidStep, StepKind, VendorError, Wanted
from smsbridge.vendors.vonage_models import digits, dumped
from smsbridge.vendors.vonage_numbers import content_of, refusal

_MOST_OFFERS = 100  # what Vonage lists on a page
_STARTS_WITH = 0


def search_query(wanted: Wanted) -> str:
    """The query string that asks for numbers that can be texted. Raises ValueError for what cannot be asked."""
    country = wanted.country.upper()
    calling_code = phonenumbers.country_code_for_region(country)
    if not calling_code:
        raise ValueError("The country is unknown: write its two letters of ISO 3166, such as US.")
    if wanted.area and not (wanted.area.isascii() and wanted.area.isdecimal() and len(wanted.area) <= 10):
        raise ValueError("The area is no code: write its digits as they follow the country's code, such as 415.")
    asked: dict[str, object] = {"country": country, "features": "SMS", "size": min(max(wanted.limit, 1), _MOST_OFFERS)}
    if wanted.area:
        asked |= {"pattern": f"{calling_code}{wanted.area}", "search_pattern": _STARTS_WITH}
    return urlencode(dumped(SearchAvailableNumbersFilter, asked))


def read_offers(answer: Answer) -> list[OfferedNumber]:
    """The numbers that can be texted; a missing `numbers` means none. Raises VendorError."""
    rows = content_of(answer).get("numbers", [])
    if not isinstance(rows, list):
        raise VendorError("Vonage's list of offers is not of the documented form: look at the account's base URL")
    return [offer for row in rows if (offer := _offer(row))]


def _offer(entry: object) -> OfferedNumber | None:
    try:
        row = AvailableNumber.model_validate(entry)
    except ValidationError:
        return None
    if not row.msisdn or not row.country or not row.msisdn.isdecimal() or "SMS" not in (row.features or ()):
        return None
    cost = price(row.cost)
    return OfferedNumber(
        e164=f"+{row.msisdn}",
        price=cost,
        currency="EUR" if cost is not None else "",  # Vonage's accounts are in euro
        handle={"country": row.country},
    )


def number_form(number: OfferedNumber | OwnedNumber) -> str:
    """The form that names a number. Raises ValueError when its country is not known."""
    fields = {"country": number.handle.get("country", ""), "msisdn": digits(number.e164, "number")}
    return urlencode(dumped(NumberParams, fields))


def read_purchase(answer: Answer) -> PaidStep:
    """What became of a purchase. Never raises. 420 says that this number cannot be bought, or not in this way."""
    return _step(answer, unsure=())


def read_cancelled(answer: Answer) -> PaidStep:
    """What became of a cancellation. Never raises.

    Vonage says 420 both of a number that the account no longer has and of one that it keeps, such as by a contract:
    only the list of numbers can tell.
    """
    return _step(answer, unsure=("420",))


def _step(answer: Answer, unsure: tuple[str, ...]) -> PaidStep:
    if isinstance(answer, Failure):
        kind = StepKind.UNCERTAIN if answer.reached else StepKind.REFUSED
        return PaidStep(kind=kind, reason=f"Vonage did not answer: {answer.detail}")
    told = (decoded(answer.body) or {}).get("error-code")
    code = told if isinstance(told, str) else str(answer.status)
    if answer.status == 200 and told == "200":
        return PaidStep(kind=StepKind.DONE)
    if told != "200" and says_not_done(answer.status):
        return PaidStep(kind=StepKind.REFUSED, reason=refusal(str(answer.status)))
    refused = isinstance(told, str) and told.startswith("4") and len(told) == 3 and 200 <= answer.status < 500
    if refused and code not in unsure and code != "408":
        return PaidStep(kind=StepKind.REFUSED, reason=refusal(code, _REMEDIES))
    return PaidStep(kind=StepKind.UNCERTAIN, reason=f"Vonage answered {answer.status}: perhaps it was done")


_REMEDIES = {"420": "it is sold no longer, or only in the Vonage dashboard: take another number, or buy it there"}
