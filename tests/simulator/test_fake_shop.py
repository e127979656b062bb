"""The pretend vendor's shop: a finite offer that is the same every time, and areas that ask for how buying ends."""

from typing import Any

import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from notifier import transport
from smsbridge.simulator import faults
from smsbridge.simulator.models import Number
from smsbridge.vendors.base import OfferedNumber, OwnedNumber, PaidStep, StepKind, Wanted
from smsbridge.vendors.fake import Fake
from tests.vendors.accounts import fake

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def vendor(live_server: LiveServer) -> Fake:
    return fake(url=f"{live_server.url}/simulator/fake", token="fake-token")


def offers(vendor: Fake, area: str = "", country: str = "US", limit: int = 100) -> list[OfferedNumber]:
    wanted = Wanted(country=country, area=area, limit=limit)
    return vendor.offers(transport.call(vendor.offers_request(wanted)))


def buy(vendor: Fake, offer: OfferedNumber) -> PaidStep:
    return vendor.bought(transport.call(vendor.buy_request(offer, inbound_url="", reference="order-1")))


def owned(vendor: Fake) -> list[str]:
    return [one.e164 for one in vendor.numbers(transport.call(vendor.numbers_request(1)))[0]]


def test_it_offers_the_same_numbers_until_they_are_sold(vendor: Fake) -> None:
    first, *others = offers(vendor, "415")
    assert (len(others), str(first.price), first.currency) == (4, "1.00", "USD")
    assert buy(vendor, first).kind is StepKind.DONE
    assert (offers(vendor, "415"), owned(vendor)) == (others, [first.e164])
    assert buy(vendor, first).kind is StepKind.REFUSED
    assert len(offers(vendor, limit=7)) == 7
    assert {one.e164[:5] for one in offers(vendor, "20", "GB")} == {"+4420"}
    assert offers(vendor, "907") == offers(vendor, "", "FR") == []


@pytest.mark.parametrize(
    ("area", "kind", "sold"), [("402", StepKind.REFUSED, False), ("503", StepKind.UNCERTAIN, True)]
)
def test_an_area_asks_for_how_buying_ends(vendor: Fake, area: str, kind: StepKind, sold: bool) -> None:
    first = offers(vendor, area)[0]
    assert buy(vendor, first).kind is kind
    assert (first.e164 in owned(vendor)) is sold


def test_one_area_takes_an_order_first(vendor: Fake) -> None:
    first = offers(vendor, "808")[0]
    step = buy(vendor, first)
    assert (step.kind, owned(vendor)) == (StepKind.PENDING, [])
    asked = [vendor.ordered(transport.call(vendor.order_request(step.order))).kind for _ in range(3)]
    assert asked == [StepKind.PENDING, StepKind.DONE, StepKind.DONE]
    assert owned(vendor) == [first.e164]


def test_any_answer_can_be_lost(vendor: Fake) -> None:
    faults.change({"lost": 1})
    first = offers(vendor, "415")[0]
    assert buy(vendor, first).kind is StepKind.UNCERTAIN
    released = transport.call(vendor.release_request(OwnedNumber(e164=first.e164, inbound_url="")))
    assert vendor.released(released).kind is StepKind.UNCERTAIN
    assert not Number.objects.exists()


def test_a_number_is_taken_back_once(vendor: Fake) -> None:
    Number.objects.create(e164="+14153000100")
    request = vendor.release_request(OwnedNumber(e164="+14153000100", inbound_url=""))
    first, second = (vendor.released(transport.call(request)) for _ in range(2))
    assert (first.kind, first.reason, second.kind) == (StepKind.DONE, "", StepKind.DONE)
    assert "gone already" in second.reason


@pytest.mark.parametrize("path", ["orders/x", "services/x/numbers", "numbers/+14153000100"])
def test_it_says_what_is_not_there(path: str) -> None:
    client = Client(headers={"Authorization": "Bearer fake-token"})
    call: Any = client.delete if path.startswith("numbers") else client.get
    assert call(f"/simulator/fake/{path}").status_code == 404
