"""Numbers and messaging services at the pretend SMS network. `fake` holds the contract."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from notifier.wire import Answer, Failure, Request, Response
from smsbridge.vendors.abilities import NumberSettings, NumberShop, ServiceKeeper
from smsbridge.vendors.answers import decoded, price, usable_id
from smsbridge.vendors.base import (
    MessagingService,
    OfferedNumber,
    OwnedNumber,
    PaidStep,
    StepKind,
    VendorError,
    Wanted,
)
from smsbridge.vendors.fake_inbound import is_code, is_phone

T = TypeVar("T")

_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_AREA = re.compile(r"[0-9]{0,8}", re.ASCII)
_ORDERED = {"done": StepKind.DONE, "refused": StepKind.REFUSED}


class FakeNumbers(NumberSettings, NumberShop, ServiceKeeper):
    """The pretend network lists everything on its only page."""

    _url: str
    _headers: Mapping[str, str]

    def numbers_request(self, page: int) -> Request:
        return self._ask("GET", "/numbers")

    def numbers(self, answer: Answer) -> tuple[list[OwnedNumber], bool]:
        return _rows(answer, "numbers", _owned), False

    def set_inbound_url_request(self, number: OwnedNumber, url: str) -> Request:
        return self._ask("PUT", f"/numbers/{_quoted(number.e164)}", {"inbound_url": url})

    def inbound_url_set(self, answer: Answer) -> None:
        _good(answer)

    # Buying and releasing
    def offers_request(self, wanted: Wanted) -> Request:
        if not _COUNTRY.fullmatch(wanted.country) or not _AREA.fullmatch(wanted.area):
            raise ValueError("A country is two capitals, such as US; an area is its code in digits, such as 415.")
        query = {"country": wanted.country, "area": wanted.area, "limit": wanted.limit}
        return self._ask("GET", f"/offers?{urlencode(query)}")

    def offers(self, answer: Answer) -> list[OfferedNumber]:
        return _rows(answer, "offers", _offered)

    def buy_request(self, offer: OfferedNumber, *, inbound_url: str, reference: str) -> Request:
        """The inbound URL is set by a call of its own."""
        return self._ask("POST", "/numbers", {"number": offer.e164, "reference": reference})

    def bought(self, answer: Answer) -> PaidStep:
        if isinstance(answer, Response) and answer.status == 202 and (order := _order(answer)):
            return PaidStep(kind=StepKind.PENDING, reason="The pretend network works on the order.", order=order)
        return _step(answer)

    def release_request(self, number: OwnedNumber) -> Request:
        return self._ask("DELETE", f"/numbers/{_quoted(number.e164)}")

    def released(self, answer: Answer) -> PaidStep:
        """404 with an error of the network's own: gone already."""
        if isinstance(answer, Response) and answer.status == 404 and _refusal(answer):
            return PaidStep(kind=StepKind.DONE, reason="It was gone already.")
        return _step(answer)

    def order_request(self, order: str) -> Request:
        return self._ask("GET", f"/orders/{_quoted(order)}")

    def ordered(self, answer: Answer) -> PaidStep:
        content = decoded(answer.body) if isinstance(answer, Response) and answer.status == 200 else None
        told = (content or {}).get("status")
        kind = _ORDERED.get(told, StepKind.PENDING) if isinstance(told, str) else StepKind.PENDING
        return PaidStep(kind=kind, reason=f"The pretend network's order: {kind.value}.")

    # Messaging services
    def services_request(self, page: int) -> Request:
        return self._ask("GET", "/services")

    def services(self, answer: Answer) -> tuple[list[MessagingService], bool]:
        return _rows(answer, "services", _service), False

    def make_service_request(self, name: str, *, inbound_url: str, status_url: str) -> Request:
        content = {"name": name, "inbound_url": inbound_url, "status_url": status_url}
        return self._ask("POST", "/services", content)

    def service_made(self, answer: Answer) -> MessagingService:
        made = _service(decoded(_good(answer).body))
        if made is None:
            raise VendorError("the pretend network made a service without an id: list them, and delete it")
        return made

    def service_numbers_request(self, service: str, page: int) -> Request:
        return self._ask("GET", f"/services/{_quoted(service)}/numbers")

    def service_numbers(self, answer: Answer) -> tuple[list[OwnedNumber], bool]:
        return self.numbers(answer)

    def put_into_service_request(self, service: str, number: OwnedNumber) -> Request:
        return self._ask("PUT", f"/services/{_quoted(service)}/numbers/{_quoted(number.e164)}")

    def take_out_of_service_request(self, service: str, number: OwnedNumber) -> Request:
        return self._ask("DELETE", f"/services/{_quoted(service)}/numbers/{_quoted(number.e164)}")

    def drop_service_request(self, service: str) -> Request:
        return self._ask("DELETE", f"/services/{_quoted(service)}")

    def service_changed(self, answer: Answer) -> None:
        _good(answer)

    def _ask(self, method: str, path: str, content: Mapping[str, str] | None = None) -> Request:
        body = json.dumps(content).encode() if content is not None else b""
        return Request(method, f"{self._url}{path}", self._headers, body)


