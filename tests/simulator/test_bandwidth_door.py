"""Bandwidth as the simulator speaks it: our adapter, held equal to Bandwidth's own SDK elsewhere, gets along."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlsplit

import pytest
from django.test import Client
from pytest_django import Settings

from notifier.wire import Answer, Call, Request, Response
from smsbridge.simulator import phones
from smsbridge.simulator.deliveries import deliver_due
from smsbridge.simulator.models import Number, Text
from smsbridge.vendors.bandwidth import Bandwidth
from smsbridge.vendors.base import ErrorKind, Outcome, OutcomeKind, PhoneStatus, ReceiptState, StepKind, Wanted
from tests.simulator.receiver import Got, Receiver
from tests.vendors.accounts import BANDWIDTH_OPTIONS, bandwidth
from tests.vendors.contract import REFERENCE, SMS

_Read = TypeVar("_Read")


@pytest.fixture
def vendor(db: None, settings: Settings, receiver: Receiver) -> Bandwidth:
    """The adapter, its account at the door, and an application there whose URLs are the receiver's."""
    settings.SIMULATOR_BANDWIDTH_URL = urlsplit(receiver.url)._replace(query="").geturl()
    settings.SIMULATOR_BANDWIDTH_APPLICATION_ID = BANDWIDTH_OPTIONS["application_id"]
    settings.SIMULATOR_BANDWIDTH_CALLBACK_USER = "bandwidth"
    settings.SIMULATOR_BANDWIDTH_CALLBACK_PASSWORD = "the-callback-password,former"
    return bandwidth(api_url="http://testserver/simulator/bandwidth", site_id="2858")


def told(read: Callable[[Answer], _Read], request: Request) -> _Read:
    """What the adapter makes of the door's answer to a request of its own."""
    kind, headers = request.headers.get("Content-Type", "application/json"), dict(request.headers)
    headers.pop("Content-Type", None)
    url = request.url.removeprefix("http://testserver")
    client = Client(enforce_csrf_checks=True)
    answered = client.generic(request.method, url, request.body, content_type=kind, headers=headers)
    return read(Response(answered.status_code, {}, answered.content))


def send(vendor: Bandwidth, text: str) -> Outcome:
    return told(vendor.outcome, vendor.request_for(replace(SMS, text=text)))


def pushed(vendor: Bandwidth, got: Got) -> Call:
    """A call of the door's, which proves where it comes from."""
    call = Call(got.method, f"https://bridge.example{got.path}", "", got.headers, got.body)
    vendor.verify(call)
    return call


def test_a_text_arrives_and_its_receipts_come_by_themselves(vendor: Bandwidth, receiver: Receiver) -> None:
    outcome = send(vendor, "hello")
    assert (outcome.kind, outcome.segments) == (OutcomeKind.SENT, 1)
    deliver_due()
    receipts = [receipt for got in receiver.posts for receipt in vendor.parse_receipts(pushed(vendor, got))]
    assert [receipt.state for receipt in receipts] == [ReceiptState.SENT, ReceiptState.DELIVERED]
    assert {(receipt.vendor_id, receipt.reference) for receipt in receipts} == {(outcome.vendor_id, REFERENCE)}
    assert {got.path for got in receiver.posts} == {"/hook/status/"}


def test_what_a_phone_answers_goes_to_the_application(vendor: Bandwidth, receiver: Receiver) -> None:
    send(vendor, "autorespond")
    phones.answer(phone=SMS.recipient, number=SMS.sender, text="Grüße 😀", media=["https://a.example/1.png"])
    deliver_due()
    inbound = [text for got in receiver.posts for text in vendor.parse_inbound(pushed(vendor, got))]
    assert {text.text for text in inbound} == {phones.AUTO_ANSWER, "Grüße 😀"}
    assert {(text.sender, text.recipient) for text in inbound} == {(SMS.recipient, SMS.sender)}
    assert [text.media for text in inbound if text.media] == [("https://a.example/1.png",)]


