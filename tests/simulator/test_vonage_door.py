"""Vonage's SMS API as the simulator speaks it, checked with Vonage's own SDK where that has a check."""

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.test import Client
from pytest_django import Settings
from vonage_http_client import Auth

from smsbridge.simulator import phones
from smsbridge.simulator.deliveries import deliver_due
from smsbridge.simulator.models import Text
from tests.simulator.receiver import Got, Receiver

SMS = {"from": "12025550001", "to": "12022000101", "text": "hello", "client-ref": "n-42"}
BASIC = {"Authorization": "Basic YTpi"}
NUMBERS, UPDATE = "/simulator/vonage/account/numbers", "/simulator/vonage/number/update"


@pytest.fixture
def vonage(db: None) -> Client:
    return Client(headers=BASIC, enforce_csrf_checks=True)


def send(vonage: Client, **changes: str) -> Any:
    return vonage.post("/simulator/vonage/sms/json", SMS | changes).json()


def params(call: Got) -> dict[str, str]:
    if call.method == "GET":
        return {name: value for name, value in call.query.items() if name != "fixed"}
    if call.headers["content-type"] == "application/json":
        return {name: str(value) for name, value in json.loads(call.body).items()}
    return dict(parse_qsl(call.body.decode(), keep_blank_values=True))


def rightly_signed(call: Got) -> bool:
    auth = Auth(api_key="a", signature_secret="vonage-signature-secret", signature_method="sha256")
    return bool(auth.check_signature(params(call)))


def test_it_accepts_a_text(vonage: Client) -> None:
    answered = send(vonage)
    (part,) = answered["messages"]
    assert answered["message-count"] == "1"
    assert (part["status"], part["to"], part["client-ref"]) == ("0", "12022000101", "n-42")
    assert part["message-id"] == Text.objects.get().uid


def test_it_answers_for_each_part(vonage: Client) -> None:
    answered = send(vonage, text="a" * 307, type="text")
    assert answered["message-count"] == "3"
    assert len({part["message-id"] for part in answered["messages"]}) == 3
    assert Text.objects.get().text == "a" * 307


def test_a_text_can_ask_for_an_outcome(vonage: Client) -> None:
    assert send(vonage, text="error9")["messages"][0]["status"] == "9"
    assert send(vonage, text="error20429")["messages"][0]["status"] == "1"
    assert send(vonage, to="")["messages"][0]["status"] == "2"
    assert send(vonage, to="12")["messages"][0]["status"] == "3"
    assert not Text.objects.exists()


@pytest.mark.parametrize("path", ["/simulator/vonage/sms/json", NUMBERS, UPDATE])
def test_it_wants_credentials(db: None, path: str) -> None:
    assert Client().post(path).status_code == 401


@pytest.mark.parametrize("method", ["get", "form", "json"])
def test_receipts_and_answers_come_signed_by_each_method(
    vonage: Client, receiver: Receiver, settings: Settings, method: str
) -> None:
    settings.SIMULATOR_VONAGE_INBOUND_METHOD = method
    vonage.post(UPDATE, {"country": "US", "msisdn": "12025550001", "moHttpUrl": receiver.url})
    uid = send(vonage, callback=receiver.url, text="autorespond")["messages"][0]["message-id"]
    deliver_due()
    first, second, inbound = (params(call) for call in receiver.calls)
    assert {call.method for call in receiver.calls} == {"GET" if method == "get" else "POST"}
    assert all(rightly_signed(call) for call in receiver.calls)
    assert [(told["messageId"], told["status"]) for told in (first, second)] == [(uid, "accepted"), (uid, "delivered")]
    assert (first["msisdn"], first["to"], first["client-ref"]) == ("12022000101", "12025550001", "n-42")
    assert (inbound["msisdn"], inbound["to"]) == ("12022000101", "12025550001")
    assert inbound["text"] == Text.objects.get(received=False).text


