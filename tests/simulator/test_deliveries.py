"""Webhook deliveries: content, headers, signature, repeats, and what happens when they keep failing."""

import hashlib
import hmac
import json
from datetime import timedelta
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from pytest_django import Settings

from smsbridge.simulator.deliveries import deliver_due
from smsbridge.simulator.events import EVENT_TYPES
from smsbridge.simulator.models import Delivery
from tests.simulator.layer_caller import HOOKS, Layer
from tests.simulator.receiver import Answer, Got, Receiver

FIVE_RETRIES = [10, 30, 120, 300, 1200]


def listen(layer: Layer, receiver: Receiver, *events: str, **more: Any) -> str:
    """An active webhook."""
    uid = layer.register(receiver.url, *(events or sorted(EVENT_TYPES)), **more).uid
    deliver_due()
    assert layer.webhook(uid)["status"] == "active"
    return uid


def events(receiver: Receiver) -> list[Any]:
    """What was delivered so far, after delivering what is due."""
    deliver_due()
    return [json.loads(call.body) for call in receiver.posts]


def test_a_message_sent_is_told_with_the_sender_as_actor(layer: Layer, receiver: Receiver) -> None:
    listen(layer, receiver, "message.sent", config={"name": "smsbridge"})
    message = layer.say(layer.conversation("ann", "ben"), "ann", "hello").json
    (told,) = events(receiver)
    assert told["event"]["type"] == "message.sent"
    assert told["event"]["actor"] == {"user_id": "ann"}
    assert told["message"] == message
    assert told["config"] == {"name": "smsbridge"}
    assert told.keys() == {"event", "message", "config"}


def test_a_bot_is_told_by_its_name(layer: Layer, receiver: Receiver) -> None:
    listen(layer, receiver, "message.sent")
    content = {"sender": {"name": "Reminder"}, "parts": [{"mime_type": "text/plain", "body": "x"}]}
    layer.post(f"/conversations/{layer.conversation('ann')}/messages", content)
    assert events(receiver)[0]["event"]["actor"] == {"name": "Reminder"}


def test_receipts_are_told_with_the_new_map_and_only_when_something_changed(layer: Layer, receiver: Receiver) -> None:
    listen(layer, receiver, "message.delivered", "message.read")
    message = layer.say(layer.conversation("ann", "ben"), "ann", "hello").uid
    for user, kind in (("ann", "read"), ("ben", "delivery"), ("ben", "read"), ("ben", "read"), ("ben", "delivery")):
        layer.receipt(user, message, kind)
    told = sorted((event["event"]["type"], event["message"]["recipient_status"]["ben"]) for event in events(receiver))
    assert told == [("message.delivered", "delivered"), ("message.read", "read")]
    assert {event["event"]["actor"]["user_id"] for event in events(receiver)} == {"ben"}


def test_deletion_and_changes_of_conversations_are_told(layer: Layer, receiver: Receiver) -> None:
    listen(layer, receiver)
    uid = layer.conversation("ann", "ben")
    message = layer.say(uid, "ann", "hello").uid
    layer.call("DELETE", f"/conversations/{uid}/messages/{message}")
    operations = [
        {"operation": "remove", "property": "participants", "value": "ben"},
        {"operation": "set", "property": "metadata.a", "value": "b"},
    ]
    layer.call("PATCH", f"/conversations/{uid}", operations)
    layer.call("PATCH", f"/conversations/{uid}", operations)
    for _ in range(2):
        layer.call("DELETE", f"/conversations/{uid}")
    told = events(receiver)
    assert [event["event"]["type"] for event in told] == [
        "conversation.created",
        "message.sent",
        "message.deleted",
        "conversation.updated.participants",
        "conversation.updated.metadata",
        "conversation.deleted",
    ]
    assert all(("message" in event) != ("conversation" in event) for event in told)
    assert [("actor" in event["event"]) for event in told] == [False, True, False, False, False, False]
    assert told[4]["conversation"]["participants"] == ["ann"]


def test_it_signs_the_bytes_that_it_sends(layer: Layer, receiver: Receiver, settings: Settings) -> None:
    uid = listen(layer, receiver, "message.sent")
    conversation = layer.conversation("ann")
    layer.say(conversation, "ann", "Grüße 😀")
    settings.SIMULATOR_ESCAPE_NON_ASCII = True
    layer.say(conversation, "ann", "Grüße 😀")
    deliver_due()
    raw, escaped = receiver.posts
    assert "Grüße 😀".encode() in raw.body
    assert b"Gr\\u00fc\\u00dfe" in escaped.body
    for call in (raw, escaped):
        expected = hmac.new(b"s3cret", call.body, hashlib.sha1).hexdigest()
        assert call.headers["layer-webhook-signature"] == expected
        assert call.headers["layer-webhook-event-type"] == "message.sent"
        assert call.headers["layer-webhook-id"] == uid
        assert UUID(call.headers["layer-webhook-request-id"])
        assert call.headers["user-agent"] == "layer-webhooks/1.0"
        assert call.headers["content-type"] == "application/vnd.layer.webhooks+json; version=1.0"