def _step(answer: Answer) -> PaidStep:
    """Done only by a 2xx that names the number, refused only by a 4xx with the network's own error."""
    if isinstance(answer, Failure):
        kind = StepKind.UNCERTAIN if answer.reached else StepKind.REFUSED
        return PaidStep(kind=kind, reason=f"The pretend network did not answer: {answer.detail}.")
    if 200 <= answer.status < 300 and is_phone((decoded(answer.body) or {}).get("number")):
        return PaidStep(kind=StepKind.DONE)
    if 400 <= answer.status < 500 and (refusal := _refusal(answer)):
        return PaidStep(kind=StepKind.REFUSED, reason=f"The pretend network refused (code {refusal}).")
    why = f"The pretend network answered {answer.status}, which does not say whether it was done."
    return PaidStep(kind=StepKind.UNCERTAIN, reason=why)


def _good(answer: Answer) -> Response:
    if isinstance(answer, Failure):
        raise VendorError(f"the pretend network did not answer: {answer.detail}. Start it and repeat.")
    if not 200 <= answer.status < 300:
        refusal = f" (code {code})" if (code := _refusal(answer)) else ""
        raise VendorError(f"the pretend network answered {answer.status}{refusal}: check url and token of the account")
    return answer


def _rows(answer: Answer, name: str, read: Callable[[object], T | None]) -> list[T]:
    rows = (decoded(_good(answer).body) or {}).get(name)
    if not isinstance(rows, list):
        raise VendorError(f"the pretend network's list of {name} is unreadable: check url of the account")
    made = [one for row in rows if (one := read(row)) is not None]
    if len(made) < len(rows):
        raise VendorError(f"the pretend network lists {name} that are none: check url of the account")
    return made


def _owned(row: object) -> OwnedNumber | None:
    number, url = (row.get("number"), row.get("inbound_url")) if isinstance(row, dict) else (None, None)
    return OwnedNumber(e164=str(number), inbound_url=url if isinstance(url, str) else "") if is_phone(number) else None


def _offered(row: object) -> OfferedNumber | None:
    told: dict[str, Any] = row if isinstance(row, dict) else {}
    number, currency = told.get("number"), told.get("currency")
    if not is_phone(number):
        return None
    known = currency if isinstance(currency, str) and len(currency) == 3 else ""
    return OfferedNumber(e164=str(number), price=price(told.get("price")), currency=known)


def _service(row: object) -> MessagingService | None:
    told: dict[str, Any] = row if isinstance(row, dict) else {}
    name = told.get("name")
    id_ = usable_id(told.get("id"))
    url = told.get("inbound_url")
    known = url if isinstance(url, str) else None
    return MessagingService(id_, name if isinstance(name, str) else "", known) if id_ else None


def _order(answer: Response) -> str:
    return usable_id((decoded(answer.body) or {}).get("order"))


def _refusal(answer: Response) -> str:
    error = (decoded(answer.body) or {}).get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return str(code) if is_code(code) else ""


def _quoted(part: str) -> str:
    return quote(part, safe="")