def test_it_signs_values_with_separators_in_them(vonage: Client, receiver: Receiver) -> None:
    vonage.post(UPDATE, {"country": "US", "msisdn": "12025550001", "moHttpUrl": receiver.url})
    content = {"phone": "+12022000101", "number": "+12025550001", "text": "a=b&c=d ü 😀"}
    Client(headers={"X-Simulator": "1"}).post("/simulator/text", content, content_type="application/json")
    deliver_due()
    assert params(receiver.calls[0])["text"] == "a=b&c=d ü 😀"
    assert rightly_signed(receiver.calls[0])


def test_a_long_answer_comes_in_parts_in_any_order(vonage: Client, receiver: Receiver) -> None:
    vonage.post(UPDATE, {"country": "US", "msisdn": "12025550001", "moHttpUrl": receiver.url})
    long = "0123456789" * 45 + "я"
    phones.answer(phone="+12022000101", number="+12025550001", text=long)
    deliver_due()
    parts = [params(call) for call in receiver.calls]
    assert all(rightly_signed(call) for call in receiver.calls)
    assert {(part["concat"], part["concat-total"]) for part in parts} == {("true", "7")}
    assert len({part["concat-ref"] for part in parts}) == 1
    assert len({part["messageId"] for part in parts}) == 7
    assert sorted(part["concat-part"] for part in parts) == list("1234567")
    assert "".join(part["text"] for part in sorted(parts, key=lambda part: part["concat-part"])) == long


def test_it_sells_numbers_once_and_takes_them_back(vonage: Client) -> None:
    search = {"country": "US", "features": "SMS", "pattern": "1415", "search_pattern": "0"}
    (first, *_) = vonage.get("/simulator/vonage/number/search", search).json()["numbers"]
    assert first["msisdn"].startswith("1415")
    wanted = {"country": "US", "msisdn": first["msisdn"]}
    steps = [vonage.post(f"/simulator/vonage/number/{step}", wanted) for step in ("buy", "buy", "cancel", "cancel")]
    assert [step.status_code for step in steps] == [200, 420, 200, 420]
    assert vonage.post("/simulator/vonage/number/buy", {"country": "US", "msisdn": "14020000000"}).status_code == 420
    assert vonage.get("/simulator/vonage/number/search", {"country": "XX"}).json() == {}


def test_it_knows_phones_and_its_credit(vonage: Client) -> None:
    def line(phone: str) -> Any:
        return vonage.get("/simulator/vonage/ni/standard/json", {"number": phone}).json()

    assert line("12022000101")["current_carrier"]["network_type"] == "mobile"
    assert line("12022000121")["current_carrier"]["network_type"] == "landline"
    assert (line("12022000141")["status"], line("12")["status"]) == (3, 3)
    assert vonage.get("/simulator/vonage/account/get-balance").json()["value"] > 0


def test_it_lists_and_changes_numbers(vonage: Client) -> None:
    assert vonage.get(NUMBERS).json() == {}
    changed = vonage.post(UPDATE, {"country": "US", "msisdn": "12025550001", "moHttpUrl": "http://127.0.0.1/x"})
    assert changed.json()["error-code"] == "200"
    vonage.post(UPDATE, {"country": "US", "msisdn": "12025550002"})
    listed = vonage.get(NUMBERS).json()
    assert listed["count"] == 2
    assert [(row["msisdn"], row.get("moHttpUrl")) for row in listed["numbers"]] == [
        ("12025550001", "http://127.0.0.1/x"),
        ("12025550002", None),
    ]
    assert [row["msisdn"] for row in vonage.get(NUMBERS, {"size": 1, "index": 2}).json()["numbers"]] == ["12025550002"]
    assert vonage.get(NUMBERS, {"pattern": "12025550001"}).json()["count"] == 1
    assert vonage.post(UPDATE, {"msisdn": "nonsense"}).status_code == 420
