"""Who may call, in which version, with which method, and in what form errors come (Layer's server API 1.0)."""

from uuid import uuid4

import pytest
from pytest_django import Settings

from tests.simulator.layer_caller import APP, HOOKS, STRANGE, TOKEN, Layer

BODY = {"participants": ["ann", "ben"]}


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"{TOKEN}"])
def test_it_wants_the_bearer_token(layer: Layer, given: str | None) -> None:
    assert layer.post("/conversations", BODY, Authorization=given).error == (401, 4, "authentication_required")


def test_it_serves_one_application_only(layer: Layer) -> None:
    answered = layer.get(f"/simulator/layer/apps/{uuid4()}/conversations/{uuid4()}")
    assert answered.error == (403, 2, "invalid_app_id")


@pytest.mark.parametrize("setting", [f"layer:///apps/staging/{APP}", f"layer:///apps/production/{APP.upper()}"])
def test_its_application_id_may_be_set_in_any_form(layer: Layer, settings: Settings, setting: str) -> None:
    settings.SIMULATOR_APP_ID = setting
    assert layer.post("/conversations", BODY).status == 201


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "application/vnd.layer+json", "application/vnd.layer+json; version=2.0"]
)
def test_it_refuses_any_other_accept_header(layer: Layer, accept: str | None) -> None:
    answered = layer.post("/conversations", BODY, Accept=accept)
    assert answered.error == (406, 107, "invalid_header")
    assert answered.json["data"] == {"header": "Accept"}


@pytest.mark.parametrize(
    "accept", ["application/vnd.layer+json;version=1.0", "application/vnd.layer+json; version=1.1"]
)
def test_it_speaks_versions_1_0_and_1_1(layer: Layer, accept: str) -> None:
    assert layer.post("/conversations", BODY, Accept=accept).status == 201


def test_it_keeps_the_two_accept_headers_apart(layer: Layer) -> None:
    assert layer.get("/webhooks").error == (406, 107, "invalid_header")
    assert layer.get("/webhooks", Accept=HOOKS).status == 200
    assert layer.post("/conversations", BODY, Accept=HOOKS).status == 406


@pytest.mark.parametrize("kind", ["text/plain", "application/vnd.layer-patch+json", ""])
def test_it_wants_json_as_content_type_of_a_body(layer: Layer, kind: str) -> None:
    answered = layer.post("/conversations", BODY, Content_Type=kind)
    assert answered.error == (406, 107, "invalid_header")
    assert answered.json["data"] == {"header": "Content-Type"}


def test_it_wants_the_patch_content_type_for_a_patch(layer: Layer) -> None:
    path = f"/conversations/{layer.conversation('ann')}"
    assert layer.call("PATCH", path, [], Content_Type="application/json").error == (406, 107, "invalid_header")
    assert layer.call("PATCH", path, []).status == 204


def test_it_takes_a_post_that_says_it_is_a_patch(layer: Layer) -> None:
    uid = layer.conversation("ann")
    operations = [{"operation": "add", "property": "participants", "value": "ben"}]
    kind = "application/vnd.layer-patch+json"
    answered = layer.post(f"/conversations/{uid}", operations, X_HTTP_Method_Override="PATCH", Content_Type=kind)
    assert (answered.status, answered.raw) == (204, b"")
    assert layer.get(f"/conversations/{uid}").json["participants"] == ["ann", "ben"]


@pytest.mark.parametrize("body", [b" ", b"{", b"nonsense", b"\xff\xfe", b"[" * 100_000])
def test_it_refuses_a_body_that_is_no_json(layer: Layer, body: bytes) -> None:
    assert layer.post("/conversations", body).error == (400, 10, "invalid_request")


def test_it_refuses_json_of_another_kind_than_expected(layer: Layer) -> None:
    assert layer.post("/conversations", ["ann"]).error == (400, 10, "invalid_request")
    path = f"/conversations/{layer.conversation('ann')}"
    assert layer.call("PATCH", path, {"operation": "add"}).error == (400, 10, "invalid_request")


@pytest.mark.parametrize("key", ["", "42", "not-a-uuid"])
def test_it_refuses_a_deduplication_key_that_is_no_uuid(layer: Layer, key: str) -> None:
    assert layer.post("/conversations", BODY, If_None_Match=key).error == (400, 3, "invalid_request_id")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/conversations", "POST"),
        ("PUT", f"/conversations/{STRANGE}", "GET, PATCH, DELETE"),
        ("PATCH", f"/conversations/{STRANGE}/messages", "GET, POST"),
        ("GET", "/announcements", "POST"),
        ("OPTIONS", "/users/ann/identity", "GET, POST, PUT, PATCH, DELETE"),
        ("GET", f"/users/ann/messages/{STRANGE}/receipts", "POST"),
    ],
)
def test_it_names_the_methods_that_are_allowed(layer: Layer, method: str, path: str, allowed: str) -> None:
    answered = layer.call(method, path)
    assert answered.error == (405, 109, "method_not_allowed")
    assert answered.headers["Allow"] == allowed


@pytest.mark.parametrize("path", ["", "/", "/nonsense", "/users/ann", "/conversations/1/2/3"])
def test_it_knows_no_other_endpoints(layer: Layer, path: str) -> None:
    assert layer.get(path).error == (404, 106, "invalid_endpoint")


def test_it_answers_in_utf_8_json(layer: Layer) -> None:
    answered = layer.post("/conversations", {"participants": ["Ärger"]})
    assert answered.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert "Ärger".encode() in answered.raw


def test_it_survives_what_no_database_can_store(layer: Layer) -> None:
    uid = layer.conversation("ann")
    body = b'{"sender": {"user_id": "ann"}, "parts": [{"mime_type": "text/plain", "body": "a\\u0000b\\ud800c"}]}'
    answered = layer.post(f"/conversations/{uid}/messages", body)
    assert answered.json["parts"][0]["body"] == "ab�c"
