"""A worker may end anywhere in draining, checking and telling: what the next one leaves is as if none had ended."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from notifier.models import (
    Conversation,
    Departure,
    Hook,
    InboxEvent,
    ListenedEvent,
    Message,
    Receipt,
    ReceiptCheck,
)
from notifier.services import merging
from notifier.services.contents import contents
from smsbridge.models import Notice
from tests import factories
from tests.crashing import lives, restarted
from tests.factories import layer_event, run_stage
from tests.notifier.listeners import Told

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = ("drain", "check", "listen")
STAGES: dict[str, Callable[[], object]] = {name: lambda name=name: run_stage(name) for name in NAMES}  # type: ignore[misc]
POISON = "poison"


@pytest.fixture
def hook(db: None) -> Hook:
    """A receipts hook whose unread messages become notices."""
    return factories.bridge(factories.receipts_hook(delay=0)).hook


def clear() -> None:
    for model in (Notice, InboxEvent, ListenedEvent, ReceiptCheck, Receipt, Departure, Message, Conversation):
        model.objects.all().delete()


def known() -> list[Any]:
    """All that is known of the chat, and all that is still to be done, without the rows' own numbers."""
    return [
        sorted(Conversation.objects.values_list("key", "title", "deleted_at")),
        sorted(Message.objects.values_list("key", "sender_id", "text", "sent_at", "edited_at", "deleted_at"), key=str),
        sorted(Receipt.objects.values_list("message__key", "user_id", "rank")),
        sorted(Departure.objects.values_list("conversation__key", "user_id", "left_at")),
        sorted(ReceiptCheck.objects.values_list("hook__slug", "message__key", "due_at", "error")),
        sorted(Notice.objects.values_list("message__key", "user_id", "state", "due_at")),
        sorted(InboxEvent.objects.values_list("key", "state", "error")),
        sorted(ListenedEvent.objects.values_list("hook__slug", "key", "state", "body")),
    ]


def same_wherever_it_ends(begin: Callable[[], object], stage: str) -> int:
    """Whether a worker ended in the stage or not, its successor leaves the same; in how many places it ended."""
    begin()
    restarted(STAGES)
    wanted, places = known(), 0
    for life in lives(begin, STAGES[stage]):
        restarted(STAGES)
        assert known() == wanted, life
        places += life.crashed
    return places


# Draining


def accepted(hook: Hook) -> list[dict[str, Any]]:
    """What a platform may deliver of three conversations, in a bad order."""
    room, other, long_ago = uuid.uuid4(), uuid.uuid4(), datetime(2026, 1, 1, tzinfo=UTC)
    told: list[dict[str, Any]] = [{"message": uuid.uuid4(), "conversation": room, "at": long_ago} for _ in range(3)]
    late: dict[str, Any] = {"at": long_ago + timedelta(seconds=9)}
    return [
        layer_event("message.read", **{**told[0], **late}, recipients={"ben": "read"}),
        layer_event(**told[0], recipients={"ben": "sent", "cem": "sent"}),
        layer_event(**told[1], text="before"),
        layer_event("message.deleted", **{**told[2], **late}),
        layer_event(**told[2]),
        layer_event("conversation.created", conversation=other, metadata={"title": "Tea"}, at=long_ago),
        layer_event("conversation.updated.participants", conversation=room, participants=["ann", "ben"], **late),
    ]


@pytest.fixture
def inbox(hook: Hook) -> Callable[..., None]:
    """An inbox with all kinds of events for two hooks, one of which cannot be read; `most` of them."""
    events = accepted(hook)
    audit = factories.listening_hook(hook.chat_app)
    now = timezone.now()

    def fill(most: int = len(events)) -> None:
        clear()
        rows = [(hook, event["event"]["id"], event) for event in events[:most]]
        rows += [(audit, event["event"]["id"], event) for event in events[:2]]
        rows.append((hook, "unreadable", {"event": "none"}))
        InboxEvent.objects.bulk_create(
            InboxEvent(hook=of, key=key, body=factories.body_of(event), received_at=now) for of, key, event in rows
        )

    return fill


def test_draining_ends_as_if_nothing_had_happened(inbox: Callable[..., None]) -> None:
    assert same_wherever_it_ends(inbox, "drain") > 5
    assert Message.objects.count() == 3
    assert Notice.objects.exists()


