"""Draining the inbox: everything of an event or nothing of it, and a bad one alone."""

import base64
import random
import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client

from notifier.models import Conversation, Hook, InboxEvent, Message, Receipt, ReceiptCheck
from notifier.platforms.base import Delivered, Envelope
from notifier.platforms.layer import LayerPlatform
from notifier.services import conversations, inbox, merging
from notifier.services.contents import contents
from notifier.services.hooks import LiveHook, live_hook
from notifier.sql import database_now
from notifier.wire import Unreadable
from tests.factories import body_of, chat_app, deliver, drain, forget, layer_event, receipts_hook, run_stage
from tests.notifier.listeners import Rings
from tests.threads import times, together

pytestmark = pytest.mark.django_db


@pytest.fixture
def hook(db: None) -> Hook:
    return receipts_hook()


def failed() -> list[str | None]:
    return list(InboxEvent.objects.filter(state=InboxEvent.State.FAILED).values_list("error", flat=True))


def test_a_drained_event_leaves_only_its_effects(client: Client, hook: Hook) -> None:
    deliver(client, hook, layer_event(text="Hello", recipients={"ben": "sent"}))
    assert drain() == 1
    assert not InboxEvent.objects.exists()
    message = Message.objects.get()
    assert (message.text, message.sender_id) == ("Hello", "ann")
    assert list(Receipt.objects.values_list("user_id", "rank")) == [("ben", 0)]
    assert ReceiptCheck.objects.count() == 1


def test_a_repeat_after_draining_changes_nothing(client: Client, hook: Hook) -> None:
    event = layer_event()
    for _ in range(2):
        deliver(client, hook, event)
        drain()
        ReceiptCheck.objects.all().delete()
    assert Message.objects.count() == 1
    assert not ReceiptCheck.objects.exists()


def test_long_ids_that_begin_alike_are_two_events_and_odd_ones_can_be_kept(hook: Hook) -> None:
    live = live_hook(hook.slug)
    assert live is not None
    inbox.accept(live, [Delivered(Envelope(f"about {odd[:1]}", "kind", odd), b"{}") for odd in ("c" * 256, "\0")])
    for key in ("x" * 300, "x" * 299 + "y", "x" * 300, "\0\ud800"):
        inbox.accept(live, [Delivered(Envelope(key, "kind"), b"{}")])
    assert InboxEvent.objects.count() == 5


def test_a_text_in_base64_is_read(client: Client, hook: Hook) -> None:
    body = base64.b64encode("Grüße 👋".encode()).decode()
    parts = [{"mime_type": "text/plain", "body": body, "encoding": "base64"}]
    deliver(client, hook, layer_event(parts=parts))
    drain()
    assert Message.objects.get().text == "Grüße 👋"


def test_five_hundred_recipients_in_one_event(client: Client, hook: Hook) -> None:
    deliver(client, hook, layer_event(recipients={f"user-{number}": "sent" for number in range(500)}))
    drain()
    assert Receipt.objects.count() == 500


def test_a_bots_message_gets_no_check(client: Client, hook: Hook) -> None:
    deliver(client, hook, layer_event(bot="Robot"))
    drain()
    assert Message.objects.get().sender_name == "Robot"
    assert not ReceiptCheck.objects.exists()


@pytest.mark.parametrize("kind", ["announcement.sent", "message.exploded", "Block.created"])
def test_an_unknown_type_is_drained(client: Client, hook: Hook, kind: str) -> None:
    deliver(client, hook, layer_event(kind))
    assert drain() == 1
    assert not InboxEvent.objects.exists()


def test_a_stamp_of_another_age_is_survived(client: Client, hook: Hook) -> None:
    for year in (1, 9999):
        deliver(client, hook, layer_event(at=datetime(year, 12, 31, tzinfo=UTC)))
    assert drain() == 2
    now = database_now()
    dues = [check.due_at for check in ReceiptCheck.objects.all()]
    assert len(dues) == 2
    assert all(due and due <= now + hook.delay for due in dues)
    assert {message.sent_at.year for message in Message.objects.all() if message.sent_at} == {1, 9999}


@pytest.mark.parametrize(("times", "more"), [(1, 0), (3, 2)])
def test_a_batch_is_bounded(client: Client, hook: Hook, settings: Any, times: int, more: int) -> None:
    settings.DRAIN_BATCH = 2
    for _ in range(times):
        deliver(client, hook, layer_event())
    step = inbox.drain()
    assert (step.done, step.more, step.busy) == (min(times, 2), True, times > 1)
    assert drain() == times - step.done


# Several at once


