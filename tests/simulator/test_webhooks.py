"""Managing webhooks: registering, states, and the handshake (Layer's webhooks API 1.0)."""

from typing import Any
from uuid import uuid4

import pytest

from smsbridge.simulator.deliveries import deliver_due
from smsbridge.simulator.models import Delivery, Webhook
from tests.simulator.layer_caller import HOOKS, Layer
from tests.simulator.receiver import Answer, Got, Receiver

GOOD = {"version": "1.0", "target_url": "https://host/path", "events": ["message.sent"], "secret": "s3cret"}


def test_it_registers_and_answers_before_the_handshake(layer: Layer, receiver: Receiver) -> None:
    answered = layer.register(receiver.url, "message.sent", "message.read", config={"name": "smsbridge"})
    shown = answered.json
    assert answered.status == 201
    assert (shown["status"], shown["version"], shown["target_url"]) == ("unverified", "1.0", receiver.url)
    assert (shown["events"], shown["config"]) == (["message.sent", "message.read"], {"name": "smsbridge"})
    assert "secret" not in shown
    assert not receiver.calls


def test_a_good_handshake_makes_it_active(layer: Layer, receiver: Receiver) -> None:
    uid = layer.register(receiver.url, "message.sent").uid
    deliver_due()
    (call,) = receiver.calls
    assert (call.method, call.query["fixed"]) == ("GET", "1")
    assert len(call.query["verification_challenge"]) > 20
    assert layer.webhook(uid)["status"] == "active"
    assert "status_reason" not in layer.webhook(uid)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, b"no"), "404"),
        ((200, b"something else"), "challenge"),
        ((200, b""), "challenge"),
        ((204, b""), "204"),
        ((302, b""), "302"),
    ],
)
def test_a_bad_handshake_makes_it_inactive_and_is_not_repeated(
    layer: Layer, receiver: Receiver, answer: Answer, reason: str
) -> None:
    receiver.answer = lambda call: answer
    uid = layer.register(receiver.url, "message.sent").uid
    deliver_due()
    deliver_due()
    assert len(receiver.calls) == 1
    assert layer.webhook(uid)["status"] == "inactive"
    assert reason in layer.webhook(uid)["status_reason"]


def test_a_receiver_that_is_not_there_makes_it_inactive(layer: Layer, receiver: Receiver) -> None:
    receiver.close()
    uid = layer.register(receiver.url, "message.sent").uid
    deliver_due()
    assert layer.webhook(uid)["status"] == "inactive"


def test_an_exact_echo_is_wanted(layer: Layer, receiver: Receiver) -> None:
    def with_line_end(call: Got) -> Answer:
        return 200, call.query["verification_challenge"].encode() + b"\n"

    receiver.answer = with_line_end
    uid = layer.register(receiver.url, "message.sent").uid
    deliver_due()
    assert layer.webhook(uid)["status"] == "inactive"


def test_activating_makes_the_handshake_anew(layer: Layer, receiver: Receiver) -> None:
    good = receiver.answer
    receiver.answer = lambda call: (500, b"")
    uid = layer.register(receiver.url, "message.sent").uid
    deliver_due()
    receiver.answer = good
    answered = layer.post(f"/webhooks/{uid}/activate", Accept=HOOKS)
    assert (answered.status, answered.json["status"]) == (200, "unverified")
    deliver_due()
    assert layer.webhook(uid)["status"] == "active"
    assert layer.post(f"/webhooks/{uid}/activate", Accept=HOOKS).json["status"] == "active"


def test_deactivating_says_who_did_it(layer: Layer, receiver: Receiver) -> None:
    uid = layer.register(receiver.url, "message.sent").uid
    deliver_due()
    answered = layer.post(f"/webhooks/{uid}/deactivate", Accept=HOOKS)
    assert (answered.status, answered.json["status"]) == (200, "inactive")
    assert "user" in answered.json["status_reason"]


def test_a_webhook_deactivated_before_its_handshake_stays_inactive(layer: Layer, receiver: Receiver) -> None:
    uid = layer.register(receiver.url, "message.sent").uid
    layer.post(f"/webhooks/{uid}/deactivate", Accept=HOOKS)
    deliver_due()
    assert layer.webhook(uid)["status"] == "inactive"


def test_registering_does_not_replace(layer: Layer) -> None:
    first, second = (layer.post("/webhooks", GOOD, Accept=HOOKS) for _ in range(2))
    listed = layer.get("/webhooks", Accept=HOOKS).json
    assert [hook["id"] for hook in listed] == [first.json["id"], second.json["id"]]
    assert first.json["id"] != second.json["id"]
    assert listed[0]["config"] == {}


def test_the_deduplication_key_does_not_become_the_id(layer: Layer) -> None:
    key = str(uuid4())
    first, again = (layer.post("/webhooks", GOOD, Accept=HOOKS, If_None_Match=key) for _ in range(2))
    assert (first.status, again.status) == (201, 200)
    assert first.uid == again.uid != key
    assert Webhook.objects.count() == 1


def test_deleting_takes_it_off_the_list_and_drops_what_waits(layer: Layer) -> None:
    uid = layer.post("/webhooks", GOOD, Accept=HOOKS).uid
    answered = layer.call("DELETE", f"/webhooks/{uid}", Accept=HOOKS)
    assert (answered.status, answered.raw) == (204, b"")
    assert layer.get("/webhooks", Accept=HOOKS).json == []
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("method", "action"), [("GET", ""), ("DELETE", ""), ("POST", "/activate"), ("POST", "/deactivate")]
)
def test_it_does_not_find_a_strange_webhook(layer: Layer, method: str, action: str) -> None:
    for uid in (str(uuid4()), "nonsense"):
        answered = layer.call(method, f"/webhooks/{uid}{action}", Accept=HOOKS)
        assert answered.error == (404, 102, "not_found")


def test_the_first_missing_field_it_names_is_the_version(layer: Layer) -> None:
    content: dict[str, Any] = {}
    for name in ("version", "target_url", "events", "secret"):
        answered = layer.post("/webhooks", content, Accept=HOOKS)
        assert answered.error == (422, 104, "missing_property")
        assert answered.json["data"] == {"property": name}
        content[name] = GOOD[name]
    assert layer.post("/webhooks", content, Accept=HOOKS).status == 201


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", "9.9"),
        ("target_url", "http://example.com/"),
        ("target_url", "ftp://127.0.0.1/"),
        ("target_url", "https://"),
        ("target_url", "http://[::1"),
        ("target_url", 7),
        ("events", []),
        ("events", "message.sent"),
        ("events", ["message.sent", "message.eaten"]),
        ("events", ["conversation.participants_updated"]),
        ("secret", ""),
        ("secret", 7),
        ("config", {"a": {"b": "c"}}),
        ("config", ["a"]),
    ],
)
def test_it_refuses_what_it_could_not_serve(layer: Layer, name: str, value: Any) -> None:
    answered = layer.post("/webhooks", GOOD | {name: value}, Accept=HOOKS)
    assert answered.error == (422, 105, "invalid_property")
    assert answered.json["data"] == {"property": name}


@pytest.mark.parametrize("url", ["https://host/", "http://localhost:1/", "http://127.0.0.9/x", "http://[::1]:80/"])
def test_http_is_for_loopback_only(layer: Layer, url: str) -> None:
    assert layer.post("/webhooks", GOOD | {"target_url": url}, Accept=HOOKS).status == 201
