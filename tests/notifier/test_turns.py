"""Where a platform tells its events in order, they are merged in it, however many workers there are."""

import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from notifier.models import Hook, InboxEvent, Message, Participant, Watermark
from notifier.services import inbox, merging, turns
from tests import factories
from tests.factories import drain
from tests.notifier import chats
from tests.notifier.chats import Orderly, Scattered, stored
from tests.threads import times, together

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def both(db: None) -> Iterator[None]:
    with chats.platforms():
        yield


@pytest.fixture
def hook() -> Hook:
    return factories.receipts_hook(chats.app(Orderly))


def in_order() -> list[str]:
    return list(Message.objects.order_by("position").values_list("key", flat=True))


def test_a_place_is_the_deliverys_number_and_the_place_in_it(hook: Hook) -> None:
    stored(hook, [{"said": "a"}, {"said": "b"}], [{"said": "c"}])
    first, second = InboxEvent.objects.order_by("pk").values_list("pk", flat=True)
    drain()
    places = dict(Message.objects.values_list("key", "position"))
    assert places == {"a": first * 4096, "b": first * 4096 + 1, "c": second * 4096}


def test_elsewhere_it_is_the_stamp_in_microseconds() -> None:
    stored(factories.receipts_hook(chats.app(Scattered)), [{"said": "a"}])
    drain()
    message = Message.objects.get()
    assert message.sent_at is not None
    assert message.position == int(message.sent_at.timestamp()) * 1_000_000


def test_where_nothing_comes_in_order_nothing_is_asked_of_the_database() -> None:
    factories.receipts_hook()
    with CaptureQueriesContext(connection) as queries:
        assert inbox.drain().done == 0
    statements = [query["sql"] for query in queries if "notifier_inboxevent" in query["sql"] or "lock" in query["sql"]]
    assert len(statements) == 1
    assert "advisory" not in statements[0]


def test_an_event_that_is_bad_keeps_its_place_until_it_is_mended(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(hook, [{"said": "a"}], [{"bad": True}], [{"said": "c"}])
    bad = InboxEvent.objects.order_by("pk")[1]
    drain()
    InboxEvent.objects.filter(pk=bad.pk).update(body=b'[{"said": "b"}]')
    inbox.redrive([bad.pk])
    drain()
    assert in_order() == ["a", "b", "c"]


# Races


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_what_another_worker_has_in_hand_is_passed_over_and_looked_at_again(hook: Hook) -> None:
    other = factories.receipts_hook(chats.app(Scattered))
    stored(hook, [{"said": "a"}])
    stored(other, [{"said": "x"}])
    with transaction.atomic():
        assert turns.take().apps == {hook.chat_app_id}
        assert together(inbox.drain)[0].done == 1
        (step,) = together(inbox.drain)
        assert (step.done, step.more, step.next_in) == (0, False, inbox._OTHERS_TURN)
    assert in_order() == ["x"]
    assert drain() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_hook_of_which_a_worker_does_not_know_yet_waits_for_its_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = factories.receipts_hook(chats.app(Orderly))
    stored(hook, [{"said": "a"}])
    with monkeypatch.context() as unaware:
        unaware.setattr(turns, "take", turns.Turns)
        step = inbox.drain()
    assert (step.more, Message.objects.count()) == (True, 0)
    assert drain() == 1


def _talk(rooms: int, steps: int) -> list[dict[str, Any]]:
    """In each room everybody reads what was said last, and says something."""
    said: dict[str, list[str]] = {f"room-{number}": [] for number in range(rooms)}
    events: list[dict[str, Any]] = []
    for step in range(steps):
        room = random.choice(list(said))
        if said[room] and random.random() < 0.4:
            events.append({"read": said[room][-1], "by": f"reader-{random.randint(1, 3)}", "in": room})
        elif random.random() < 0.1:
            events.append({"came": [f"guest-{step}"], "in": room})
        else:
            said[room].append(f"m{step:04}")
            events.append({"said": f"m{step:04}", "in": room})
    return events


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("poisoned", [False, True], ids=["batch by batch", "one by one"])
def test_four_workers_merge_in_the_order_of_arrival(
    hook: Hook, settings: Any, monkeypatch: pytest.MonkeyPatch, poisoned: bool
) -> None:
    """Also after a batch failed in the database, when each event is merged by itself."""
    settings.DRAIN_BATCH = 7
    second = factories.receipts_hook(hook.chat_app)
    events = _talk(rooms=3, steps=120)
    for one in events:
        stored(hook, [one])
        if random.random() < 0.3:
            stored(second, [one])
    whole, mutex = merging.merge, threading.Lock()
    merged: list[int | None] = []

    def merge(app: int, hooks: Any, arrived: Any) -> None:
        if poisoned and len(arrived) > 1:
            raise OverflowError("a batch that the database refuses")
        whole(app, hooks, arrived)
        with mutex:  # before the commit, so nobody else has the turn
            merged.extend(one.trace for one in arrived)

    monkeypatch.setattr(merging, "merge", merge)
    assert sum(times(4, _until_empty)) >= len(events)
    assert merged == sorted(merged, key=lambda trace: trace or 0)
    assert in_order() == sorted(one["said"] for one in events if "said" in one)
    assert Participant.objects.count() == sum("came" in one for one in events)
    last = {(one["in"], one["by"]): one["read"] for one in events if "read" in one}
    marks = Watermark.objects.values_list("conversation__key", "user_id", "message")
    assert {(room, user): message for room, user, message in marks} == last


def _until_empty() -> int:
    done = 0
    while InboxEvent.objects.exists():
        done += inbox.drain().done
    return done