def live(hook: Hook) -> LiveHook:
    found = live_hook(hook.slug)
    assert found is not None
    return found


def delivered(key: str, conversation: str | None = "c1", body: bytes = b"[]") -> Delivered:
    return Delivered(Envelope(key, "message.sent", conversation), body)


def stored() -> list[tuple[str, str | None, bytes]]:
    rows = InboxEvent.objects.order_by("pk").values_list("key", "conversation", "body")
    return [(key, conversation, bytes(body)) for key, conversation, body in rows]


def test_several_events_of_one_call_are_stored_in_their_order(hook: Hook) -> None:
    inbox.accept(live(hook), [delivered("b", body=b"1"), delivered("a", None, b"\x00\xff"), delivered("c", body=b"3")])
    assert stored() == [("b", "c1", b"1"), ("a", None, b"\x00\xff"), ("c", "c1", b"3")]


def test_of_a_repeated_call_only_what_is_new_is_stored(hook: Hook) -> None:
    inbox.accept(live(hook), [delivered("a", body=b"1"), delivered("b")])
    inbox.accept(live(hook), [delivered("a", body=b"2"), delivered("b"), delivered("c"), delivered("c")])
    assert [(key, body) for key, _, body in stored()] == [("a", b"1"), ("b", b"[]"), ("c", b"[]")]


@pytest.mark.django_db(transaction=True)
def test_all_events_of_a_call_are_stored_or_none(hook: Hook) -> None:
    broken = Delivered(Envelope("c", "kind"), object())  # type: ignore[arg-type]
    with pytest.raises(DatabaseError):
        inbox.accept(live(hook), [delivered("a"), delivered("b"), broken])
    assert stored() == []


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_same_events_from_many_calls_at_once_are_stored_once(hook: Hook) -> None:
    events = [delivered(f"{number:02}") for number in range(20)]
    found = live(hook)
    times(6, lambda: inbox.accept(found, events))
    assert [key for key, *_ in stored()] == [f"{number:02}" for number in range(20)]


# Countdowns


def test_a_check_is_rung_for_the_second_in_which_it_is_due(
    client: Client, rings: Rings, django_capture_on_commit_callbacks: Any
) -> None:
    hook = receipts_hook(delay=60_000)
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(3):
            deliver(client, hook, layer_event(at=datetime(2099, 1, 1, tzinfo=UTC)))
        drain()
    dues = {int(check.due_at.timestamp()) for check in ReceiptCheck.objects.all() if check.due_at}
    assert sorted(rings.at("check")) == sorted(dues)


def test_what_is_due_after_a_quarter_of_an_hour_is_left_to_the_sweep(
    client: Client, rings: Rings, django_capture_on_commit_callbacks: Any
) -> None:
    hook = receipts_hook(delay=timedelta(minutes=16))
    with django_capture_on_commit_callbacks(execute=True):
        deliver(client, hook, layer_event())
        drain()
    assert ReceiptCheck.objects.count() == 1
    assert rings.at("check") == []


# Events that cannot be read