def test_a_text_can_ask_to_fail(vendor: Bandwidth, receiver: Receiver) -> None:
    assert send(vendor, "error4721").kind is OutcomeKind.SENT
    deliver_due()
    (receipt,) = vendor.parse_receipts(pushed(vendor, receiver.posts[0]))
    assert receipt.state is ReceiptState.UNDELIVERED
    assert receipt.error is not None
    assert receipt.error.proves is PhoneStatus.NOT_IN_SERVICE
    assert not Text.objects.exists()


def test_a_text_can_ask_to_be_refused_or_throttled(vendor: Bandwidth) -> None:
    assert send(vendor, "error20429").kind is OutcomeKind.THROTTLED
    refused = send(vendor, "error1")
    assert refused.error is not None
    assert (refused.kind, refused.error.kind) == (OutcomeKind.REFUSED, ErrorKind.RECIPIENT)
    assert not Text.objects.exists()


def test_another_application_is_refused(vendor: Bandwidth, settings: Settings) -> None:
    settings.SIMULATOR_BANDWIDTH_APPLICATION_ID = "another"
    refused = send(vendor, "hello")
    assert refused.error is not None
    assert refused.error.kind is ErrorKind.ACCOUNT


@pytest.mark.parametrize("path", ["api/v2/users/1/messages", "v2/accounts/1/phoneNumberLookup", "accounts/1/orders"])
def test_it_wants_credentials(db: None, path: str) -> None:
    assert Client().post(f"/simulator/bandwidth/{path}").status_code == 401


def test_the_account_is_checked(vendor: Bandwidth) -> None:
    assert told(vendor.checked, vendor.check_request())


def test_a_number_is_bought_and_given_back_by_orders_that_take_their_time(vendor: Bandwidth) -> None:
    offers = told(vendor.offers, vendor.offers_request(Wanted(country="US", area="919", limit=2)))
    placed = told(vendor.bought, vendor.buy_request(offers[0], inbound_url="", reference=REFERENCE))
    assert (len(offers), placed.kind) == (2, StepKind.PENDING)
    assert told(vendor.numbers, vendor.numbers_request(1)) == ([], False)
    assert told(vendor.ordered, vendor.order_request(placed.order)).kind is StepKind.DONE
    ((number,), more) = told(vendor.numbers, vendor.numbers_request(1))
    assert (number.e164, more) == (offers[0].e164, False)
    again = told(vendor.bought, vendor.buy_request(offers[0], inbound_url="", reference=REFERENCE))
    assert again.kind is StepKind.REFUSED

    leaving = told(vendor.released, vendor.release_request(number))
    assert (leaving.kind, Number.objects.count()) == (StepKind.PENDING, 1)
    assert told(vendor.ordered, vendor.order_request(leaving.order)).kind is StepKind.DONE
    assert not Number.objects.exists()
    assert told(vendor.released, vendor.release_request(number)).kind is StepKind.DONE


def test_it_lists_numbers_page_by_page(vendor: Bandwidth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsbridge.vendors.bandwidth_numbers.PAGE_SIZE", 2)
    numbers = [f"+1919555010{digit}" for digit in range(5)]
    Number.objects.bulk_create([Number(e164=number, dialect="bandwidth") for number in numbers])
    Number.objects.create(e164="+12025550009", dialect="fake")
    pages = [told(vendor.numbers, vendor.numbers_request(page)) for page in (1, 2, 3)]
    assert [number.e164 for page, _ in pages for number in page] == numbers
    assert [more for _, more in pages] == [True, True, False]


@pytest.mark.parametrize(
    ("phone", "status"),
    [
        ("+12025550101", PhoneStatus.TEXTABLE),
        ("+12025550121", PhoneStatus.LANDLINE),
        ("+12025550131", PhoneStatus.NOT_IN_SERVICE),
        ("+12025550141", PhoneStatus.UNKNOWN),
    ],
)
def test_it_tells_of_phones_by_their_last_digit_but_one(vendor: Bandwidth, phone: str, status: PhoneStatus) -> None:
    facts = told(lambda answer: vendor.looked_up(phone, answer), vendor.look_up_request(phone))
    assert getattr(facts, "status", None) is status