def test_draining_one_by_one_ends_as_if_nothing_had_happened(
    inbox: Callable[..., None], hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that cannot be merged makes a worker drain its batch event by event."""

    def poisoned(message: Any) -> Any:
        if message.parts[0].text == POISON:
            raise OverflowError
        return contents(message)

    monkeypatch.setattr(merging, "contents", poisoned)
    body = factories.body_of(layer_event(text=POISON))

    def fill() -> None:
        inbox(most=2)
        InboxEvent.objects.create(hook=hook, key=POISON, body=body)

    assert same_wherever_it_ends(fill, "drain") > 20
    assert Message.objects.count() == 1
    assert InboxEvent.objects.filter(state=1).count() == 2


# Checking


@pytest.fixture
def checks(hook: Hook) -> Callable[[], None]:
    """Due checks: of messages that were read or not, deleted, left behind, or whose inbox is not drained yet."""
    past = timezone.now() - timedelta(minutes=1)
    keys = [str(uuid.uuid4()) for _ in range(6)]
    rooms = [str(uuid.uuid4()) for _ in range(3)]
    read = layer_event("message.read", message=keys[5], conversation=rooms[2], recipients={"ben": "read"})

    def fill() -> None:
        clear()
        places = [factories.conversation(hook.chat_app, key=room) for room in rooms]
        for index, key in enumerate(keys):
            place = places[1 if index == 4 else 2 if index == 5 else 0]
            message = factories.message(
                place,
                key=key,
                unread_by=["ben", "cem"] if index == 0 else ["ben"],
                sent_at=past,
                deleted_at=past if index == 3 else None,
            )
            ReceiptCheck.objects.create(hook=hook, message=message, due_at=past + timedelta(milliseconds=index))
        Receipt.objects.filter(message__key=keys[2]).update(rank=2)
        Departure.objects.create(conversation=places[1], user_id="ben", left_at=past)
        InboxEvent.objects.create(
            hook=hook, key="read", conversation=places[2].key, body=factories.body_of(read), received_at=past
        )

    return fill


def test_checking_ends_as_if_nothing_had_happened(checks: Callable[[], None]) -> None:
    assert same_wherever_it_ends(checks, "check") > 4
    assert Notice.objects.count() == 3
    assert not ReceiptCheck.objects.exists()


def test_checking_one_by_one_ends_as_if_nothing_had_happened(checks: Callable[[], None], told: Told) -> None:
    """A project's own receiver that fails on one message makes a worker do its checks one by one."""
    told.refuses = "cem"

    def fill() -> None:
        checks()
        ReceiptCheck.objects.filter(message__receipts__user_id="cem").update(attempts=7)  # the next try is the last

    assert same_wherever_it_ends(fill, "check") > 15
    assert Notice.objects.count() == 1
    assert ReceiptCheck.objects.get().due_at is None


# Telling a project's own code


@pytest.fixture
def heard(hook: Hook) -> Callable[[], None]:
    audit, event, now = factories.listening_hook(hook.chat_app), layer_event(), timezone.now()

    def fill() -> None:
        clear()
        for key in ("one", "two", "three"):
            ListenedEvent.objects.create(
                hook=audit, key=key, body=factories.body_of(event).decode(), received_at=now, next_at=now
            )

    return fill


def test_each_event_is_told_and_only_the_one_that_was_being_told_may_be_told_twice(
    heard: Callable[[], None], told: Told
) -> None:
    for life in lives(heard, STAGES["listen"]):
        restarted(STAGES)
        assert set(ListenedEvent.objects.values_list("state", flat=True)) == {"done"}, life
        assert 3 <= len(told.events) <= 4, life
        told.events.clear()


def test_a_worker_that_ended_is_noticed_by_these_tests(
    checks: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that forgets its checks before it has told of them would be caught."""
    from notifier.services import receipts

    def careless() -> None:
        open_ = [one for one in receipts._look(receipts._claim(9)) if not one.blocked]
        receipts._delete(open_)
        receipts._tell(open_)

    monkeypatch.setitem(STAGES, "check", careless)
    with pytest.raises(AssertionError):
        same_wherever_it_ends(checks, "check")
