"""The pretend SMS vendor and its phones: the wire contract that the program's `fake` vendor stands on."""

import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from django.test import Client

from smsbridge.simulator.deliveries import deliver_due
from smsbridge.simulator.models import Delivery, Text
from tests.simulator.receiver import Got, Receiver

SMS = {"from": "+12025550001", "to": "+12022000101", "text": "hello", "reference": "n-42"}
TOKEN = {"Authorization": "Bearer fake-token"}


@pytest.fixture
def vendor(db: None) -> Client:
    return Client(headers=TOKEN, enforce_csrf_checks=True)


def send(vendor: Client, **changes: Any) -> Any:
    return vendor.post("/simulator/fake/messages", SMS | changes, content_type="application/json")


def own(vendor: Client, url: str, number: str = "+12025550001") -> Any:
    content = {"inbound_url": url}
    return vendor.put(f"/simulator/fake/numbers/{number}", content, content_type="application/json")


def answer(text: str, number: str = "+12025550001") -> Any:
    content = {"phone": SMS["to"], "number": number, "text": text}
    return Client(headers={"X-Simulator": "1"}).post("/simulator/text", content, content_type="application/json").json()


def signed(call: Got, secret: bytes = b"fake-signing-secret") -> bool:
    """Whether the call bears a right signature of now."""
    stamp, _, given = call.headers["x-fake-signature"].partition(",")
    at = stamp.removeprefix("t=")
    expected = hmac.new(secret, f"{at}.".encode() + call.body, hashlib.sha256).hexdigest()
    return given == f"v1={expected}" and abs(time.time() - int(at)) < 60


def thread(vendor: Client) -> list[tuple[str, str, str]]:
    shown = vendor.get(f"/simulator/phones/{SMS['to']}").json()
    return [(text["direction"], text["text"], text["status"]) for text in shown["threads"][0]["messages"]]


def test_it_accepts_a_text_and_the_phone_shows_it(vendor: Client) -> None:
    answered = send(vendor, text="é" * 161)
    assert answered.status_code == 202
    assert answered.json() == {"id": Text.objects.get().uid, "segments": 2}
    assert answered.json()["id"].startswith("fake-")
    assert thread(vendor) == [("received", "é" * 161, "delivered")]


def test_it_tells_sent_and_then_delivered(vendor: Client, receiver: Receiver) -> None:
    uid = send(vendor, status_url=receiver.url).json()["id"]
    deliver_due()
    told = [json.loads(call.body) for call in receiver.posts]
    assert told == [{"id": uid, "reference": "n-42", "status": status, "code": ""} for status in ("sent", "delivered")]
    assert all(signed(call) for call in receiver.posts)
    assert {call.path for call in receiver.posts} == {"/hook"}


def test_it_lists_what_came_of_the_texts_with_a_reference(vendor: Client) -> None:
    uid = send(vendor).json()["id"]
    send(vendor, reference="n-43")
    listed = vendor.get("/simulator/fake/messages?reference=n-42").json()
    assert listed == {"messages": [{"id": uid, "reference": "n-42", "status": "delivered", "code": ""}]}
    assert vendor.get("/simulator/fake/messages?reference=n-44").json() == {"messages": []}
    assert vendor.get("/simulator/fake/messages").status_code == 400


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer wrong", "Basic fake-token"])
def test_it_wants_its_token(vendor: Client, token: str) -> None:
    for call in (send, lambda vendor: own(vendor, ""), lambda vendor: vendor.get("/simulator/fake/numbers")):
        assert call(Client(headers={"Authorization": token})).status_code == 401
    assert not Text.objects.exists()


def test_a_text_can_ask_for_an_error(vendor: Client) -> None:
    answered = send(vendor, text="please error30007 now")
    assert answered.status_code == 400
    assert answered.json()["error"]["code"] == "30007"
    assert not Text.objects.exists()


def test_a_text_can_ask_to_be_throttled(vendor: Client) -> None:
    answered = send(vendor, text="error20429")
    assert (answered.status_code, answered.headers["Retry-After"]) == (429, "1")
    assert not Text.objects.exists()


