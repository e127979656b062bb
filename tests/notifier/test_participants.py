"""Whom a message is for, where the platform does not say it with each: who takes part when it is sent."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from notifier.models import ChatApp, Conversation, Departure, Participant, Receipt, ReceiptCheck
from notifier.platforms.base import ChatEvent, Kind, Platform, Rank
from notifier.services import merging, participants
from notifier.services.conversations import Arrived
from notifier.services.hooks import live_hooks
from tests import factories
from tests.notifier import chats
from tests.notifier.chats import NOW, Orderly, Scattered, came, event, said, went
from tests.notifier.listeners import Rings, Told

pytestmark = pytest.mark.django_db

ORDERS = pytest.mark.parametrize("platform", [Orderly, Scattered])


@pytest.fixture(autouse=True)
def both(db: None) -> Iterator[None]:
    with chats.platforms():
        yield


@pytest.fixture
def app() -> ChatApp:
    return made(Orderly)


def made(platform: type[Platform]) -> ChatApp:
    app = chats.app(platform)
    factories.receipts_hook(app, delay=0)
    return app


_deliveries = count(1)


def merge(app: ChatApp, *batches: Sequence[ChatEvent]) -> None:
    hooks = [hook for hook in live_hooks().values() if hook.chat_app == app.pk]
    for batch in batches:
        merging.merge(app.pk, hooks, [Arrived(NOW, one, next(_deliveries)) for one in batch])


def there() -> set[str]:
    return set(Participant.objects.values_list("user_id", flat=True))


def recipients(message: str) -> set[str]:
    found = Receipt.objects.filter(message__key=message)
    assert not found.filter(rank__gt=0).exists()
    return set(found.values_list("user_id", flat=True))


def listed(*users: str, seconds: float = 0.0) -> ChatEvent:
    return event(Kind.CONVERSATION, participants=users, seconds=seconds)


@ORDERS
@pytest.mark.parametrize("together", [True, False])
def test_a_message_is_for_those_who_were_there_when_it_was_sent(platform: type[Platform], together: bool) -> None:
    talk = [
        came("ann", "ben", seconds=1),
        said("m1", seconds=2),
        came("cid", seconds=3),
        said("m2", seconds=4, sender="ben"),
        went("ann", seconds=5),
        said("m3", seconds=6, sender="cid"),
    ]
    merge(made(platform), talk) if together else merge(made(platform), *[[one] for one in talk])
    assert recipients("m1") == {"ben"}
    assert recipients("m2") == ({"cid"} if together else {"ann", "cid"}), "who is gone by now is not told of it"
    assert recipients("m3") == {"ben"}
    assert there() == {"ben", "cid"}
    assert [gone.user_id for gone in Departure.objects.all()] == ["ann"]


def test_who_may_not_be_told_is_not_kept(app: ChatApp) -> None:
    merge(app, [came("ann", "ben", "bot-1", "x" * 256), listed("ann", "ben", "bot-2"), said()])
    assert there() == {"ann", "ben"}
    assert recipients("m1") == {"ben"}


def test_a_program_that_writes_tells_nobody(app: ChatApp) -> None:
    from_bot = said()
    assert from_bot.message is not None
    merge(app, [came("ben"), replace(from_bot, message=replace(from_bot.message, sender_name="Robot"))])
    assert not ReceiptCheck.objects.exists()


def test_a_repeat_of_a_message_is_for_nobody_who_came_since(app: ChatApp) -> None:
    message = said()
    merge(app, [came("ben"), message], [came("cid")], [message])
    assert recipients("m1") == {"ben"}


def test_who_comes_back_is_told_of_what_is_said_from_then_on(app: ChatApp) -> None:
    merge(app, [came("ben")], [went("ben", seconds=1), said("m1", seconds=2), came("ben", seconds=3)])
    merge(app, [said("m2", seconds=4)])
    assert (recipients("m1"), recipients("m2")) == (set(), {"ben"})
    assert not Departure.objects.exists()


def test_who_is_said_to_come_twice_was_there_all_the_time(app: ChatApp) -> None:
    merge(app, [came("ben")])
    since = Participant.objects.get().since
    merge(app, [came("ben")])
    assert Participant.objects.get().since == since


def test_a_list_is_all_who_take_part(app: ChatApp) -> None:
    merge(app, [came("ann", "ben", "cid")], [listed("ann", "cid", "dan", seconds=1)], [said()])
    assert there() == {"ann", "cid", "dan"}
    assert recipients("m1") == {"cid", "dan"}


def test_a_list_with_each_message_is_a_few_statements_for_all(told: Told) -> None:
    app = made(Scattered)
    batch = [replace(said(f"m{n}", seconds=n), participants=["ann", "ben"], title="Tea") for n in range(20)]
    merge(app, [batch[0]])
    with CaptureQueriesContext(connection) as queries:
        merge(app, batch[1:])
    assert len(queries) < 20
    assert recipients("m19") == {"ben"}
    assert Conversation.objects.get().title == "Tea"


@pytest.mark.parametrize(
    ("events", "left"),
    [
        ([went("ben", seconds=2), came("ben", seconds=1)], set()),
        ([came("ben", seconds=3), went("ben", seconds=2)], {"ben"}),
        ([listed("ann", seconds=2), listed("ann", "ben", seconds=1)], {"ann"}),
        ([came("cid", seconds=3), listed("ann", seconds=2)], {"ann", "cid"}),
        ([came("ben", seconds=1), came("ben", seconds=3), went("ben", seconds=2)], {"ben"}),
        ([came("ben", seconds=1), listed("ann", "ben", seconds=3), went("ben", seconds=2)], {"ann", "ben"}),
        ([went("ben", seconds=2), came("ben", seconds=1), came("ben", seconds=3)], {"ben"}),
    ],
    ids=[
        "came before",
        "came after",
        "an old list",
        "came after the list",
        "came back",
        "listed again",
        "back at last",
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_what_comes_late_is_known_by_its_stamp(events: Sequence[ChatEvent], left: set[str], together: bool) -> None:
    merge(made(Scattered), events) if together else merge(made(Scattered), *[[one] for one in events])
    assert there() == left


def test_who_came_before_a_message_is_told_of_it_although_we_hear_of_him_after() -> None:
    merge(made(Scattered), [came("ann")], [said("m1", seconds=2)], [came("ben", seconds=1), came("cid", seconds=3)])
    assert recipients("m1") == {"ben"}


def test_recipients_by_name_and_by_taking_part_do_not_mix(app: ChatApp) -> None:
    merge(app, [came("ben", "cid"), said("m1", to_participants=False, statuses={"ben": Rank.SENT})])
    participants.replace(Conversation.objects.get().pk, ["ann", "ben", "cid", "dan"])
    assert recipients("m1") == {"ben"}


# Large conversations


def test_a_message_for_500_is_for_all_of_them_and_for_501_for_nobody(
    app: ChatApp, caplog: pytest.LogCaptureFixture
) -> None:
    crowd = [f"user-{number}" for number in range(500)]
    merge(app, [came("ann", *crowd)], [said("m1")])
    assert len(recipients("m1")) == 500
    with caplog.at_level(logging.WARNING):
        merge(app, [came("one-more")], [said("m2"), said("m3")])
    assert recipients("m2") | recipients("m3") == set()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "2 messages are for more than 500" in caplog.text


# Conversations of which it is not known who takes part


def asked() -> bool:
    return Conversation.objects.get().roster_due_at is not None


@pytest.mark.parametrize("first", [said(), came("ben")], ids=["a message", "somebody comes"])
@pytest.mark.parametrize("new", [True, False])
def test_who_takes_part_is_asked_when_it_has_to_be_known(
    app: ChatApp, first: ChatEvent, new: bool, rings: Rings, django_capture_on_commit_callbacks: Any
) -> None:
    if not new:
        merge(app, [event(Kind.CONVERSATION, title="Tea")])
        assert not asked()
    with django_capture_on_commit_callbacks(execute=True):
        merge(app, [first])
    assert asked()
    assert "roster" in rings.stages


def test_it_is_asked_once_and_not_after_it_was_given_up(app: ChatApp) -> None:
    merge(app, [said("m1")])
    participants.replace(Conversation.objects.get().pk, [])
    Conversation.objects.update(roster_due_at=None)
    merge(app, [said("m2")])
    assert not asked()
    Conversation.objects.update(roster_known=False, roster_error="Nobody can tell.")
    merge(app, [said("m3")])
    assert not asked()


def test_in_order_whoever_leaves_afterwards_is_not_told_though_the_senders_clock_was_fast(
    app: ChatApp, told: Told
) -> None:
    merge(app, [listed("ann", "ben", "cid"), said(seconds=3600)], [went("ben", seconds=5)])
    factories.run_stage("check")
    assert told.users == ["cid"]


@pytest.mark.parametrize("together", [True, False])
def test_in_order_who_comes_back_is_told_though_the_clock_of_whoever_removed_him_was_fast(
    app: ChatApp, told: Told, together: bool
) -> None:
    talk = [listed("ann", "ben"), went("ben", seconds=3600), came("ben", seconds=5), said(seconds=6)]
    merge(app, talk) if together else merge(app, *[[one] for one in talk])
    assert not Departure.objects.exists()
    factories.run_stage("check")
    assert told.users == ["ben"]


@pytest.mark.parametrize("news", [said("m2"), came("cid")], ids=["a message", "somebody comes"])
def test_what_was_given_up_is_asked_again_at_the_next_news_once_its_time_has_come(
    app: ChatApp, news: ChatEvent
) -> None:
    merge(app, [said("m1")])
    given_up = {"roster_due_at": None, "roster_error": "It was away.", "roster_attempts": 8}
    Conversation.objects.update(**given_up, roster_again_at=timezone.now() + timedelta(minutes=1))
    merge(app, [news])
    assert not asked()
    Conversation.objects.update(roster_again_at=timezone.now() - timedelta(seconds=1))
    merge(app, [event(Kind.CONVERSATION, title="Tea")])
    assert not asked(), "a new name is no news of who takes part"
    merge(app, [replace(news, key="another", message=news.message and chats.message("m3"))])
    assert asked()
    place = Conversation.objects.get()
    assert (place.roster_attempts, place.roster_error) == (0, "")


@ORDERS
def test_who_is_listed_need_not_be_asked_for(platform: type[Platform]) -> None:
    app = made(platform)
    merge(app, [said("m1")])
    assert asked()
    merge(app, [listed("ann", "ben")], [said("m2")])
    assert not asked()


def test_recipients_by_name_need_no_roster(app: ChatApp) -> None:
    merge(app, [said("m1", to_participants=False, statuses={"ben": Rank.SENT})])
    assert not asked()


def test_a_check_waits_until_it_is_known_and_nobody_is_missed(app: ChatApp, told: Told) -> None:
    merge(app, [came("ben"), said()])
    factories.run_stage("check")
    assert (told.users, ReceiptCheck.objects.count()) == ([], 1)
    participants.replace(Conversation.objects.get().pk, ["ann", "ben", "cid", "bot-1"])
    Conversation.objects.update(roster_due_at=None)
    ReceiptCheck.objects.update(due_at=F("due_at") - timedelta(minutes=1))
    factories.run_stage("check")
    assert told.users == ["ben", "cid"]


def test_checks_that_wait_for_a_roster_hold_up_no_others(app: ChatApp, told: Told, settings: Any) -> None:
    settings.CHECK_BATCH = 2
    merge(app, [said(f"m{number}") for number in range(4)])
    elsewhere = said("m9", conversation="c2", to_participants=False, statuses={"ben": Rank.SENT})
    merge(app, [elsewhere])
    factories.run_stage("check")
    assert told.users == ["ben"]
    assert ReceiptCheck.objects.count() == 4


def test_once_it_is_given_up_those_who_are_known_are_told(app: ChatApp, told: Told) -> None:
    merge(app, [came("ben"), said()])
    Conversation.objects.update(roster_due_at=None, roster_error="Nobody can tell.")
    factories.run_stage("check")
    assert told.users == ["ben"]


def test_who_went_while_it_was_asked_does_not_come_back(app: ChatApp) -> None:
    merge(app, [came("ben"), said()])
    merging.merge(app.pk, [], [Arrived(timezone.now(), went("cid"), next(_deliveries))])
    participants.replace(Conversation.objects.get().pk, ["ann", "ben", "cid"])
    assert there() == {"ann", "ben"}


# Encryption


@pytest.mark.parametrize(
    ("events", "encrypted"),
    [
        ([said(encrypted=True)], True),
        ([event(Kind.CONVERSATION, encrypted=True), said(encrypted=False)], True),
        ([event(Kind.CONVERSATION, encrypted=True), event(Kind.CONVERSATION, title="Tea")], True),
        ([event(Kind.CONVERSATION, encrypted=True), event(Kind.CONVERSATION, seconds=1, encrypted=False)], False),
    ],
)
def test_a_conversation_stays_encrypted_until_the_platform_says_otherwise_of_it(
    app: ChatApp, events: Sequence[ChatEvent], encrypted: bool
) -> None:
    merge(app, *[[one] for one in events])
    assert Conversation.objects.get().encrypted is encrypted
