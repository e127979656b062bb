"""The pretend network's shop and its messaging services: what is asked, and what each answer comes to."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.wire import Answer, Failure, Response
from smsbridge.vendors.base import MessagingService, OfferedNumber, OwnedNumber, StepKind, VendorError, Wanted
from smsbridge.vendors.fake import Fake
from tests.vendors.accounts import FAKE_URL, fake
from tests.vendors.contract import answered
from tests.vendors.number_contract import NumberContract

OFFER = OfferedNumber(e164="+14153000100")
OWNED = OwnedNumber(e164="+14153000100", inbound_url="")
LOST = Failure(reached=True, detail="closed")


def told(code: int, /, **content: Any) -> Response:
    return answered(code, json.dumps(content).encode())


class TestNumberContract(NumberContract):
    def vendor(self) -> Fake:
        return fake()

    def whole(self) -> dict[str, tuple[list[Response], int]]:
        return {"none": ([told(200, numbers=[])], 0), "one": ([told(200, numbers=[{"number": OFFER.e164}])], 1)}

    def incomplete(self) -> dict[str, list[Response]]:
        return {"no list": [told(200)], "no number": [told(200, numbers=[{"number": OFFER.e164}, {}])]}


REFUSED = told(400, error={"code": "21422", "message": "no"})


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (told(201, number=OFFER.e164), StepKind.DONE),
        (told(202, order="o-1"), StepKind.PENDING),
        (REFUSED, StepKind.REFUSED),
        (told(402, error={"code": "20402"}), StepKind.REFUSED),
        (told(429, error={"code": "20429"}), StepKind.REFUSED),
        (Failure(reached=False, detail="refused"), StepKind.REFUSED),
        (LOST, StepKind.UNCERTAIN),
        (told(202), StepKind.UNCERTAIN),
        (told(200), StepKind.UNCERTAIN),
        (answered(201, b"<html>"), StepKind.UNCERTAIN),
        (answered(400, b"<html>"), StepKind.UNCERTAIN),
        (answered(503, REFUSED.body), StepKind.UNCERTAIN),
        (answered(302), StepKind.UNCERTAIN),
    ],
    ids=str,
)
def test_it_reads_what_became_of_buying(answer: Answer, kind: StepKind) -> None:
    step = fake().bought(answer)
    assert step.kind is kind
    assert step.order == ("o-1" if kind is StepKind.PENDING else "")
    assert step.reason or kind is StepKind.DONE
    assert OFFER.e164 not in step.reason


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (told(200, number=OWNED.e164), StepKind.DONE),
        (told(404, error={"code": "20404"}), StepKind.DONE),
        (answered(404, b"<html>"), StepKind.UNCERTAIN),
        (told(403, error={"code": "20403"}), StepKind.REFUSED),
        (answered(200), StepKind.UNCERTAIN),
        (LOST, StepKind.UNCERTAIN),
    ],
    ids=str,
)
def test_it_reads_what_became_of_releasing(answer: Answer, kind: StepKind) -> None:
    assert fake().released(answer).kind is kind


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (told(200, status="done"), StepKind.DONE),
        (told(200, status="refused"), StepKind.REFUSED),
        (told(200, status="pending"), StepKind.PENDING),
        (told(200, status=["done"]), StepKind.PENDING),
        (told(500, status="done"), StepKind.PENDING),
        (LOST, StepKind.PENDING),
    ],
    ids=str,
)
def test_an_order_is_pending_until_something_certain_is_told(answer: Answer, kind: StepKind) -> None:
    assert fake().ordered(answer).kind is kind


@given(status=st.integers(100, 599), body=st.binary(max_size=80))
def test_any_bytes_buy_and_release_nothing_for_certain(status: int, body: bytes) -> None:
    answer = answered(status, body)
    assert {fake().bought(answer).kind, fake().released(answer).kind} == {StepKind.UNCERTAIN}
    assert fake().ordered(answer).kind is StepKind.PENDING


def test_it_asks_as_the_contract_says() -> None:
    vendor = fake()
    buying = vendor.buy_request(OFFER, inbound_url="https://b.example/in", reference="order-7")
    assert (buying.method, buying.url) == ("POST", f"{FAKE_URL}/numbers")
    assert json.loads(buying.body) == {"number": OFFER.e164, "reference": "order-7"}
    releasing = vendor.release_request(OWNED)
    assert (releasing.method, releasing.url) == ("DELETE", f"{FAKE_URL}/numbers/%2B14153000100")
    assert vendor.order_request("o/1").url == f"{FAKE_URL}/orders/o%2F1"
    offers = vendor.offers_request(Wanted(country="US", area="415", limit=3))
    assert offers.url == f"{FAKE_URL}/offers?country=US&area=415&limit=3"
    assert all(one.headers["Authorization"] == "Bearer the-token" for one in (buying, releasing, offers))


@pytest.mark.parametrize("wanted", [Wanted(country="us"), Wanted(country="US", area="4-5")], ids=str)
def test_it_says_what_cannot_be_asked(wanted: Wanted) -> None:
    with pytest.raises(ValueError, match="such as US"):
        fake().offers_request(wanted)


def test_it_reads_offers() -> None:
    row = {"number": OFFER.e164, "price": "1.00", "currency": "USD"}
    more = {"number": "+14153000101", "price": 1, "currency": None}
    assert fake().offers(told(200, offers=[row, more])) == [
        OfferedNumber(e164=OFFER.e164, price=Decimal("1.00"), currency="USD"),
        OfferedNumber(e164="+14153000101"),
    ]


@pytest.mark.parametrize("bad", [LOST, answered(401), told(200), told(200, offers=[{"number": "ACME"}])], ids=str)
def test_it_says_what_to_do_without_a_list_of_offers(bad: Answer) -> None:
    with pytest.raises(VendorError, match=r"check url|Start it"):
        fake().offers(bad)


def test_it_keeps_messaging_services() -> None:
    vendor = fake()
    assert vendor.services(told(200, services=[{"id": "s-1", "name": "Orders"}])) == (
        [MessagingService("s-1", "Orders")],
        False,
    )
    made = vendor.make_service_request("Orders", inbound_url="https://b.example/in", status_url="https://b.example/st")
    assert json.loads(made.body)["name"] == "Orders"
    assert vendor.service_made(told(201, id="s-1", name="Orders")).id == "s-1"
    assert vendor.put_into_service_request("s-1", OWNED).method == "PUT"
    assert vendor.take_out_of_service_request("s-1", OWNED).method == "DELETE"
    assert vendor.drop_service_request("s-1").url == f"{FAKE_URL}/services/s-1"
    vendor.service_changed(told(200))
    for bad in (told(404, error={"code": "20404"}), LOST):
        with pytest.raises(VendorError, match=r"check url|Start it"):
            vendor.service_changed(bad)
    with pytest.raises(VendorError, match="without an id"):
        vendor.service_made(told(201, name="Orders"))
