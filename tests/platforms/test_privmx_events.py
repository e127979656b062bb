"""What a Bridge tells, in our words."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from notifier.platforms.base import ChatEvent, Kind, Part, Rank
from notifier.platforms.events import HIDDEN
from notifier.platforms.privmx import PrivmxPlatform
from notifier.platforms.privmx_kinds import EVENT_TYPES
from notifier.wire import Unreadable
from tests.platforms.privmx_cases import KVDB, STORE, THREAD, fixture, privmx

MESSAGE = "65a000000000000000000001"
AT = datetime(2023, 11, 14, 22, 18, 20, tzinfo=UTC)


def parsed(name: str, **options: str) -> ChatEvent:
    return privmx(**options).parse(fixture(name))[-1]


def changed(name: str, **data: Any) -> bytes:
    told = json.loads(fixture(name))
    told["push"]["data"] |= data
    return json.dumps(told).encode()


@pytest.mark.parametrize("type_", EVENT_TYPES)
def test_every_event_of_a_bridge_means_what_its_name_says(type_: str) -> None:
    event = parsed(type_)
    assert event.type == type_
    assert event.kind is expected(type_)
    assert event.conversation is not None
    assert event.at is not None
    assert (event.message is None) is (event.kind in (Kind.CONVERSATION, Kind.OTHER) or type_ in GONE_CONTAINERS)


GONE_CONTAINERS = ("threadDeleted", "storeDeleted", "inboxDeleted", "streamRoomDeleted", "kvdbDeleted")
NEW = ("threadNewMessage", "storeFileCreated", "kvdbNewEntry", "streamRoomCreated")


def expected(type_: str) -> Kind:
    if type_ in NEW:
        return Kind.SENT
    if type_ in ("threadUpdatedMessage", "storeFileUpdated", "kvdbUpdatedEntry"):
        return Kind.EDITED
    if "Deleted" in type_:
        return Kind.DELETED
    return Kind.OTHER if "Stats" in type_ else Kind.CONVERSATION


def test_it_reads_a_message_with_its_words_hidden() -> None:
    event = parsed("threadNewMessage")
    assert event.message is not None
    assert (event.message.id, event.message.sender_id, event.message.sender_name) == (MESSAGE, "ann", None)
    assert event.message.parts == (Part(HIDDEN),)
    assert event.message.sent_at == datetime(2023, 11, 14, 22, 16, 40, tzinfo=UTC)
    assert (event.conversation, event.context, event.at) == (THREAD, "C1", AT)
    assert event.statuses == {"ben": Rank.SENT, "cid": Rank.SENT}


def test_it_shows_what_the_application_put_into_the_clear() -> None:
    event = parsed("threadNewMessage", text_key="subject")
    assert event.message is not None
    assert event.message.parts == (Part("text/plain", "Lunch at noon?"),)


@pytest.mark.parametrize("meta", [None, "Lunch", {}, {"subject": 7}, {"subject": ""}, {"subject": {"a": "b"}}])
def test_words_that_are_not_there_are_hidden(meta: object) -> None:
    (event,) = privmx(text_key="subject").parse(changed("threadNewMessage", publicMeta=meta))
    assert event.message is not None
    assert event.message.parts == (Part(HIDDEN),)


@pytest.mark.parametrize(
    ("name", "words", "id_"),
    [
        ("storeFileCreated", "[new file]", "file:65a000000000000000000002"),
        ("kvdbNewEntry", "[new entry]", f"kvdb:{KVDB}/menu/today"),
        ("streamRoomCreated", "[new room]", "room:65a0000000000000000000dd"),
        ("inbox_entry", "[new entry]", "65a000000000000000000003"),
    ],
)
def test_whatever_else_is_new_is_named(name: str, words: str, id_: str) -> None:
    event = parsed(name)
    assert event.message is not None
    assert (event.message.id, event.message.parts) == (id_, (Part("text/plain", words),))
    assert event.statuses.keys() >= {"ben", "cid"}


def test_a_change_and_a_deletion_are_of_the_item_that_was_new() -> None:
    for new, changed_, deleted in (
        ("threadNewMessage", "threadUpdatedMessage", "threadDeletedMessage"),
        ("storeFileCreated", "storeFileUpdated", "storeFileDeleted"),
        ("kvdbNewEntry", "kvdbUpdatedEntry", "kvdbDeletedEntry"),
    ):
        messages = [parsed(name).message for name in (new, changed_, deleted)]
        assert len({one.id for one in messages if one}) == 1
        assert len({parsed(name).conversation for name in (new, changed_, deleted)}) == 1


def test_an_entry_of_an_inbox_is_by_nobody_and_no_bot() -> None:
    event = parsed("inbox_entry")
    assert event.message is not None
    assert (event.message.sender_id, event.message.sender_name, event.actor) == (None, None, None)
    assert event.statuses == dict.fromkeys(["ann", "ben", "cid"], Rank.SENT)


def test_a_container_tells_who_is_in_it_since_its_last_change() -> None:
    event = parsed("threadUpdated", title_key="about.title")
    assert (event.title, event.participants) == ("Lunch club", ["ann", "ben", "cid"])
    assert event.at == datetime(2023, 11, 14, 22, 15, 0, tzinfo=UTC)
    assert event.encrypted


def test_titles_are_told_only_where_a_key_says_where() -> None:
    assert parsed("threadUpdated").title is None
    assert parsed("threadUpdated", title_key="other").title == ""


def test_the_first_message_tells_of_its_thread_too() -> None:
    about, sent = privmx(title_key="about.title").parse(fixture("first_of_its_thread"))
    assert (about.kind, about.title, about.participants) == (Kind.CONVERSATION, "Lunch club", ["ann", "ben", "cid"])
    assert about.key != sent.key
    assert sent.kind is Kind.SENT


def test_two_edits_of_one_message_are_two_events() -> None:
    first = json.loads(fixture("threadUpdatedMessage"))
    second = {**first, "push": {**first["push"], "timestamp": first["push"]["timestamp"] + 1}}
    keys = {platform_key(json.dumps(one).encode()) for one in (first, second)}
    assert len(keys) == 2


def platform_key(body: bytes, platform: PrivmxPlatform | None = None) -> str:
    return (platform or privmx()).parse(body)[-1].key


def test_the_same_message_told_later_is_the_same_event() -> None:
    told = json.loads(fixture("threadNewMessage"))
    later = {"container": None, "push": {**told["push"], "timestamp": 1}}
    assert platform_key(json.dumps(later).encode()) == platform_key(fixture("threadNewMessage"))


def test_the_key_of_an_entry_may_be_of_any_length() -> None:
    long = changed("kvdbNewEntry", kvdbEntryKey="k" * 5000)
    (event,) = privmx().parse(long)
    assert event.message is not None
    assert len(event.message.id) < 255
    assert len(event.key) < 255
    assert event.key != platform_key(changed("kvdbNewEntry", kvdbEntryKey="k" * 5001))


def test_an_event_that_nobody_knows_is_kept_as_other() -> None:
    body = json.dumps({"push": {"channel": "thread", "type": "threadSang", "data": {"threadId": THREAD}}}).encode()
    (event,) = privmx().parse(body)
    assert (event.kind, event.type, event.conversation) == (Kind.OTHER, "threadSang", THREAD)


@pytest.mark.parametrize(
    ("name", "data", "field"),
    [
        ("threadNewMessage", {"id": None}, "push.data.id"),
        ("threadNewMessage", {"threadId": 7}, "in which container"),
        ("storeFileDeleted", {"id": ""}, "push.data.id"),
        ("kvdbNewEntry", {"kvdbEntryKey": 1}, "push.data.kvdbEntryKey"),
    ],
)
def test_what_cannot_be_read_is_named(name: str, data: dict[str, Any], field: str) -> None:
    with pytest.raises(Unreadable, match=field):
        privmx().parse(changed(name, **data))


@pytest.mark.parametrize("stamp", [None, "x", True, -1, 10**20, 1.5])
def test_no_event_is_lost_for_its_stamp(stamp: object) -> None:
    (event,) = privmx().parse(changed("storeFileCreated", created=stamp))
    assert event.message is not None
    assert event.message.sent_at is None
    assert event.conversation == STORE
