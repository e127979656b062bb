"""SMSAPI as the simulator speaks it, asked by SMSAPI's own adapter."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from pytest_django import Settings

from notifier.wire import Call, Request, Response
from smsbridge.simulator.deliveries import deliver_due
from smsbridge.simulator.models import Text
from smsbridge.vendors.base import Outcome, OutcomeKind, OutgoingSms, PhoneFacts, PhoneStatus, ReceiptState
from smsbridge.vendors.smsapi import Smsapi
from tests.simulator.receiver import Got, Receiver
from tests.vendors.test_smsapi import smsapi

REFERENCE = "0191a5c07d5b7c2e8f4a6b1d2c3e4f50"
pytestmark = pytest.mark.django_db


def asked(request: Request) -> Response:
    """What the door answers to a request of the adapter's."""
    path = request.url.removeprefix("http://door")
    headers = {name: value for name, value in request.headers.items() if name != "Content-Type"}
    kind = request.headers.get("Content-Type", "")
    got = Client(headers=headers, enforce_csrf_checks=True).generic(request.method, path, request.body, kind)
    return Response(got.status_code, {name.lower(): value for name, value in got.headers.items()}, got.content)


def adapter() -> Smsapi:
    return smsapi(api_url="http://door/simulator/smsapi")


def send(**changes: Any) -> Outcome:
    told = {"sender": "+12025550001", "recipient": "+12022000101", "text": "hello", "reference": REFERENCE}
    return adapter().outcome(asked(adapter().request_for(OutgoingSms(**told | {"unicode": False} | changes))))


def call_of(got: Got) -> Call:
    return Call(got.method, got.path, urlencode(got.query), got.headers, got.body)


def test_it_accepts_a_text_and_says_what_it_costs() -> None:
    outcome = send(text="a" * 200)
    assert (outcome.kind, outcome.segments, f"{outcome.price}") == (OutcomeKind.SENT, 2, "0.32")
    assert outcome.vendor_id == Text.objects.get().uid


def test_it_takes_no_text_twice() -> None:
    send()
    assert send().kind is OutcomeKind.UNCERTAIN
    assert Text.objects.count() == 1


def test_a_text_can_come_from_a_name() -> None:
    assert send(sender="ACME").kind is OutcomeKind.SENT
    assert Text.objects.get().number == "ACME"


def test_a_text_can_ask_for_an_outcome() -> None:
    assert send(text="error13").kind is OutcomeKind.REFUSED
    throttled = send(text="error20429")
    assert (throttled.kind, throttled.retry_after) == (OutcomeKind.THROTTLED, 1.0)
    assert send(text="error201").kind is OutcomeKind.UNCERTAIN
    assert not Text.objects.exists()


def test_it_wants_a_token() -> None:
    assert Client().post("/simulator/smsapi/sms.do", {"to": "12022000101"}).json()["error"] == 101


def test_it_answers_about_the_account_and_a_phone() -> None:
    assert "100.0 points" in adapter().checked(asked(adapter().check_request()))
    found = adapter().looked_up("+12022000101", asked(adapter().look_up_request("+12022000101")))
    assert found == PhoneFacts(status=PhoneStatus.UNKNOWN)


def test_receipts_and_answers_come_to_urls_with_the_key(receiver: Receiver, settings: Settings) -> None:
    url = f"{receiver.url}&{adapter().callback_query('inbound')}"
    settings.SIMULATOR_SMSAPI_INBOUND_URL = url
    sent = send(status_url=url, text="autorespond")
    deliver_due()
    for got in receiver.calls:
        adapter().verify(call_of(got))
    *told, inbound = receiver.calls
    assert {got.method for got in told} == {"GET"}
    states = [
        (one.vendor_id, one.reference, one.state) for got in told for one in adapter().parse_receipts(call_of(got))
    ]
    assert states == [(sent.vendor_id, REFERENCE, state) for state in (ReceiptState.SENT, ReceiptState.DELIVERED)]
    (text,) = adapter().parse_inbound(call_of(inbound))
    assert (text.sender, text.recipient) == ("+12022000101", "+12025550001")
    assert text.text == Text.objects.get(received=False).text