@pytest.mark.parametrize(
    "change", [{"to": "12"}, {"to": None}, {"from": "ACME"}, {"to": ["+12022000101"]}, {"text": ""}, {"text": 7}]
)
def test_it_refuses_what_is_no_text_or_no_number(vendor: Client, change: Any) -> None:
    answered = send(vendor, **change)
    assert answered.status_code == 400
    assert answered.json()["error"].keys() == {"code", "message"}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
def test_it_refuses_what_is_no_json_object(vendor: Client, body: bytes) -> None:
    answered = vendor.post("/simulator/fake/messages", body, content_type="application/json")
    assert answered.status_code == 400


def test_it_lists_and_changes_numbers(vendor: Client) -> None:
    assert vendor.get("/simulator/fake/numbers").json() == {"numbers": []}
    assert own(vendor, "http://127.0.0.1:1/a").status_code == 200
    own(vendor, "http://127.0.0.1:1/b")
    own(vendor, "", "%2B12025550002")
    assert vendor.get("/simulator/fake/numbers").json() == {
        "numbers": [
            {"number": "+12025550001", "inbound_url": "http://127.0.0.1:1/b"},
            {"number": "+12025550002", "inbound_url": ""},
        ]
    }
    assert own(vendor, "x", "nonsense").status_code == 400


def test_an_answer_goes_to_the_numbers_inbound_url(vendor: Client, receiver: Receiver) -> None:
    own(vendor, receiver.url)
    sent = answer("Grüße 😀")
    assert thread(vendor) == [("sent", "Grüße 😀", "waiting")]
    deliver_due()
    (call,) = receiver.posts
    assert json.loads(call.body) == {
        "id": sent["id"],
        "from": SMS["to"],
        "to": "+12025550001",
        "text": "Grüße 😀",
        "at": sent["at"],
    }
    assert signed(call)
    assert thread(vendor) == [("sent", "Grüße 😀", "delivered")]


def test_a_number_without_inbound_url_uses_the_default_one(vendor: Client, receiver: Receiver, settings: Any) -> None:
    settings.SIMULATOR_FAKE_INBOUND_URL = receiver.url
    answer("hello")
    deliver_due()
    assert len(receiver.posts) == 1


def test_an_answer_that_nobody_takes_is_shown_as_lost(vendor: Client) -> None:
    answer("hello")
    assert thread(vendor) == [("sent", "hello", "lost")]
    assert not Delivery.objects.exists()


def test_an_answer_is_repeated_until_taken(vendor: Client, receiver: Receiver) -> None:
    own(vendor, receiver.url)
    good = receiver.answer
    receiver.answer = lambda call: (503, b"")
    answer("hello")
    deliver_due()
    deliver_due()
    receiver.answer = good
    deliver_due()
    assert len({call.body for call in receiver.posts}) == 1
    assert len(receiver.posts) == 3
    assert thread(vendor) == [("sent", "hello", "delivered")]


def test_an_answer_is_lost_after_the_last_repeat(vendor: Client, receiver: Receiver) -> None:
    own(vendor, receiver.url)
    receiver.answer = lambda call: (503, b"")
    answer("hello")
    for _ in range(7):
        deliver_due()
    assert len(receiver.posts) == 6
    assert thread(vendor) == [("sent", "hello", "lost")]


def test_a_phone_can_answer_by_itself(vendor: Client, receiver: Receiver) -> None:
    own(vendor, receiver.url)
    send(vendor, text="autorespond")
    deliver_due()
    (call,) = receiver.posts
    assert json.loads(call.body)["from"] == SMS["to"]
    assert [direction for direction, _, _ in thread(vendor)] == ["received", "sent"]


@pytest.mark.parametrize("secret", ["new", "new,old"])
def test_the_first_of_several_secrets_signs(vendor: Client, receiver: Receiver, settings: Any, secret: str) -> None:
    settings.SIMULATOR_FAKE_SIGNING_SECRET = secret
    own(vendor, receiver.url)
    answer("hello")
    deliver_due()
    assert signed(receiver.posts[0], b"new")
