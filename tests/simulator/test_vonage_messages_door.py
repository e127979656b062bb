"""Vonage's Messages API as the simulator speaks it, its tokens checked by the program's own adapter."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from notifier.wire import Call
from smsbridge.simulator import phones
from smsbridge.simulator.deliveries import deliver_due
from smsbridge.simulator.models import Number, Text
from smsbridge.vendors.base import AccountConfig, ReceiptState
from smsbridge.vendors.vonage_messages import VonageMessages
from tests.simulator.receiver import Got, Receiver

SECRET = "the-signature-secret-of-32-bytes"
SMS = {
    "to": "12022000101",
    "from": "12025550001",
    "text": "hello",
    "channel": "sms",
    "message_type": "text",
    "client_ref": "n-42",
}
ADAPTER = VonageMessages(
    AccountConfig(options={"api_key": "demo", "application_id": "the-app"}, secrets={"signature_secret": SECRET})
)
UPDATE = "/simulator/vonage/number/update"


@pytest.fixture(autouse=True)
def _account(settings: Settings, receiver: Receiver) -> None:
    settings.SIMULATOR_VONAGE_SIGNATURE_SECRET = SECRET
    settings.SIMULATOR_VONAGE_API_KEY = "demo"
    settings.SIMULATOR_VONAGE_APPLICATION_ID = "the-app"
    settings.SIMULATOR_VONAGE_MESSAGES_INBOUND_URL = receiver.url


@pytest.fixture
def vonage(db: None) -> Client:
    return Client(headers={"Authorization": "Bearer a.b.c"}, enforce_csrf_checks=True)


def send(vonage: Client, **changes: Any) -> Any:
    return vonage.post("/simulator/vonage/v1/messages", SMS | changes, content_type="application/json")


def call(got: Got) -> Call:
    headers = {name.lower(): value for name, value in got.headers.items()}
    return Call(got.method, "https://bridge.example/", "", headers, got.body)


def test_it_accepts_a_text_and_tells_what_became_of_it(vonage: Client, receiver: Receiver) -> None:
    answered = send(vonage, webhook_url=receiver.url)
    assert answered.status_code == 202
    deliver_due()
    told = []
    for got in receiver.calls:
        ADAPTER.verify(call(got))
        told += ADAPTER.parse_receipts(call(got))
    assert [receipt.state for receipt in told] == [ReceiptState.SENT, ReceiptState.DELIVERED]
    assert {(receipt.vendor_id, receipt.reference) for receipt in told} == {(answered.json()["message_uuid"], "n-42")}


def test_a_text_can_ask_for_an_outcome(vonage: Client) -> None:
    refused = send(vonage, text="error1050")
    assert (refused.status_code, refused.headers["Content-Type"]) == (422, "application/problem+json")
    assert refused.json()["type"].endswith("#1050")
    assert send(vonage, text="error20429").status_code == 429
    assert send(vonage, to="12").json()["type"].endswith("#1170")
    assert send(vonage, text="").json()["type"].endswith("#1010")
    assert vonage.post("/simulator/vonage/v1/messages", b"{", content_type="application/json").status_code == 400
    assert not Text.objects.exists()


def test_a_picture_reaches_the_phone_with_its_caption(vonage: Client) -> None:
    picture = {"url": "https://chat.example/cat.png", "caption": "a cat"}
    send(vonage, channel="mms", message_type="image", image=picture, text=None)
    text = Text.objects.get()
    assert (text.text, text.media) == ("a cat", ["https://chat.example/cat.png"])


def test_it_wants_credentials(db: None) -> None:
    assert Client().post("/simulator/vonage/v1/messages").status_code == 401


@pytest.mark.parametrize("media", [[], ["https://phones.example/cat.png"]])
def test_answers_come_to_the_application_in_one_piece(vonage: Client, receiver: Receiver, media: list[str]) -> None:
    vonage.post(UPDATE, {"country": "US", "msisdn": "12025550001", "app_id": "the-app"})
    phones.answer(phone="+12022000101", number="+12025550001", text="long " * 60, media=media)
    deliver_due()
    (got,) = receiver.calls
    ADAPTER.verify(call(got))
    (text,) = ADAPTER.parse_inbound(call(got))
    assert (text.sender, text.recipient) == ("+12022000101", "+12025550001")
    assert (text.text, list(text.media), text.part) == ("long " * 60, media, None)


def test_numbers_are_linked_to_the_one_application(vonage: Client) -> None:
    Number.objects.create(e164="+12025550001", dialect="vonage-messages")
    (row,) = vonage.get("/simulator/vonage/account/numbers").json()["numbers"]
    assert "app_id" not in row
    other = {"country": "US", "msisdn": "12025550001", "app_id": "another"}
    assert vonage.post(UPDATE, other).status_code == 420
    vonage.post(UPDATE, other | {"app_id": "the-app"})
    (row,) = vonage.get("/simulator/vonage/account/numbers").json()["numbers"]
    assert row["app_id"] == "the-app"
