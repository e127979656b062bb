"""Faults on request: what comes when they are switched on, and that they are off by default."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from smsbridge.simulator import faults
from smsbridge.simulator.deliveries import deliver_due
from smsbridge.simulator.models import Conversation
from tests.simulator.layer_caller import Layer
from tests.simulator.receiver import Receiver

SMS = {"from": "+12025550001", "to": "+12022000101", "text": "hello"}


def send_sms() -> Any:
    client = Client(headers={"Authorization": "Bearer fake-token"})
    return client.post("/simulator/fake/messages", SMS, content_type="application/json")


def test_there_are_none_by_default(layer: Layer) -> None:
    assert set(faults.shown(faults.current()).values()) == {0}


@pytest.mark.parametrize(("fault", "status", "made"), [("throttle", 429, 0), ("unavailable", 503, 0), ("lost", 503, 1)])
def test_answers_fail_before_or_after_acting(layer: Layer, fault: str, status: int, made: int) -> None:
    faults.change({fault: 1})
    answered = layer.post("/conversations", {"participants": ["ann"]})
    assert (answered.status, Conversation.objects.count()) == (status, made)
    assert send_sms().status_code == status
    faults.change({fault: 0})
    assert layer.post("/conversations", {"participants": ["ann"]}).status == 201


def test_a_throttled_caller_is_told_when_to_come_back(layer: Layer) -> None:
    faults.change({"throttle": 1})
    assert layer.post("/conversations", {"participants": ["ann"]}).headers["Retry-After"] == "1"
    assert send_sms().headers["Retry-After"] == "1"


def test_deliveries_can_be_repeated(layer: Layer, receiver: Receiver) -> None:
    layer.register(receiver.url, "message.sent")
    deliver_due()
    faults.change({"repeat": 1})
    layer.say(layer.conversation("ann"), "ann", "hello")
    deliver_due()
    first, second = receiver.posts
    assert (first.body, first.headers) == (second.body, second.headers)


def test_deliveries_can_come_out_of_order(layer: Layer, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.shuffle", lambda rows: rows.reverse())
    layer.register(receiver.url, "message.sent")
    deliver_due()
    faults.change({"reorder": 1})
    conversation = layer.conversation("ann")
    for text in ("first", "second"):
        layer.say(conversation, "ann", text)
    deliver_due()
    assert [b"second" in call.body for call in receiver.posts] == [True, False]


def test_settings_give_the_start_and_a_call_changes_it(layer: Layer, settings: Settings) -> None:
    settings.SIMULATOR_FAULTS = {"unavailable": 1}
    assert layer.post("/conversations", {"participants": ["ann"]}).status == 503
    people = Client(headers={"X-Simulator": "1"})
    changed = people.post("/simulator/faults", {"unavailable": 0, "repeat": 0.5}, content_type="application/json")
    assert (changed.json()["unavailable"], changed.json()["repeat"]) == (0, 0.5)
    assert people.get("/simulator/faults").json() == changed.json()
    assert layer.post("/conversations", {"participants": ["ann"]}).status == 201
