"""Messages, receipts and announcements of the simulated chat server (Layer's server API 1.0)."""

import base64
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsbridge.simulator.models import Delivery, Message
from tests.simulator.layer_caller import APP, Answered, Layer

TEXT = [{"mime_type": "text/plain", "body": "hello"}]
RANKS = {"sent": 1, "delivery": 2, "delivered": 2, "read": 3}


def send(layer: Layer, uid: str, **content: Any) -> Answered:
    return layer.post(f"/conversations/{uid}/messages", {"sender": {"user_id": "ann"}, "parts": TEXT} | content)


def status(layer: Layer, uid: str, message: str) -> Any:
    return layer.get(f"/conversations/{uid}/messages/{message}").json["recipient_status"]


def test_it_sends_a_message_as_a_user(layer: Layer) -> None:
    uid = layer.conversation("ann", "ben")
    answered = send(layer, uid)
    made = answered.json
    assert answered.status == 201
    assert made["id"] == f"layer:///messages/{answered.uid}"
    assert made["url"] == f"https://api.layer.com/apps/{APP}/messages/{answered.uid}"
    assert made["conversation"]["id"] == f"layer:///conversations/{uid}"
    assert made["parts"] == [{"id": f"{made['id']}/parts/0", **TEXT[0]}]
    assert made["sender"] == {"user_id": "ann", "name": None}
    assert made["recipient_status"] == {"ann": "read", "ben": "sent"}
    assert (made["is_unread"], made["received_at"]) == (None, None)
    assert layer.get(f"/conversations/{uid}/messages/{answered.uid}").json == made


def test_it_sends_a_message_as_a_bot(layer: Layer) -> None:
    uid = layer.conversation("ann", "ben")
    made = send(layer, uid, sender={"name": "Reminder"}, notification={"text": "Lunch", "sound": "x.aiff"}).json
    assert made["sender"] == {"user_id": None, "name": "Reminder"}
    assert made["recipient_status"] == {"ann": "sent", "ben": "sent"}
    assert "notification" not in made


@pytest.mark.parametrize(
    ("content", "error", "name"),
    [
        ({"sender": None}, (422, 104, "missing_property"), "sender"),
        ({"sender": {}}, (422, 104, "missing_property"), "sender"),
        ({"sender": "ann"}, (422, 105, "invalid_property"), "sender"),
        ({"sender": {"user_id": "ann", "name": "Bot"}}, (422, 105, "invalid_property"), "sender"),
        ({"sender": {"user_id": 7}}, (422, 105, "invalid_property"), "sender"),
        ({"parts": None}, (422, 104, "missing_property"), "parts"),
        ({"parts": []}, (422, 105, "invalid_property"), "parts"),
        ({"parts": [{"body": "x"}]}, (422, 104, "missing_property"), "parts.mime_type"),
        ({"parts": [{"mime_type": "text/plain"}]}, (422, 104, "missing_property"), "parts.body"),
        ({"parts": [{"mime_type": "text", "body": "x"}]}, (422, 105, "invalid_property"), "parts.mime_type"),
        ({"parts": [TEXT[0] | {"encoding": "rot13"}]}, (422, 105, "invalid_property"), "parts.encoding"),
        ({"parts": [TEXT[0] | {"encoding": "base64"}]}, (422, 105, "invalid_property"), "parts.body"),
        ({"notification": "x"}, (422, 105, "invalid_property"), "notification"),
        ({"notification": {"sound": 1}}, (422, 105, "invalid_property"), "notification.sound"),
        ({"schedule": {"delay_in_seconds": 0}}, (422, 105, "invalid_property"), "schedule.delay_in_seconds"),
        ({"schedule": {"delay_in_seconds": 301}}, (422, 105, "invalid_property"), "schedule.delay_in_seconds"),
    ],
)
def test_it_names_the_property_that_is_wrong(layer: Layer, content: Any, error: Any, name: str) -> None:
    answered = send(layer, layer.conversation("ann"), **content)
    assert answered.error == error
    assert answered.json["data"] == {"property": name}


def test_it_refuses_a_sender_who_is_no_participant(layer: Layer) -> None:
    answered = send(layer, layer.conversation("ann"), sender={"user_id": "ben"})
    assert answered.error == (403, 101, "access_denied")


@pytest.mark.parametrize("text", ["x" * 2048, "ä" * 1024, base64.b64encode(b"x" * 2048).decode()])
def test_a_part_may_have_2048_bytes(layer: Layer, text: str) -> None:
    uid = layer.conversation("ann")
    encoding = {"encoding": "base64"} if len(text) > 2048 else {}
    part = {"mime_type": "text/plain", "body": text, **encoding}
    longer = part | {"body": base64.b64encode(b"x" * 2049).decode() if encoding else text + "x"}
    assert send(layer, uid, parts=[part, part]).json["parts"][1] == part | {
        "id": send_id(layer, uid) + "/parts/1",
    }
    assert send(layer, uid, parts=[longer]).error == (422, 105, "invalid_property")


def send_id(layer: Layer, uid: str) -> str:
    return str(layer.get(f"/conversations/{uid}/messages").json[0]["id"])


def test_it_takes_the_deduplication_key_for_the_id(layer: Layer) -> None:
    uid, key = layer.conversation("ann", "ben"), uuid4()
    first = layer.say(uid, "ann", "hello", key)
    layer.receipt("ben", first.uid, "read")
    again = layer.say(uid, "ann", "another text", key)
    assert (first.status, first.uid, again.status, again.uid) == (201, str(key), 200, str(key))
    assert again.json["parts"] == first.json["parts"]
    assert again.json["recipient_status"] == {"ann": "read", "ben": "read"}
    assert Message.objects.count() == 1


