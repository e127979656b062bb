"""The chat platforms' way in: nothing is kept that is not proven, and nothing is answered 2xx that is not kept."""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from notifier import doorbell
from notifier.models import Hook, InboxEvent
from notifier.services.hooks import forget_hooks
from notifier.sql import fetch
from notifier.views import chat_webhook
from tests.factories import (
    SECRET,
    body_of,
    chat_app,
    deliver,
    layer_event,
    listening_hook,
    receipts_hook,
    signature,
    vendor_account,
)
from tests.notifier.listeners import Rings
from tests.threads import times, together

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def hook(db: None) -> Hook:
    return receipts_hook()


def url(hook: Hook) -> str:
    return f"/webhooks/chat/{hook.slug}/"


# The handshake


def test_it_echoes_a_challenge_as_plain_text(client: Client, hook: Hook) -> None:
    answer = client.get(url(hook), {"verification_challenge": "abc-123_~."})
    assert (answer.status_code, answer.content) == (200, b"abc-123_~.")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("challenge", ["<script>alert(1)</script>", "a" * 257, "", "a b"])
def test_it_echoes_no_other_challenge(client: Client, hook: Hook, challenge: str) -> None:
    answer = client.get(url(hook), {"verification_challenge": challenge})
    assert answer.status_code == 400
    assert challenge == "" or challenge.encode() not in answer.content


def test_a_head_request_has_no_body(client: Client, hook: Hook) -> None:
    answer = client.head(url(hook), {"verification_challenge": "abc"})
    assert (answer.status_code, answer.content) == (200, b"")


# Proof


@pytest.mark.parametrize("headers", [{}, {"layer-webhook-signature": ""}, {"layer-webhook-signature": "0" * 40}])
def test_a_delivery_that_is_not_signed_is_refused(client: Client, hook: Hook, headers: dict[str, str]) -> None:
    answer = client.post(url(hook), body_of(layer_event()), content_type="application/json", headers=headers)
    assert answer.status_code == 403
    assert not InboxEvent.objects.exists()


def test_the_signature_is_of_the_raw_bytes(client: Client, hook: Hook) -> None:
    body = body_of(layer_event())
    told = {"layer-webhook-signature": signature(body)}
    answer = client.post(url(hook), body + b" ", content_type="application/json", headers=told)
    assert answer.status_code == 403


def test_both_secrets_count_while_one_is_changed(client: Client) -> None:
    hook = receipts_hook(secret="new, old")
    assert [deliver(client, hook, layer_event(), secret=s).status_code for s in ("new", "old", "older")] == [
        204,
        204,
        403,
    ]


def test_without_a_secret_nothing_is_believed(client: Client) -> None:
    hook = receipts_hook(secret="")
    assert deliver(client, hook, layer_event(), secret="").status_code == 403


def _webhook_paths() -> Iterator[str]:
    def walk(patterns: list[Any], prefix: str) -> Iterator[str]:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, path)
            elif isinstance(pattern, URLPattern) and path.startswith("webhooks/"):
                yield path

    yield from walk(get_resolver().url_patterns, "")


def _matrix_hook() -> Hook:
    options = {"homeserver_url": "http://127.0.0.1:9", "server_name": "chat.test"}
    return receipts_hook(chat_app(platform="matrix", options=options, secrets={"as_token": "token"}))


#: what stands for each part of a path that is open: addresses that some platform has, and one that none has
_RESTS = ("_matrix/app/v1/transactions/1", "_matrix/app/v1/ping", "_matrix/app/v1/users/@ben:chat.test", "nowhere")


def _addresses(path: str, slugs: dict[str, list[str]]) -> Iterator[str]:
    for slug in slugs[path.split("/")[1]]:
        with_slug = "/" + path.replace("<slug:slug>", slug)
        for rest in _RESTS if "<path:rest>" in with_slug else ("",):
            address = with_slug.replace("<path:rest>", rest)
            assert "<" not in address
            yield address


def test_every_way_in_refuses_what_is_not_signed(client: Client, hook: Hook) -> None:
    vendor_account("fake")
    slugs = {"chat": [hook.slug, _matrix_hook().slug], "sms": ["fake"]}
    data = {"id": "1", "from": "+15550001111", "to": "+15550002222", "text": "hi", "msisdn": "15550001111"}
    paths = list(_webhook_paths())
    assert len(paths) >= 4
    for address in [address for path in paths for address in _addresses(path, slugs)]:
        for send in (client.post, client.put):
            for content_type in ("application/json", "application/x-www-form-urlencoded"):
                answer = send(address, json.dumps(data), content_type=content_type)
                assert answer.status_code in (400, 403, 404, 405), address
        if "/sms/" in address:
            assert client.get(address, data).status_code in (400, 403, 405), address
    assert not InboxEvent.objects.exists()


