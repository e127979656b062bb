"""Conversations of the simulated chat server (Layer's server API 1.0)."""

from typing import Any
from uuid import uuid4

import pytest

from tests.simulator.layer_caller import APP, STRANGE, Answered, Layer


def edit(layer: Layer, uid: str, *operations: dict[str, Any]) -> Answered:
    return layer.call("PATCH", f"/conversations/{uid}", list(operations))


def test_it_creates_a_conversation(layer: Layer) -> None:
    answered = layer.post("/conversations", {"participants": ["ben", "ann"], "metadata": {"stats": {"n": "3"}}})
    made = answered.json
    assert answered.status == 201
    assert made["id"] == f"layer:///conversations/{answered.uid}"
    assert made["url"] == f"https://api.layer.com/apps/{APP}/conversations/{answered.uid}"
    assert made["messages_url"] == f"{made['url']}/messages"
    assert (set(made["participants"]), made["distinct"]) == ({"ann", "ben"}, False)
    assert made["metadata"] == {"stats": {"n": "3"}}
    assert layer.get(f"/conversations/{answered.uid}").json == made


@pytest.mark.parametrize(
    ("content", "error", "name"),
    [
        ({}, (422, 104, "missing_property"), "participants"),
        ({"participants": None}, (422, 104, "missing_property"), "participants"),
        ({"participants": []}, (422, 105, "invalid_property"), "participants"),
        ({"participants": "ann"}, (422, 105, "invalid_property"), "participants"),
        ({"participants": [1]}, (422, 105, "invalid_property"), "participants"),
        ({"participants": ["ann"], "distinct": "yes"}, (422, 105, "invalid_property"), "distinct"),
        ({"participants": ["ann"], "metadata": []}, (422, 105, "invalid_property"), "metadata"),
        ({"participants": ["ann"], "metadata": {"a": {"b": 1}}}, (422, 105, "invalid_property"), "metadata.a.b"),
    ],
)
def test_it_names_the_property_that_is_wrong(layer: Layer, content: Any, error: Any, name: str) -> None:
    answered = layer.post("/conversations", content)
    assert answered.error == error
    assert answered.json["data"] == {"property": name}


def test_it_takes_the_deduplication_key_for_the_id(layer: Layer) -> None:
    key = str(uuid4())
    first = layer.post("/conversations", {"participants": ["ann"]}, If_None_Match=key)
    again = layer.post("/conversations", {"participants": ["ben"]}, If_None_Match=key.upper())
    assert (first.status, first.uid) == (201, key)
    assert (again.status, again.json) == (200, first.json)


def test_it_finds_a_distinct_conversation_whatever_the_order(layer: Layer) -> None:
    first = layer.post("/conversations", {"participants": ["ann", "ben"], "distinct": True, "metadata": {"a": "b"}})
    for metadata in ({}, {"metadata": None}, {"metadata": {"a": "b"}}):
        again = layer.post("/conversations", {"participants": ["ben", "ann", "ben"], "distinct": True, **metadata})
        assert (again.status, again.json) == (200, first.json)
        assert again.headers["Location"] == first.json["url"]
    assert layer.post("/conversations", {"participants": ["ann", "ben"]}).status == 201


def test_it_answers_a_conflict_with_the_distinct_conversation_of_other_metadata(layer: Layer) -> None:
    first = layer.post("/conversations", {"participants": ["ann", "ben"], "distinct": True})
    content = {"participants": ["ann", "ben"], "distinct": True, "metadata": {"a": "b"}}
    again = layer.post("/conversations", content)
    assert again.error == (409, 108, "conflict")
    assert again.json["data"] == first.json


def test_a_change_of_participants_ends_distinctness(layer: Layer) -> None:
    content = {"participants": ["ann", "ben"], "distinct": True}
    first = layer.post("/conversations", content)
    edit(layer, first.uid, {"operation": "add", "property": "participants", "value": "ben"})
    assert layer.post("/conversations", content).uid == first.uid
    edit(layer, first.uid, {"operation": "add", "property": "participants", "value": "carla"})
    assert layer.get(f"/conversations/{first.uid}").json["distinct"] is False
    assert layer.post("/conversations", content).status == 201


