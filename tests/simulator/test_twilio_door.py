"""Twilio's API as the simulator speaks it, used by the adapter that is made for the real one."""

from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.test import Client
from pytest_django import Settings

from notifier.wire import Call, Request, Response
from smsbridge.simulator.deliveries import deliver_due
from smsbridge.simulator.models import Number, Text
from smsbridge.vendors.base import (
    AccountConfig,
    ErrorKind,
    Found,
    LostSms,
    NotFound,
    OutcomeKind,
    OutgoingSms,
    OwnedNumber,
    PhoneFacts,
    PhoneStatus,
    ReceiptState,
    StepKind,
    Wanted,
)
from smsbridge.vendors.twilio import Twilio
from tests.simulator.receiver import Got, Receiver
from tests.vendors.accounts import TWILIO_SID, TWILIO_TOKEN
from tests.vendors.contract import LOST, REFERENCE, SMS

pytestmark = pytest.mark.django_db
NUMBER = "+14153000101"


@pytest.fixture
def twilio(settings: Settings) -> Twilio:
    settings.SIMULATOR_TWILIO_ACCOUNT_SID = TWILIO_SID
    settings.SIMULATOR_TWILIO_AUTH_TOKEN = f"{TWILIO_TOKEN},former"
    return account()


def account(token: str = TWILIO_TOKEN) -> Twilio:
    options = {"account_sid": TWILIO_SID, "api_url": "http://testserver/simulator/twilio"}
    return Twilio(AccountConfig(options=options, secrets={"auth_token": token}))


def carried(request: Request) -> Response:
    target = urlsplit(request.url)
    path = f"{target.path}?{target.query}" if target.query else target.path
    client, headers = Client(enforce_csrf_checks=True), dict(request.headers)
    content_type = headers.pop("Content-Type", "application/octet-stream")
    answer: Any = client.generic(request.method, path, request.body, content_type=content_type, headers=headers)
    return Response(answer.status_code, {name.lower(): value for name, value in answer.items()}, answer.content)


def sms(text: str = SMS.text, status_url: str = "", **more: Any) -> OutgoingSms:
    phones = {"sender": NUMBER, "recipient": "+12022000101"}
    return OutgoingSms(text=text, reference=REFERENCE, unicode=False, status_url=status_url, **phones, **more)


def owned(url: str = "") -> None:
    Number.objects.create(e164=NUMBER, dialect="twilio", inbound_url=url)


def as_call(got: Got, receiver: Receiver) -> Call:
    query = urlencode(got.query)
    return Call(got.method, f"{receiver.url.partition('?')[0]}?{query}", query, got.headers, got.body)


def test_it_takes_a_text(twilio: Twilio) -> None:
    outcome = twilio.outcome(carried(twilio.request_for(sms("é" * 200, media=("https://chat.example/cat.png",)))))
    row = Text.objects.get()
    assert (outcome.kind, outcome.vendor_id, outcome.segments) == (OutcomeKind.SENT, row.uid, row.segments)
    assert (row.text, row.media) == ("é" * 200, ["https://chat.example/cat.png"])


def test_a_text_can_ask_for_an_outcome(twilio: Twilio) -> None:
    refused = twilio.outcome(carried(twilio.request_for(sms("error21610"))))
    assert refused.error is not None
    assert (refused.kind, refused.error.kind) == (OutcomeKind.REFUSED, ErrorKind.OPTED_OUT)
    assert twilio.outcome(carried(twilio.request_for(sms("error20429")))).kind is OutcomeKind.THROTTLED
    assert not Text.objects.exists()


def test_it_wants_the_right_credentials(twilio: Twilio) -> None:
    stranger = account("wrong")
    outcome = stranger.outcome(carried(stranger.request_for(sms())))
    assert outcome.error is not None
    assert outcome.error.kind is ErrorKind.ACCOUNT
    assert "active" in twilio.checked(carried(twilio.check_request()))


def test_receipts_come_signed_and_know_our_text(twilio: Twilio, receiver: Receiver) -> None:
    outcome = twilio.outcome(carried(twilio.request_for(sms(status_url=receiver.url))))
    deliver_due()
    calls = [as_call(got, receiver) for got in receiver.posts]
    receipts = []
    for call in calls:
        twilio.verify(call)
        receipts += twilio.parse_receipts(call)
    assert [receipt.state for receipt in receipts] == [ReceiptState.SENT, ReceiptState.DELIVERED]
    assert {(receipt.vendor_id, receipt.reference) for receipt in receipts} == {(outcome.vendor_id, REFERENCE)}