# Addresses below a hook's own


@pytest.mark.parametrize("rest", ["nowhere", "nowhere/", "_matrix/app/v1/ping", "a%2Fb", ".."])
@pytest.mark.parametrize("method", ["get", "head", "post", "put"])
def test_a_platform_that_calls_one_address_only_has_nothing_below_it(
    client: Client, hook: Hook, rest: str, method: str
) -> None:
    body = body_of(layer_event())
    headers = {"layer-webhook-signature": signature(body)}
    answer = client.generic(method.upper(), f"{url(hook)}{rest}", body, "application/json", headers=headers)
    assert answer.status_code == 404
    assert not InboxEvent.objects.exists()


def test_below_an_unknown_hook_there_is_nothing(client: Client, hook: Hook) -> None:
    assert client.put("/webhooks/chat/nobody/_matrix/app/v1/transactions/1", b"{}").status_code == 404


@pytest.mark.parametrize(("token", "status"), [("", 403), ("Bearer wrong", 403), (f"Bearer {SECRET}", 200)])
def test_a_platform_that_has_such_addresses_proves_itself_at_each(client: Client, token: str, status: int) -> None:
    place = url(_matrix_hook())
    headers = {"authorization": token} if token else {}
    event = {"type": "m.room.message", "event_id": "$1", "room_id": "!1", "sender": "@ann:chat.test", "content": {}}
    told = json.dumps({"events": [event]})
    answers = [
        client.put(f"{place}_matrix/app/v1/transactions/1", told, "application/json", headers=headers),
        client.post(f"{place}_matrix/app/v1/ping", "{}", "application/json", headers=headers),
    ]
    assert [(answer.status_code, answer["Content-Type"]) for answer in answers] == [(status, "application/json")] * 2
    assert InboxEvent.objects.count() == (status == 200)


def _large_transaction(events: int = 100) -> bytes:
    """As large as a homeserver may make one of ordinary messages: 64 kB each."""
    common = {"type": "m.room.message", "room_id": "!1", "sender": "@ann:chat.test"}
    content = {"msgtype": "m.text", "body": "x" * 60_000}
    told = [{**common, "event_id": f"${number}", "content": content} for number in range(events)]
    return json.dumps({"events": told}).encode()


@pytest.mark.parametrize(("token", "status"), [("wrong", 403), (SECRET, 200)])
def test_a_large_transaction_is_read_after_its_token_only(client: Client, token: str, status: int) -> None:
    """One that is refused comes again for ever, and everything else waits behind it."""
    body = _large_transaction()
    request = RequestFactory().put(
        f"{url(_matrix_hook())}_matrix/app/v1/transactions/1", body, headers={"authorization": f"Bearer {token}"}
    )
    slug, rest = request.path.removeprefix("/webhooks/chat/").split("/", 1)
    assert chat_webhook(request, slug, rest).status_code == status
    assert len(request.read()) == (0 if status == 200 else len(body))
    assert InboxEvent.objects.count() == (100 if status == 200 else 0)


@pytest.mark.parametrize(("place", "length"), [("transactions/1", 16 * 2**20 + 1), ("nowhere", 256 * 1024 + 1)])
def test_there_is_an_end_to_how_large_it_may_be(client: Client, place: str, length: int) -> None:
    address = f"{url(_matrix_hook())}_matrix/app/v1/{place}"
    headers = {"authorization": f"Bearer {SECRET}"}
    answer = client.put(address, b"x", "application/json", headers=headers, CONTENT_LENGTH=str(length))
    assert (answer.status_code, answer["Content-Type"]) == (413, "application/json")


# What is accepted


def test_a_delivery_is_stored_as_it_came_before_it_is_answered(client: Client, hook: Hook, rings: Rings) -> None:
    conversation, body = uuid.uuid4(), body_of(layer_event(conversation=(place := uuid.uuid4())))
    answer = deliver(client, hook, body)
    assert (answer.status_code, answer.content) == (204, b"")
    event = InboxEvent.objects.get()
    assert (bytes(event.body), event.hook_id, event.conversation) == (body, hook.pk, str(place))
    assert event.conversation != str(conversation)
    assert rings.stages == ["drain"]


def test_an_event_that_nobody_cares_about_is_taken(client: Client, hook: Hook) -> None:
    assert deliver(client, hook, layer_event("announcement.sent")).status_code == 204


def test_what_is_not_json_is_answered_400(client: Client, hook: Hook) -> None:
    answer = deliver(client, hook, b"{")
    assert answer.status_code == 400
    assert b"not JSON" in answer.content
    assert not InboxEvent.objects.exists()