def _trip(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    whole = LayerPlatform.parse

    def parse(self: LayerPlatform, body: bytes) -> Any:
        if b"poison" in body:
            raise error
        return whole(self, body)

    monkeypatch.setattr(LayerPlatform, "parse", parse)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(Unreadable("event.type is missing"), "event.type is missing"), (KeyError("poison"), "KeyError")],
)
def test_an_event_that_trips_its_adapter_fails_alone(
    client: Client, hook: Hook, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    with monkeypatch.context() as broken:
        _trip(broken, error)
        for text in ("one", "poison", "two"):
            deliver(client, hook, layer_event(text=text))
        drain()
        assert Message.objects.count() == 2
        (why,) = failed()
        assert reason in (why or "")
        assert "poison" not in (why or "")
    assert inbox.redrive([InboxEvent.objects.get().pk]) == 1
    drain()
    assert Message.objects.count() == 3
    assert not InboxEvent.objects.exists()


def test_an_event_that_cannot_be_merged_fails_alone(
    client: Client, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:

    def poisoned(message: Any) -> Any:
        if message.parts[0].text == "poison":
            raise OverflowError("date value out of range")
        return contents(message)

    with monkeypatch.context() as broken:
        broken.setattr(merging, "contents", poisoned)
        for text in ("one", "poison", "two"):
            deliver(client, hook, layer_event(text=text))
        drain()
    assert Message.objects.count() == 2
    assert failed() == ["It could not be merged: OverflowError"]


@pytest.mark.postgres
def test_an_event_that_the_database_refuses_fails_alone(client: Client, hook: Hook) -> None:
    for sender in ("ann", "x" * 300, "dan"):
        deliver(client, hook, layer_event(sender=sender))
    drain()
    assert Message.objects.count() == 2
    assert failed() == ["It could not be merged: StringDataRightTruncation"]


def test_an_event_of_a_hook_made_just_now_is_drained(client: Client, hook: Hook) -> None:
    deliver(client, hook, layer_event())
    drain()  # this process knows its hooks now
    new = Hook.objects.create(chat_app=chat_app(), slug="new", name="new", delay=hook.delay)
    InboxEvent.objects.create(hook=new, key="1", body=b'{"event": {"id": "1", "type": "announcement.sent"}}')
    drain()
    assert failed() == []
    assert not InboxEvent.objects.exists()


def test_an_event_whose_hook_cannot_be_used_waits_for_an_operator(client: Client, hook: Hook) -> None:
    deliver(client, hook, layer_event())
    Hook.objects.update(report_for_status=["seen"])
    forget()
    drain()
    assert "correct it" in (failed()[0] or "")
    Hook.objects.update(report_for_status=[])
    forget()
    inbox.redrive([InboxEvent.objects.get().pk])
    drain()
    assert Message.objects.count() == 1


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("after", ["_messages", "_receipts", "_checks"])
def test_a_crash_leaves_nothing_half_done(
    client: Client, hook: Hook, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    for _ in range(3):
        deliver(client, hook, layer_event())
    whole = getattr(merging, after)

    def crash(*args: Any) -> None:
        whole(*args)
        raise Crash

    with monkeypatch.context() as broken:
        broken.setattr(merging, after, crash)
        with pytest.raises(Crash):
            drain()
    assert InboxEvent.objects.filter(state=InboxEvent.State.WAITING).count() == 3
    assert not Conversation.objects.exists()
    assert not Message.objects.exists()
    assert not Receipt.objects.exists()
    assert drain() == 3
    assert (Message.objects.count(), ReceiptCheck.objects.count()) == (3, 3)


# Races


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_workers_share_a_burst(client: Client, hook: Hook, settings: Any) -> None:
    settings.DRAIN_BATCH = 10
    for _ in range(60):
        deliver(client, hook, layer_event())
    assert sum(together(drain, drain)) == 60
    assert Message.objects.count() == ReceiptCheck.objects.count() == Receipt.objects.count() == 60


def _accepted(hook: Hook, events: list[dict[str, Any]]) -> None:
    InboxEvent.objects.bulk_create(
        InboxEvent(hook=hook, key=event["event"]["id"], body=body_of(event)) for event in events
    )


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("about", ["messages", "conversations"])
def test_workers_that_meet_at_the_same_rows_do_not_deadlock(
    hook: Hook, settings: Any, monkeypatch: pytest.MonkeyPatch, about: str
) -> None:
    """Two hooks are told of the same messages in opposite order; whoever is blocked only waits."""
    settings.DRAIN_BATCH = 150
    other = receipts_hook(hook.chat_app)
    places = [uuid.uuid4() for _ in range(50)]
    kind = "conversation.updated.participants"
    _accepted(hook, [layer_event(kind, conversation=place) for place in places])
    drain()
    whole, meet = conversations.known, threading.Barrier(2, timeout=10)

    def known(*args: Any) -> Any:
        meet.wait()
        return whole(*args)

    monkeypatch.setattr(conversations, "known", known)
    for round_ in range(3):
        if about == "messages":
            events = [layer_event(conversation=random.choice(places)) for _ in range(150)]
        else:
            title = {"conversationName": str(round_)}
            events = [layer_event(kind, conversation=place, metadata=title) for place in places * 3]
        random.shuffle(events)
        _accepted(hook, events)
        _accepted(other, events[::-1])
        assert sum(together(drain, drain)) == 300
    assert not InboxEvent.objects.exists()
    assert ReceiptCheck.objects.count() == 2 * Message.objects.count() == (900 if about == "messages" else 0)


def test_a_stage_with_nothing_to_do_says_so(db: None) -> None:
    assert run_stage("drain") == 0


def test_bodies_are_read_in_portions_that_fit_into_a_connections_buffers(hook: Hook) -> None:
    """A worker that freezes with an answer half read would keep its locks: the database waits for it to read on."""
    _accepted(hook, [layer_event(text="x" * 20_000) for _ in range(6)])
    _accepted(hook, [layer_event(text="x" * 100_000)])
    portions: list[int] = []

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("select id, body"):
            portions.append(1)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        assert drain() == 7
    assert len(portions) == 4, "two by two, and the largest alone"
    assert Message.objects.count() == 7