def test_answers_come_signed(twilio: Twilio, receiver: Receiver) -> None:
    owned(receiver.url)
    carried(twilio.request_for(sms("autorespond")))
    content = {"phone": "+12022000101", "number": NUMBER, "text": "5 × € & more"}
    Client(headers={"X-Simulator": "1"}).post("/simulator/text", content, content_type="application/json")
    deliver_due()
    texts = []
    for call in (as_call(got, receiver) for got in receiver.posts):
        twilio.verify(call)
        texts += twilio.parse_inbound(call)
    assert [(text.sender, text.recipient) for text in texts] == [("+12022000101", NUMBER)] * 2
    assert texts[1].text == "5 × € & more"


def test_it_lists_what_it_took(twilio: Twilio) -> None:
    outcome = twilio.outcome(carried(twilio.request_for(sms())))
    at = Text.objects.get().at
    lost = LostSms(reference="", vendor_id="", sender=NUMBER, recipient="+12022000101", text=SMS.text, since=at)
    found = twilio.found(lost, carried(twilio.find_request(lost)))
    assert isinstance(found, Found)
    assert [receipt.vendor_id for receipt in found.receipts] == [outcome.vendor_id]
    assert twilio.found(LOST, carried(twilio.find_request(LOST))) == NotFound()


def test_it_sells_numbers_and_takes_them_back(twilio: Twilio) -> None:
    wanted = Wanted(country="US", area="415", limit=3)
    offers = twilio.offers(carried(twilio.offers_request(wanted)))
    assert len(offers) == 3
    request = twilio.buy_request(offers[0], inbound_url="http://127.0.0.1/in", reference="ours")
    assert [twilio.bought(carried(request)).kind for _ in range(2)] == [StepKind.DONE, StepKind.REFUSED]
    assert offers[0] not in twilio.offers(carried(twilio.offers_request(wanted)))
    (number,), more = twilio.numbers(carried(twilio.numbers_request(1)))
    assert (number.e164, number.inbound_url, more) == (offers[0].e164, "http://127.0.0.1/in", False)
    steps = [twilio.released(carried(twilio.release_request(number))) for _ in range(2)]
    assert [step.kind for step in steps] == [StepKind.DONE, StepKind.DONE]
    assert not Number.objects.exists()


def test_it_sets_an_inbound_url(twilio: Twilio) -> None:
    owned("http://127.0.0.1/old")
    ((number,), _) = twilio.numbers(carried(twilio.numbers_request(1)))
    twilio.inbound_url_set(carried(twilio.set_inbound_url_request(number, "http://127.0.0.1/new")))
    assert Number.objects.get().inbound_url == "http://127.0.0.1/new"


def test_it_lists_numbers_page_by_page(twilio: Twilio) -> None:
    Number.objects.bulk_create(Number(e164=f"+1415300{row:04}", dialect="twilio") for row in range(201))
    Number.objects.create(e164="+14153009999", dialect="vonage")
    pages = [twilio.numbers(carried(twilio.numbers_request(page))) for page in (1, 2)]
    assert [(len(numbers), more) for numbers, more in pages] == [(200, True), (1, False)]


@pytest.mark.parametrize(
    ("phone", "status"),
    [
        ("+12022000101", PhoneStatus.TEXTABLE),
        ("+12022000121", PhoneStatus.LANDLINE),
        ("+12022000141", PhoneStatus.NOT_KNOWN),
    ],
)
def test_it_looks_phones_up(twilio: Twilio, phone: str, status: PhoneStatus) -> None:
    facts = twilio.looked_up(phone, carried(twilio.look_up_request(phone)))
    assert isinstance(facts, PhoneFacts)
    assert facts.status is status


def test_it_keeps_messaging_services(twilio: Twilio) -> None:
    owned()
    ((number,), _) = twilio.numbers(carried(twilio.numbers_request(1)))
    made = twilio.make_service_request("Bridge", inbound_url="http://127.0.0.1/in", status_url="http://127.0.0.1/st")
    service = twilio.service_made(carried(made))
    assert twilio.services(carried(twilio.services_request(1))) == ([service], False)
    for _ in range(2):
        twilio.service_changed(carried(twilio.put_into_service_request(service.id, number)))
    assert _held(twilio, service.id) == [NUMBER]
    for _ in range(2):
        twilio.service_changed(carried(twilio.take_out_of_service_request(service.id, number)))
    assert _held(twilio, service.id) == []
    for _ in range(2):
        twilio.service_changed(carried(twilio.drop_service_request(service.id)))
    assert twilio.services(carried(twilio.services_request(1))) == ([], False)


def _held(twilio: Twilio, service: str) -> list[str]:
    numbers: list[OwnedNumber] = twilio.service_numbers(carried(twilio.service_numbers_request(service, 1)))[0]
    return [number.e164 for number in numbers]
