"""Listening hooks: every event is told to the project's own code, once, unless a receiver refuses it."""

import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from notifier.backoff import MAX_ATTEMPTS
from notifier.models import Hook, ListenedEvent
from notifier.services import listening
from notifier.signals import event_received
from notifier.sql import database_now
from tests.factories import chat_app, deliver, drain, layer_event, listening_hook, run_stage
from tests.notifier.listeners import Rings, Told
from tests.threads import together

pytestmark = pytest.mark.django_db


@pytest.fixture
def hook(db: None) -> Hook:
    return listening_hook()


def heard(client: Client, hook: Hook, *events: dict[str, Any]) -> None:
    for event in events:
        assert deliver(client, hook, event).status_code == 204
    drain()
    run_stage("listen")


def make_due() -> None:
    ListenedEvent.objects.filter(state="waiting").update(next_at=database_now())


@pytest.mark.parametrize("kind", ["message.sent", "conversation.created", "conversation.deleted", "announcement.sent"])
def test_any_event_is_told_with_the_delivery_as_it_came(client: Client, told: Told, hook: Hook, kind: str) -> None:
    event = layer_event(kind)
    heard(client, hook, event)
    ((slug, parsed, body),) = told.events
    assert (slug, parsed.type, parsed.key, body) == (hook.slug, kind, event["event"]["id"], event)


def test_it_has_a_path_of_its_own(client: Client, told: Told, hook: Hook) -> None:
    heard(client, listening_hook(slug="orders"), layer_event())
    assert [slug for slug, _, _ in told.events] == ["orders"]


def test_a_receipts_hook_is_not_told_so(client: Client, told: Told) -> None:
    from tests.factories import receipts_hook

    heard(client, receipts_hook(), layer_event())
    assert told.events == []


def test_a_repeat_is_not_told_again(client: Client, told: Told, hook: Hook) -> None:
    event = layer_event()
    heard(client, hook, event)
    heard(client, hook, event)
    assert len(told.events) == 1
    done = ListenedEvent.objects.get()
    assert (done.state, done.body) == ("done", "")


def test_it_waits_for_its_delay(client: Client, told: Told) -> None:
    hook = listening_hook(delay=60_000)
    heard(client, hook, layer_event())
    assert told.events == []
    waiting = ListenedEvent.objects.get()
    assert waiting.next_at == waiting.received_at + timedelta(minutes=1)
    make_due()
    run_stage("listen")
    assert len(told.events) == 1