def test_each_webhook_is_told_what_it_asked_for(layer: Layer, receiver: Receiver) -> None:
    first, second = listen(layer, receiver, "message.sent"), listen(layer, receiver, "message.sent", secret="other")
    listen(layer, receiver, "conversation.deleted")
    layer.say(layer.conversation("ann"), "ann", "hello")
    told = events(receiver)
    assert {call.headers["layer-webhook-id"] for call in receiver.posts} == {first, second}
    assert len({event["event"]["id"] for event in told}) == 2


@pytest.mark.parametrize("status", [301, 400, 404, 500, 503])
def test_a_failed_delivery_is_repeated_with_the_same_ids(layer: Layer, receiver: Receiver, status: int) -> None:
    listen(layer, receiver, "message.sent")
    good = receiver.answer
    receiver.answer = lambda call: (status, b"")
    layer.say(layer.conversation("ann"), "ann", "hello")
    deliver_due()
    receiver.answer = good
    deliver_due()
    first, second = receiver.posts
    assert first.body == second.body
    assert first.headers["layer-webhook-request-id"] == second.headers["layer-webhook-request-id"]
    assert not Delivery.objects.exists()


def test_it_waits_10_30_120_300_and_1200_units(layer: Layer, receiver: Receiver, settings: Settings) -> None:
    settings.SIMULATOR_RETRY_UNIT = timedelta(seconds=2)
    listen(layer, receiver, "message.sent")
    receiver.answer = lambda call: (500, b"")
    layer.say(layer.conversation("ann"), "ann", "hello")
    waits = []
    for _ in FIVE_RETRIES:
        deliver_due()
        waits.append((Delivery.objects.get().due_at - timezone.now()).total_seconds())
        Delivery.objects.update(due_at=timezone.now())
    assert waits == pytest.approx([2 * units for units in FIVE_RETRIES], abs=1)


def test_the_sixth_failure_makes_it_inactive_and_drops_all_that_waits(layer: Layer, receiver: Receiver) -> None:
    uid = listen(layer, receiver, "message.sent")
    receiver.answer = lambda call: (500, b"")
    conversation = layer.conversation("ann")
    layer.say(conversation, "ann", "first")
    for _ in range(5):
        deliver_due()
    layer.say(conversation, "ann", "second")
    assert layer.webhook(uid)["status"] == "active"
    deliver_due()
    bodies = [json.loads(call.body)["message"]["parts"][0]["body"] for call in receiver.posts]
    assert bodies.count("first") == 6
    assert layer.webhook(uid)["status"] == "inactive"
    assert "500" in layer.webhook(uid)["status_reason"]
    assert not Delivery.objects.exists()


def test_events_while_inactive_are_lost(layer: Layer, receiver: Receiver) -> None:
    uid = listen(layer, receiver, "message.sent")
    conversation = layer.conversation("ann")
    layer.post(f"/webhooks/{uid}/deactivate", Accept=HOOKS)
    layer.say(conversation, "ann", "lost")
    layer.post(f"/webhooks/{uid}/activate", Accept=HOOKS)
    deliver_due()
    layer.say(conversation, "ann", "told")
    assert [event["message"]["parts"][0]["body"] for event in events(receiver)] == ["told"]


def test_an_answer_after_a_second_counts_as_none(layer: Layer, receiver: Receiver) -> None:
    listen(layer, receiver, "message.sent")
    given_up = Event()

    def slow(call: Got) -> Answer:
        given_up.wait(10)
        return 204, b""

    receiver.answer = slow
    layer.say(layer.conversation("ann"), "ann", "hello")
    deliver_due()
    given_up.set()
    assert Delivery.objects.get().attempts == 1


def test_a_scheduled_message_is_told_at_its_time(layer: Layer, receiver: Receiver) -> None:
    listen(layer, receiver, "message.sent")
    content = {
        "sender": {"user_id": "ann"},
        "parts": [{"mime_type": "text/plain", "body": "x"}],
        "schedule": {"delay_in_seconds": 60},
    }
    layer.post(f"/conversations/{layer.conversation('ann')}/messages", content)
    assert events(receiver) == []
    Delivery.objects.update(due_at=timezone.now())
    assert len(events(receiver)) == 1
