"""Identities and blocks of the simulated chat server (Layer's server API 1.0)."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.simulator.layer_caller import Layer

WHOLE = {
    "display_name": "John Doe",
    "first_name": "John",
    "last_name": "Doe",
    "avatar_url": "https://example.com/avatar.png",
    "phone_number": "+1 (415) 555-0101",
    "email_address": "john@example.com",
    "public_key": "<RSA Key>",
    "metadata": {"level": "35"},
}
PATH = "/users/john/identity"


def test_it_keeps_an_identity_as_given(layer: Layer) -> None:
    answered = layer.post(PATH, WHOLE)
    assert (answered.status, answered.raw) == (201, b"")
    assert layer.get(PATH).json.items() >= WHOLE.items()


def test_unset_fields_are_null(layer: Layer) -> None:
    layer.post(PATH, {"display_name": "John"})
    shown = layer.get(PATH).json
    assert [shown[name] for name in ("first_name", "phone_number", "metadata")] == [None, None, None]


def test_a_second_identity_is_a_conflict(layer: Layer) -> None:
    layer.post(PATH, WHOLE)
    assert layer.post(PATH, WHOLE).error == (409, 108, "conflict")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_it_does_not_find_an_identity_that_was_never_made(layer: Layer, method: str) -> None:
    content: Any = [] if method == "PATCH" else WHOLE
    assert layer.call(method, PATH, content).error == (404, 102, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("change", "code", "name"),
    [
        ({"display_name": None}, 104, "display_name"),
        ({"display_name": ""}, 104, "display_name"),
        ({"display_name": "x" * 129}, 105, "display_name"),
        ({"first_name": "x" * 129}, 105, "first_name"),
        ({"avatar_url": "x" * 1025}, 105, "avatar_url"),
        ({"phone_number": "1" * 33}, 105, "phone_number"),
        ({"email_address": "x" * 256}, 105, "email_address"),
        ({"phone_number": 14155550101}, 105, "phone_number"),
        ({"metadata": {"a": {"b": "nested"}}}, 105, "metadata"),
        ({"metadata": {str(n): "x" for n in range(17)}}, 105, "metadata"),
    ],
)
def test_it_holds_the_limits(layer: Layer, method: str, change: Any, code: int, name: str) -> None:
    if method == "PUT":
        layer.post(PATH, WHOLE)
    answered = layer.call(method, PATH, WHOLE | change)
    assert (answered.status, answered.json["code"], answered.json["data"]) == (422, code, {"property": name})


def test_put_replaces_everything(layer: Layer) -> None:
    layer.post(PATH, WHOLE)
    assert layer.call("PUT", PATH, {"display_name": "Johnny"}).status == 204
    shown = layer.get(PATH).json
    assert (shown["display_name"], shown["phone_number"]) == ("Johnny", None)


def test_patch_changes_what_it_names(layer: Layer) -> None:
    layer.post(PATH, WHOLE)
    operations = [
        {"operation": "set", "property": "phone_number", "value": "14155550101"},
        {"operation": "set", "property": "metadata.colour", "value": "blue"},
        {"operation": "delete", "property": "metadata.level"},
        {"operation": "delete", "property": "last_name"},
    ]
    assert layer.call("PATCH", PATH, operations).status == 204
    shown = layer.get(PATH).json
    assert (shown["phone_number"], shown["metadata"], shown["last_name"]) == ("14155550101", {"colour": "blue"}, None)
    assert shown["first_name"] == "John"


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"operation": "set", "property": "shoe_size", "value": "7"}, 105),
        ({"operation": "set", "property": "phone_number.x", "value": "7"}, 105),
        ({"operation": "add", "property": "phone_number", "value": "7"}, 9),
        ({"operation": "delete", "property": "display_name"}, 104),
        ({"operation": "set", "property": "metadata.a", "value": 7}, 105),
        ({"operation": "set", "property": "metadata", "value": "flat"}, 105),
    ],
)
def test_patch_refuses_what_an_identity_has_not(layer: Layer, operation: Any, code: int) -> None:
    layer.post(PATH, WHOLE)
    answered = layer.call("PATCH", PATH, [operation])
    assert (answered.status, answered.json["code"]) == (422, code)
    assert layer.get(PATH).json.items() >= WHOLE.items()


def test_a_deleted_identity_is_not_found_but_the_user_is_known(layer: Layer) -> None:
    layer.post(PATH, WHOLE)
    assert layer.call("DELETE", PATH).status == 204
    assert layer.get(PATH).status == 404
    assert layer.get("/users/john/conversations").json == []


@pytest.mark.parametrize("user", ["a/b", "ann?x#y%z", "layer:///identities/ann", "Ärger 😀", "a/identity", "x" * 900])
def test_user_ids_hold_any_characters(layer: Layer, user: str) -> None:
    path = f"/users/{quote(user, safe='')}/identity"
    assert layer.post(path, {"display_name": user[:100]}).status == 201
    assert layer.get(path).json["user_id"] == user
    message = layer.say(layer.conversation(user, "ben"), "ben", "hello").uid
    assert layer.receipt(user, message, "read").status == 204


def test_it_keeps_a_list_of_blocked_users(layer: Layer) -> None:
    layer.conversation("ann", "ben")
    for _ in range(2):
        assert layer.post("/users/ann/blocks", {"user_id": "ben"}).status == 204
    assert layer.get("/users/ann/blocks").json == [{"user_id": "ben"}]
    assert layer.get("/users/ben/blocks").json == []
    assert layer.call("DELETE", "/users/ann/blocks/ben").status == 204
    assert layer.get("/users/ann/blocks").json == []
    assert layer.post("/users/ann/blocks", {}).error == (422, 104, "missing_property")
    assert layer.get("/users/nobody/blocks").error == (404, 102, "not_found")
