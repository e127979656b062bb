"""Read up to here: one mark for all messages of a conversation before it, whatever comes first."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.models import ChatApp, Hook, Message, Watermark
from notifier.platforms.base import ChatEvent, Kind, Platform, Rank
from notifier.services import merging
from notifier.services.conversations import Arrived
from notifier.services.hooks import live_hooks
from tests import factories
from tests.notifier import chats
from tests.notifier.chats import NOW, Orderly, Scattered, read, read_up_to
from tests.notifier.listeners import Told

pytestmark = pytest.mark.django_db

ORDERS = pytest.mark.parametrize("platform", [Orderly, Scattered])


@pytest.fixture(autouse=True)
def both(db: None) -> Iterator[None]:
    with chats.platforms():
        yield


def made(platform: type[Platform]) -> ChatApp:
    """An app whose messages are looked at as soon as they are known."""
    app = chats.app(platform)
    factories.receipts_hook(app, delay=0)
    return app


def said(key: str, *, seconds: float = 0.0) -> ChatEvent:
    """To two people, by name."""
    return chats.said(key, seconds=seconds, to_participants=False, statuses={"ben": Rank.SENT, "cid": Rank.SENT})


_deliveries = count(1)


def merge(app: ChatApp, *batches: Sequence[ChatEvent]) -> None:
    hooks = [hook for hook in live_hooks().values() if hook.chat_app == app.pk]
    for batch in batches:
        merging.merge(app.pk, hooks, [Arrived(NOW, event, next(_deliveries)) for event in batch])


def unread(told: Told) -> set[tuple[str, str]]:
    """Work all checks; of whom the SMS side is told, for which message."""
    told.unread.clear()
    factories.run_stage("check")
    keys = dict(Message.objects.values_list("pk", "key"))
    return {(keys[one.message], one.user_id) for _, one in told.unread}


def marks() -> list[tuple[str, str, bool]]:
    """Each mark's user and message, and whether that has its place."""
    found = Watermark.objects.order_by("user_id", "message").values_list("user_id", "message", "position")
    return [(user, message, position is not None) for user, message, position in found]


CIDS = {("m1", "cid"), ("m2", "cid"), ("m3", "cid")}
THREE = [said("m1"), said("m2", seconds=1), said("m3", seconds=2)]


@ORDERS
def test_what_comes_after_the_mark_is_unread(platform: type[Platform], told: Told) -> None:
    merge(made(platform), THREE, [read_up_to("m2")])
    assert unread(told) == {("m3", "ben"), *CIDS}


@ORDERS
@pytest.mark.parametrize(
    ("mark", "left"), [("m3", {("m2", "ben")}), ("m2", {("m1", "ben"), ("m3", "ben")})], ids=["elsewhere", "on it"]
)
def test_a_message_aside_is_read_by_a_mark_on_itself_which_is_for_nothing_else(
    platform: type[Platform], told: Told, mark: str, left: set[tuple[str, str]]
) -> None:
    aside = replace(said("m2"), message=replace(chats.message("m2", seconds=1), aside=True))
    merge(made(platform), [THREE[0], aside, THREE[2]], [read_up_to(mark)])
    assert unread(told) == left | CIDS


def test_a_mark_that_comes_before_its_message_counts_when_that_is_known(told: Told) -> None:
    app = made(Scattered)
    merge(app, [read_up_to("m2")], [said("m1")])
    assert Watermark.objects.get().position is None
    merge(app, [said("m3", seconds=2)], [said("m2", seconds=1)])
    assert unread(told) == {("m3", "ben"), *CIDS}


@ORDERS
def test_a_mark_never_goes_back(platform: type[Platform], told: Told) -> None:
    merge(made(platform), THREE, [read_up_to("m3")], [read_up_to("m1")])
    assert unread(told) == CIDS
    assert marks() == [("ben", "m3", True)]


def test_a_mark_on_what_is_not_known_leaves_the_last_one_in_force(told: Told) -> None:
    merge(made(Scattered), THREE, [read_up_to("m2")], [read_up_to("m9")], [read_up_to("m8")])
    assert unread(told) == {("m3", "ben"), *CIDS}
    assert marks() == [("ben", "m2", True), ("ben", "m8", False), ("ben", "m9", False)]


def test_in_order_only_the_newest_mark_on_something_unknown_is_kept() -> None:
    merge(made(Orderly), [read_up_to("m8")], [read_up_to("m9")], [said("m1")])
    assert marks() == [("ben", "m9", False)]
    merge(made(Orderly), [read_up_to("m8"), said("m2"), read_up_to("m2")])
    assert marks() == [("ben", "m2", True), ("ben", "m9", False)]


def test_another_message_of_the_same_microsecond_is_not_read(told: Told) -> None:
    merge(made(Scattered), [said("m1"), said("m2")], [read_up_to("m1")])
    assert unread(told) == {("m2", "ben"), ("m1", "cid"), ("m2", "cid")}