def test_it_changes_participants(layer: Layer) -> None:
    uid = layer.conversation("ann", "ben")
    answered = edit(
        layer,
        uid,
        {"operation": "add", "property": "participants", "value": "ben"},
        {"operation": "add", "property": "participants", "value": ["carla", "dan"]},
        {"operation": "remove", "property": "participants", "value": "stranger"},
        {"operation": "remove", "property": "participants", "value": "ann"},
    )
    assert (answered.status, answered.raw) == (204, b"")
    assert layer.get(f"/conversations/{uid}").json["participants"] == ["ben", "carla", "dan"]
    edit(layer, uid, {"operation": "set", "property": "participants", "value": ["eve"]})
    assert layer.get(f"/conversations/{uid}").json["participants"] == ["eve"]


def test_it_changes_metadata(layer: Layer) -> None:
    uid = layer.conversation("ann", metadata={"keep": "1", "go": "2"})
    edit(
        layer,
        uid,
        {"operation": "set", "property": "metadata.a.b", "value": "c"},
        {"operation": "delete", "property": "metadata.go"},
        {"operation": "delete", "property": "metadata.no.such"},
    )
    assert layer.get(f"/conversations/{uid}").json["metadata"] == {"keep": "1", "a": {"b": "c"}}
    edit(layer, uid, {"operation": "set", "property": "metadata", "value": {"new": "1"}})
    assert layer.get(f"/conversations/{uid}").json["metadata"] == {"new": "1"}


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ({"property": "participants", "value": "ann"}, (422, 104, "missing_property")),
        ({"operation": "add", "value": "ann"}, (422, 104, "missing_property")),
        ({"operation": "add", "property": "participants"}, (422, 104, "missing_property")),
        ({"operation": "add", "property": "participants", "value": 7}, (422, 105, "invalid_property")),
        ({"operation": "bless", "property": "participants", "value": "ann"}, (422, 9, "invalid_operation")),
        ({"operation": "add", "property": "metadata.a", "value": "b"}, (422, 9, "invalid_operation")),
        ({"operation": "set", "property": "metadata.a", "value": 7}, (422, 105, "invalid_property")),
        ({"operation": "set", "property": "metadata.x.y", "value": "b"}, (422, 105, "invalid_property")),
        ({"operation": "set", "property": "distinct", "value": "b"}, (422, 105, "invalid_property")),
    ],
)
def test_it_applies_all_operations_or_none(layer: Layer, operation: Any, error: Any) -> None:
    uid = layer.conversation("ann", metadata={"x": "string"})
    good = {"operation": "add", "property": "participants", "value": "ben"}
    assert edit(layer, uid, good, operation).error == error
    assert layer.get(f"/conversations/{uid}").json["participants"] == ["ann"]


def test_a_deleted_conversation_is_gone(layer: Layer) -> None:
    uid = layer.conversation("ann", "ben", distinct=True)
    message = layer.say(uid, "ann", "hello").uid
    for _ in range(2):
        assert layer.call("DELETE", f"/conversations/{uid}").status == 204
    for path in (f"/conversations/{uid}", f"/conversations/{uid}/messages", f"/conversations/{uid}/messages/{message}"):
        assert layer.get(path).status == 410
    assert layer.say(uid, "ann", "too late").status == 410
    assert layer.get(f"/users/ann/messages/{message}").status == 404
    assert layer.conversation("ann", "ben", distinct=True) != uid


@pytest.mark.parametrize("uid", [STRANGE, "nonsense"])
def test_it_does_not_find_a_strange_conversation(layer: Layer, uid: str) -> None:
    for method in ("GET", "DELETE"):
        assert layer.call(method, f"/conversations/{uid}").error == (404, 102, "not_found")
    assert edit(layer, uid).error == (404, 102, "not_found")


def test_it_takes_ids_in_each_form(layer: Layer) -> None:
    uid = layer.conversation("ann")
    for form in (uid.upper(), f"layer:///conversations/{uid}", f"layer:%2F%2F%2Fconversations%2F{uid}"):
        assert layer.get(f"/conversations/{form}").uid == uid


def test_people_who_blocked_each_other_cannot_be_brought_together(layer: Layer) -> None:
    uid = layer.conversation("ann", "carla")
    layer.post("/users/ann/blocks", {"user_id": "ben"})
    assert layer.post("/conversations", {"participants": ["ann", "ben"]}).error == (422, 110, "participant_blocked")
    add = {"operation": "add", "property": "participants", "value": "ben"}
    assert edit(layer, uid, add).error == (422, 110, "participant_blocked")
