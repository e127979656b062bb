"""The fake vendor tells what kind a phone is, and whether the account's credentials are right."""

import json
from typing import Any

import pytest

from notifier.wire import Answer, Failure, Response
from smsbridge.vendors.base import PhoneFacts, PhoneStatus, VendorError
from smsbridge.vendors.fake import Fake
from tests.vendors.accounts import FAKE_URL, fake
from tests.vendors.contract import answered
from tests.vendors.lookup_contract import PHONE, LookupContract

MOBILE = {"phone": PHONE, "line_type": "mobile", "carrier": "Air", "country": "US", "in_service": True}


def told(**changes: Any) -> Response:
    return answered(200, json.dumps({**MOBILE, **changes}).encode())


class TestContract(LookupContract):
    def vendor(self, url: str | None = None) -> Fake:
        return fake(url=url or FAKE_URL)

    def looked_up(self) -> dict[PhoneStatus, Response]:
        return {
            PhoneStatus.TEXTABLE: told(),
            PhoneStatus.LANDLINE: told(line_type="landline"),
            PhoneStatus.NOT_IN_SERVICE: told(in_service=False),
            PhoneStatus.UNKNOWN: told(line_type="pigeon"),
            PhoneStatus.NOT_KNOWN: answered(404, b'{"error": {"code": "20404", "message": "no such number"}}'),
        }


def test_it_asks_about_one_phone() -> None:
    request = fake().look_up_request(PHONE)
    assert (request.method, request.url) == ("GET", f"{FAKE_URL}/lookups/%2B12025550101")
    assert request.headers["Authorization"] == "Bearer the-token"


def test_it_tells_line_carrier_and_country() -> None:
    assert fake().looked_up(PHONE, told()) == PhoneFacts(
        status=PhoneStatus.TEXTABLE, line_type="mobile", carrier="Air", country="US"
    )


def test_an_answer_about_another_phone_tells_nothing() -> None:
    assert not isinstance(fake().looked_up(PHONE, told(phone="+12025550102")), PhoneFacts)


def test_it_asks_for_the_credit() -> None:
    request = fake().check_request()
    assert (request.method, request.url) == ("GET", f"{FAKE_URL}/account")
    said = fake().checked(answered(200, b'{"credit": "7.50", "currency": "EUR"}'))
    assert said == "The pretend network knows this account. Credit left: 7.50 EUR."


@pytest.mark.parametrize("bad", [Failure(reached=False, detail="refused"), answered(401), answered(200, b"[]")])
def test_it_says_what_to_do_when_it_was_not_told(bad: Answer) -> None:
    with pytest.raises(VendorError, match=r"check url|Start it"):
        fake().checked(bad)