def test_a_repeated_key_does_not_revive_a_deleted_message(layer: Layer) -> None:
    uid, key = layer.conversation("ann"), uuid4()
    layer.say(uid, "ann", "hello", key)
    layer.call("DELETE", f"/conversations/{uid}/messages/{key}")
    assert layer.say(uid, "ann", "hello", key).status == 200
    assert layer.get(f"/conversations/{uid}/messages").json == []


def test_receipts_raise_the_status(layer: Layer) -> None:
    uid = layer.conversation("ann", "ben")
    message = layer.say(uid, "ann", "hello").uid
    for kind, expected in (("delivery", "delivered"), ("read", "read"), ("delivery", "read")):
        answered = layer.receipt("ben", f"layer:%2F%2F%2Fmessages%2F{message}", kind)
        assert (answered.status, answered.raw) == (204, b"")
        assert status(layer, uid, message) == {"ann": "read", "ben": expected}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(st.sampled_from(["delivery", "read"]), max_size=4))
def test_a_status_only_ever_rises(layer: Layer, kinds: list[str]) -> None:
    uid = layer.conversation("ann", "ben")
    message = layer.say(uid, "ann", "hello").uid
    best = 1
    for kind in kinds:
        layer.receipt("ben", message, kind)
        best = max(best, RANKS[kind])
        assert RANKS[status(layer, uid, message)["ben"]] == best


@pytest.mark.parametrize(("content", "code"), [({}, 104), ({"type": None}, 104), ({"type": "seen"}, 105)])
def test_it_refuses_a_receipt_of_no_known_type(layer: Layer, content: Any, code: int) -> None:
    message = layer.say(layer.conversation("ann"), "ann", "hello").uid
    answered = layer.post(f"/users/ann/messages/{message}/receipts", content)
    assert (answered.status, answered.json["code"]) == (422, code)


def test_only_a_participant_has_receipts(layer: Layer) -> None:
    message = layer.say(layer.conversation("ann"), "ann", "hello").uid
    layer.conversation("carla")
    assert layer.receipt("carla", message, "read").error == (404, 102, "not_found")
    assert layer.receipt("nobody", message, "read").error == (404, 102, "not_found")


def test_a_later_member_is_not_in_the_map_of_older_messages(layer: Layer) -> None:
    uid = layer.conversation("ann", "ben")
    message = layer.say(uid, "ann", "hello").uid
    add = [{"operation": "add", "property": "participants", "value": "carla"}]
    layer.call("PATCH", f"/conversations/{uid}", add)
    assert layer.receipt("carla", message, "read").status == 204
    assert status(layer, uid, message) == {"ann": "read", "ben": "sent"}
    assert layer.get(f"/users/carla/messages/{message}").json["is_unread"] is False


def test_a_user_sees_whether_he_has_read(layer: Layer) -> None:
    uid = layer.conversation("ann", "ben")
    message = layer.say(uid, "ann", "hello").uid
    path = f"/users/ben/messages/{message}"
    before = layer.get(path).json
    assert (before["is_unread"], before["received_at"]) == (True, None)
    assert before["url"] == f"https://api.layer.com/apps/{APP}/users/ben/messages/{message}"
    layer.receipt("ben", message, "read")
    after = layer.get(path).json
    assert after["is_unread"] is False
    assert after["received_at"].endswith("Z")


def test_a_deleted_message_is_not_found(layer: Layer) -> None:
    uid = layer.conversation("ann", "ben")
    message = layer.say(uid, "ann", "hello").uid
    path = f"/conversations/{uid}/messages/{message}"
    assert layer.call("DELETE", path).status == 204
    assert layer.get(path).error == (404, 102, "not_found")
    assert layer.call("DELETE", path).error == (404, 102, "not_found")
    assert layer.receipt("ben", message, "read").error == (404, 102, "not_found")


def test_a_message_is_found_in_its_own_conversation_only(layer: Layer) -> None:
    message = layer.say(layer.conversation("ann"), "ann", "hello").uid
    assert layer.get(f"/conversations/{layer.conversation('ann')}/messages/{message}").status == 404


def test_a_scheduled_message_is_seen_when_its_time_has_come(layer: Layer) -> None:
    uid = layer.conversation("ann", "ben")
    later = send(layer, uid, schedule={"delay_in_seconds": 300})
    assert later.status == 201
    assert layer.get(f"/conversations/{uid}/messages").json == []
    Message.objects.update(sent_at="2016-02-03T01:13:49Z")
    assert layer.get(f"/conversations/{uid}/messages").json[0]["id"] == later.json["id"]


def test_an_announcement_is_accepted_and_makes_no_event(layer: Layer) -> None:
    layer.conversation("ann", "ben")
    content = {"recipients": ["ann", "ben"], "sender": {"name": "The System"}, "parts": TEXT}
    key = str(uuid4())
    answered = layer.post("/announcements", content, If_None_Match=key)
    assert (answered.status, answered.uid) == (202, key)
    assert {"url", "recipients", "id", "sender", "parts", "sent_at"} <= answered.json.keys()
    assert layer.post("/announcements", content, If_None_Match=key).json == answered.json
    assert layer.post("/announcements", content | {"recipients": None}).error == (422, 104, "missing_property")
    assert not Delivery.objects.exists()