def test_in_order_the_stamps_do_not_matter(told: Told) -> None:
    merge(made(Orderly), [said("m1", seconds=9), said("m2")], [read_up_to("m1")])
    assert unread(told) == {("m2", "ben"), ("m1", "cid"), ("m2", "cid")}


def test_a_mark_is_of_one_conversation_and_one_chat(told: Told) -> None:
    app, elsewhere = made(Scattered), replace(read_up_to("m3"), conversation="c2")
    merge(app, THREE, [elsewhere])
    merge(made(Scattered), [read_up_to("m3")])
    assert unread(told) == CIDS | {("m1", "ben"), ("m2", "ben"), ("m3", "ben")}


def test_a_hook_that_tells_everybody_does_so_whatever_was_read(told: Told) -> None:
    app = made(Scattered)
    Hook.objects.update(kind=Hook.Kind.NOTIFY)
    factories.forget()
    merge(app, THREE, [read_up_to("m3")])
    assert unread(told) == CIDS | {("m1", "ben"), ("m2", "ben"), ("m3", "ben")}


def test_ids_that_are_too_long_and_users_who_may_not_be_told_leave_no_mark() -> None:
    merge(made(Scattered), [read_up_to("m1", "x" * 256, "bot-1"), read_up_to("m" * 256), read_up_to("m1", "y" * 255)])
    assert [mark.user_id for mark in Watermark.objects.all()] == ["y" * 255]


@ORDERS
def test_a_batch_is_two_statements_for_all_its_marks(platform: type[Platform]) -> None:
    app = made(platform)
    batch = [said(f"m{number}", seconds=number) for number in range(20)]
    merge(app, batch)
    with CaptureQueriesContext(connection) as queries:
        merge(app, [read_up_to(f"m{number}", "ben", "cid", "dan") for number in range(20)])
    assert sum("watermark" in query["sql"] for query in queries) == 2
    assert marks() == [(user, "m19", True) for user in ("ben", "cid", "dan")]


USERS = ("ben", "cid")
Pairs = set[tuple[str, str]]


def expected(events: Sequence[ChatEvent], places: dict[str, float]) -> Pairs:
    """The same, thought through for each message and user by itself."""
    about = [one for one in events if one.message]
    sent = {(one.message.id, user) for one in about if one.kind == Kind.SENT and one.message for user in one.statuses}
    done = {(one.message.id, user) for one in about if one.kind != Kind.SENT and one.message for user in one.statuses}
    known = {key for key, _ in sent}

    def passed(key: str, user: str) -> bool:
        up_to = [message for one in events for reader, message in one.read_up_to.items() if reader == user]
        return any(one == key or (one in known and places[one] > places[key]) for one in up_to)

    return {(key, user) for key, user in sent - done if not passed(key, user)}


def batches(data: st.DataObject, events: Sequence[ChatEvent]) -> list[Sequence[ChatEvent]]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=4)))
    return [events[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(events)], strict=True)]


ANY = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
#: two of the same microsecond
SECONDS = {"m1": 0.0, "m2": 1.0, "m3": 1.0, "m4": 2.0, "m5": 3.0}


@ANY
@given(data=st.data())
def test_any_order_and_any_repeats_end_in_the_same(data: st.DataObject, told: Told) -> None:
    sent = [said(key, seconds=seconds) for key, seconds in SECONDS.items()]
    keys, users = st.sampled_from([*SECONDS, "unknown"]), st.sampled_from(USERS)
    upto = data.draw(st.lists(st.builds(read_up_to, keys, users), max_size=5))
    single = data.draw(st.lists(st.builds(read, st.sampled_from(list(SECONDS)), users), max_size=3))
    chosen = data.draw(st.lists(st.sampled_from([*sent, *upto, *single]), unique_by=lambda one: one.key, min_size=1))
    events = data.draw(st.permutations([*chosen, *data.draw(st.lists(st.sampled_from(chosen), max_size=4))]))
    merge(made(Scattered), *batches(data, events))
    assert unread(told) == expected(events, SECONDS)


@ANY
@given(data=st.data())
def test_in_order_any_talk_ends_as_it_was_meant(data: st.DataObject, told: Told) -> None:
    """Whoever reads, reads what was said before; stamps say nothing, and events come again."""
    events: list[ChatEvent] = []
    places: dict[str, float] = {}
    for step in data.draw(st.lists(st.sampled_from(["say", "mark", "read", "again"]), min_size=1, max_size=14)):
        key = data.draw(st.sampled_from([*places] or ["before we came"]))
        user = data.draw(st.sampled_from(USERS))
        if step == "say":
            key = f"m{len(places)}"
            places[key] = len(places)
            events.append(said(key, seconds=data.draw(st.integers(-5, 5))))
        elif step == "again":
            events += data.draw(
                st.lists(st.sampled_from([one for one in events if one.message] or [read(key)]), max_size=1)
            )
        else:
            events.append(read_up_to(key, user) if step == "mark" else read(key, user))
    merge(made(Orderly), *batches(data, events))
    assert unread(told) == expected(events, places)