def test_an_unknown_hook_is_answered_404(client: Client, hook: Hook) -> None:
    hook.slug = "nobody"
    assert deliver(client, hook, layer_event()).status_code == 404


def test_a_hook_made_after_it_was_asked_for_is_found(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifier.services.hooks._LOOK_AGAIN_SECONDS", 0.0)
    assert client.get("/webhooks/chat/later/", {"verification_challenge": "a"}).status_code == 404
    Hook.objects.create(chat_app=receipts_hook().chat_app, slug="later", name="later", delay=receipts_hook().delay)
    assert client.get("/webhooks/chat/later/", {"verification_challenge": "a"}).status_code == 200


def test_a_repeated_delivery_is_one_row(client: Client, hook: Hook) -> None:
    event = layer_event()
    assert [deliver(client, hook, event).status_code for _ in range(3)] == [204] * 3
    assert InboxEvent.objects.count() == 1


def test_two_hooks_each_have_their_own_copy(client: Client, hook: Hook) -> None:
    other, event = listening_hook(hook.chat_app), layer_event()
    deliver(client, hook, event)
    deliver(client, other, event)
    assert InboxEvent.objects.count() == 2


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_twelve_at_once_are_one_row(hook: Hook) -> None:
    event = layer_event()
    answers = times(12, lambda: deliver(Client(), hook, event).status_code)
    assert set(answers) == {204}
    assert InboxEvent.objects.count() == 1


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options"])
def test_other_methods_are_refused(client: Client, hook: Hook, method: str) -> None:
    assert getattr(client, method)(url(hook)).status_code == 405


@pytest.mark.django_db(transaction=True)
def test_a_hook_that_is_gone_is_answered_404(client: Client, hook: Hook) -> None:
    assert deliver(client, hook, layer_event()).status_code == 204
    Hook.objects.all().delete()
    assert deliver(client, hook, layer_event()).status_code == 404
    assert not InboxEvent.objects.exists()


def test_a_hook_that_cannot_be_used_does_not_stop_the_others(client: Client, hook: Hook) -> None:
    broken = receipts_hook(report_for_status=["seen"])
    assert deliver(client, hook, layer_event()).status_code == 204
    assert deliver(client, broken, layer_event()).status_code == 404


# Bodies, by the server's own entry point


def _through_the_front(hook: Hook, body: bytes, **environ: object) -> str:
    from config.wsgi import application

    statuses: list[str] = []
    base = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": url(hook),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "HTTP_LAYER_WEBHOOK_SIGNATURE": signature(body),
    }
    application({**base, **environ}, lambda status, headers: statuses.append(status))
    return statuses[0]


@pytest.mark.django_db(transaction=True)
def test_a_chunked_body_is_read(hook: Hook) -> None:
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    assert _through_the_front(hook, body_of(layer_event()), **chunked).startswith("204")
    assert InboxEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_body_over_the_limit_is_refused(hook: Hook) -> None:
    body = body_of(layer_event(text="x" * 300_000))
    assert _through_the_front(hook, body, CONTENT_LENGTH=str(len(body))).startswith("413")
    assert not InboxEvent.objects.exists()


# When something is away


def test_redis_away_neither_fails_nor_delays_it(client: Client, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, over = threading.Event(), threading.Event()

    def publish(stage: str, *, countdown: float = 0.0) -> None:
        asked.set()
        over.wait(30)
        raise ConnectionError("no Redis")

    monkeypatch.setattr(doorbell, "bell", doorbell.Bell(publish, gap=0.0))
    assert deliver(client, hook, layer_event()).status_code == 204
    assert asked.wait(10)
    assert deliver(client, hook, layer_event()).status_code == 204  # although the first ring still hangs
    over.set()
    assert InboxEvent.objects.count() == 2


@contextmanager
def _database_away() -> Iterator[None]:
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = "/nowhere/at-all"
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("known", [True, False])
def test_without_the_database_the_caller_is_to_repeat(client: Client, hook: Hook, known: bool) -> None:
    if known:
        deliver(client, hook, event := layer_event())
    else:
        event = layer_event()
    with _database_away():
        answer = deliver(client, hook, event)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert deliver(client, hook, event).status_code == 204
    assert InboxEvent.objects.count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("known", [True, False])
def test_a_connection_that_died_between_requests_is_survived(client: Client, hook: Hook, known: bool) -> None:
    assert deliver(client, hook, layer_event()).status_code == 204
    ((pid,),) = fetch("select pg_backend_pid()")
    together(lambda: fetch("select pg_terminate_backend(%(pid)s, 5000)", pid=pid))
    if not known:
        forget_hooks()
    assert deliver(client, hook, layer_event()).status_code == 204
    assert InboxEvent.objects.count() == 2