@pytest.mark.parametrize(("minutes", "rung"), [(0, 1), (5, 1), (20, 0)])
def test_it_is_rung_for_when_it_is_near(
    client: Client, rings: Rings, django_capture_on_commit_callbacks: Any, minutes: int, rung: int
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        deliver(client, listening_hook(delay=timedelta(minutes=minutes)), layer_event())
        drain()
    next_at = ListenedEvent.objects.get().next_at
    assert rings.at("listen") == [int(next_at.timestamp())] * rung


def test_a_receiver_that_raises_is_told_again_later(client: Client, told: Told, hook: Hook) -> None:
    told.raises = ValueError("a text of a user")
    heard(client, hook, layer_event())
    waiting = ListenedEvent.objects.get()
    assert (waiting.state, waiting.attempts, waiting.claim) == ("waiting", 1, None)
    assert waiting.error == "ValueError in a receiver of event_received"
    assert waiting.next_at > database_now()
    told.raises = None
    make_due()
    run_stage("listen")
    assert len(told.events) == 2
    assert ListenedEvent.objects.get().state == "done"


def test_it_is_given_up_in_the_end_and_can_be_told_again(client: Client, told: Told, hook: Hook) -> None:
    told.raises = ValueError()
    heard(client, hook, layer_event())
    for _ in range(MAX_ATTEMPTS):
        make_due()
        run_stage("listen")
    dead = ListenedEvent.objects.get()
    assert (dead.state, dead.attempts, len(told.events)) == ("dead", MAX_ATTEMPTS, MAX_ATTEMPTS)
    told.raises = None
    assert listening.tell_again([dead.pk]) == 1
    run_stage("listen")  # at once, whatever pause it had come to
    assert ListenedEvent.objects.get().state == "done"
    assert listening.tell_again([dead.pk]) == 0


def test_one_that_fails_does_not_stop_the_others(client: Client, told: Told, hook: Hook) -> None:
    heard(client, hook, layer_event(), layer_event("conversation.created"), layer_event())
    assert len(told.events) == 3


def test_an_event_that_ends_the_worker_each_time_is_given_up(client: Client, told: Told, hook: Hook) -> None:
    deliver(client, hook, layer_event())
    drain()
    ListenedEvent.objects.update(attempts=MAX_ATTEMPTS)  # claimed so often, and never answered
    run_stage("listen")
    assert told.events == []
    assert ListenedEvent.objects.get().state == "dead"


def test_a_disabled_hook_is_not_told(client: Client, told: Told) -> None:
    heard(client, listening_hook(enabled=False), layer_event())
    assert told.events == []


def test_an_event_of_a_hook_made_just_now_is_told(client: Client, told: Told, hook: Hook) -> None:
    heard(client, hook, layer_event())  # this process knows its hooks now
    made = Hook.objects.create(
        chat_app=chat_app(), slug="new", name="new", kind=Hook.Kind.LISTEN, delay=hook.delay, secret=hook.secret
    )
    now = database_now()
    body = '{"event": {"id": "1", "type": "announcement.sent"}}'
    ListenedEvent.objects.create(hook=made, key="1", body=body, received_at=now, next_at=now)
    run_stage("listen")
    assert [slug for slug, _, _ in told.events] == [hook.slug, "new"]


def test_a_claim_that_ran_out_is_taken_by_another(client: Client, told: Told, hook: Hook) -> None:
    deliver(client, hook, layer_event())
    drain()
    listening._claim(uuid.uuid4())  # and the worker dies
    run_stage("listen")
    assert told.events == []
    make_due()
    run_stage("listen")
    assert len(told.events) == 1


def test_slow_receivers_do_not_outlast_the_claim(
    client: Client, told: Told, hook: Hook, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """Halfway through the claim's time, what was not begun is handed back untouched."""
    clock = [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def slow(**_: Any) -> None:
        clock[0] += settings.CLAIM_SECONDS

    event_received.connect(slow)
    for _ in range(5):
        deliver(client, hook, layer_event())
    drain()
    listening.tell()
    event_received.disconnect(slow)
    assert len(told.events) == 3
    left = ListenedEvent.objects.filter(state="waiting")
    assert list(left.values_list("attempts", "claim")) == [(0, None)] * 2
    run_stage("listen")
    assert len(told.events) == 5


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_workers_tell_each_event_once(client: Client, told: Told, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_BATCH", 3)
    for _ in range(20):
        deliver(client, hook, layer_event())
    drain()
    together(*[lambda: run_stage("listen")] * 3)
    keys = [event.key for _, event, _ in told.events]
    assert len(keys) == len(set(keys)) == 20


def test_keys_are_forgotten_after_thirty_days(client: Client, told: Told, hook: Hook) -> None:
    old, event = layer_event(), layer_event()
    heard(client, hook, old, event)
    first = ListenedEvent.objects.get(key=old["event"]["id"])
    first.received_at = database_now() - timedelta(days=31)
    first.save()
    assert listening.purge() == 1
    assert ListenedEvent.objects.get().key == event["event"]["id"]


def test_what_was_not_told_is_not_forgotten(client: Client, hook: Hook) -> None:
    deliver(client, hook, layer_event())
    drain()
    ListenedEvent.objects.update(received_at=database_now() - timedelta(days=31))
    assert listening.purge() == 0


def test_the_sweep_forgets_but_not_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_purged_at", float("-inf"))
    monkeypatch.setattr(listening, "purge", lambda: 1)
    assert [listening.purge_hourly() for _ in range(3)] == [1, 0, 0]
