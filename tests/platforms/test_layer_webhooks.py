"""Registering, listing, activating and removing webhooks."""

import json

import pytest

from notifier.platforms.base import Done, Later, No, Registration
from notifier.wire import Request
from tests.platforms.layer_cases import APP, BASE, TOKEN, WEBHOOK, answer, layer, refusal

HEADERS = {"Accept": "application/vnd.layer.webhooks+json; version=1.0", "Authorization": f"Bearer {TOKEN}"}
LISTED = {
    "id": f"layer:///apps/{APP}/webhooks/{WEBHOOK}",
    "url": f"{BASE}/webhooks/{WEBHOOK}",
    "version": "1.0",
    "target_url": "https://us.example/webhooks/chat/layer/",
    "events": ["message.sent", "conversation.participants_updated"],
    "status": "inactive",
    "status_reason": "Answered 500 at the handshake",
    "created_at": "2016-02-03T01:13:49.023Z",
    "config": {"name": "smsbridge"},
}
REGISTRATION = Registration(
    id=WEBHOOK,
    url="https://us.example/webhooks/chat/layer/",
    name="smsbridge",
    events=frozenset({"message.sent", "conversation.updated.participants"}),
    status="inactive",
    reason="Answered 500 at the handshake",
)


def test_it_registers_with_everything_that_layer_wants() -> None:
    request = layer().register_webhook_request(
        url="https://us.example/", name="smsbridge", events=("message.sent",), secret="s3cret"
    )
    assert (request.method, request.url) == ("POST", f"{BASE}/webhooks")
    assert request.headers == {**HEADERS, "Content-Type": "application/json"}
    assert json.loads(request.body) == {
        "version": "1.0",
        "target_url": "https://us.example/",
        "events": ["message.sent"],
        "secret": "s3cret",
        "config": {"name": "smsbridge"},
    }


def test_it_asks_the_webhooks_api() -> None:
    platform = layer()
    one = f"{BASE}/webhooks/{WEBHOOK}"
    assert platform.list_webhooks_request() == Request("GET", f"{BASE}/webhooks", HEADERS)
    assert platform.get_webhook_request(WEBHOOK) == Request("GET", one, HEADERS)
    assert platform.activate_webhook_request(WEBHOOK) == Request("POST", f"{one}/activate", HEADERS)
    assert platform.delete_webhook_request(WEBHOOK) == Request("DELETE", one, HEADERS)


def test_it_reads_a_webhook() -> None:
    assert layer().webhook(answer(201, LISTED)) == Done(REGISTRATION)


def test_it_reads_the_list() -> None:
    assert layer().webhooks(answer(200, [LISTED, LISTED])) == Done([REGISTRATION, REGISTRATION])
    assert layer().webhooks(answer(200, [])) == Done([])


def test_it_reads_the_names_from_before_1_0() -> None:
    old = {name: value for name, value in LISTED.items() if name not in ("events", "config")}
    old |= {"event_types": LISTED["events"], "target_config": LISTED["config"]}
    assert layer().webhook(answer(200, old)) == Done(REGISTRATION)


def test_it_reads_a_webhook_that_is_not_ours() -> None:
    reading = layer().webhook(answer(200, {"id": WEBHOOK, "config": {}, "events": None}))
    assert reading == Done(Registration(id=WEBHOOK, url="", name=None, events=frozenset(), status="unknown"))


@pytest.mark.parametrize(("status", "active"), [("active", True), ("unverified", False), ("inactive", False)])
def test_it_knows_an_active_webhook(status: str, active: bool) -> None:
    reading = layer().webhook(answer(200, {**LISTED, "status": status}))
    assert isinstance(reading, Done)
    assert reading.value.active is active


@pytest.mark.parametrize("entry", [7, None, {}, {"id": "x"}, {**LISTED, "config": []}])
def test_it_reads_no_part_of_a_list_that_might_hold_ours(entry: object) -> None:
    assert isinstance(layer().webhooks(answer(200, [LISTED, entry])), Later)


@pytest.mark.parametrize("status", [200, 204, 404, 410])
def test_it_counts_a_webhook_that_is_gone_as_deleted(status: int) -> None:
    assert layer().webhook_deleted(answer(status)) == Done(None)


def test_it_says_when_the_registration_is_refused() -> None:
    reading = layer().webhook(refusal(422, 104, "missing_property"))
    assert reading == No("Layer answered 422 (missing_property, code 104): it would be refused again")
