"""What happened while nobody listened, found by walking what the Bridge holds."""

from typing import Any

import pytest

from notifier.platforms.privmx_place import Place
from notifier.platforms.socket import BrokenError, Taken
from tests.platforms.privmx_cases import (
    KVDB,
    LIMITED,
    START,
    STORE,
    THREAD,
    Talk,
    World,
    container,
    error,
    lunch,
    message,
    privmx,
    push,
)

OTHER = "65a0000000000000000000ab"


def ids(talk: Talk) -> list[str]:
    return [event.message.id for event in talk.events if event.message]


def file(number: int, at: int) -> dict[str, Any]:
    told = message(number, at)
    return {"id": told["id"], "storeId": STORE, "created": START + at, "creator": "ann", "keyId": "k"}


def test_nothing_older_than_the_very_first_start_is_news() -> None:
    first = Talk(privmx(), lunch(message(1, 5000))).open()
    assert first.told == []
    assert first.place == {"floor": START + 5000, "newest": START + 5000}
    assert Talk(privmx(), lunch(message(1, 5000)), first.place).open().told == []


HOURS = 3_600_000


def test_a_chat_that_comes_to_sight_later_brings_nothing_of_before_the_first_start() -> None:
    """As with a key that may see no context at first: all that was ever written would be texted."""
    first = Talk(privmx(), World()).open()
    later = Talk(privmx(), lunch(message(1, -2 * HOURS), message(2, 5000)), first.place).open()
    assert ids(later) == [message(2, 5000)["id"]]


def test_nor_does_another_bridge_bring_what_is_older_than_the_last_quiet_half_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    talk = Talk(privmx(), lunch(message(1, 5000))).open()
    monkeypatch.setattr(talk.session, "_clock", lambda: START + 24 * HOURS)
    talk.wait(1801)
    other = Talk(privmx(), lunch(message(2, 20 * HOURS), message(3, 23 * HOURS + 5000)), talk.place).open()
    assert ids(other) == [message(3, 23 * HOURS + 5000)["id"]]


def test_a_stamp_of_a_clock_that_was_set_wrong_hides_nothing_that_comes_after_it() -> None:
    talk = Talk(privmx(), lunch()).open().push(push("threadNewMessage", message(1, 5000 * HOURS)))
    talk.wait(60)
    written = message(2, 2 * HOURS)
    assert written["id"] in ids(Talk(privmx(), lunch(written), talk.place).open())


def test_who_was_removed_while_it_catches_up_is_not_told() -> None:
    first = Talk(privmx(), lunch()).open()
    talk = Talk(privmx(), lunch(message(1, 5000)), first.place)
    talk.world.fails("thread/listThreadMessages", LIMITED)
    talk.open().push(push("threadUpdated", container(THREAD, users=["ann"], lastModificationDate=START + 4000)))
    talk.wait(1.1).push(push("threadNewMessage", message(2, 6000)))
    sent = [event for event in talk.events if event.message]
    assert [list(event.statuses) for event in sent] == [["cid"], ["cid"]]


def test_the_place_of_a_walk_through_thousands_of_threads_is_not_written_for_each_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("notifier.platforms.privmx_session._SMALL_WALK", 10)
    names = [f"{number:024x}" for number in range(60)]
    world = World(
        containers={"thread": [container(name, START + 5000) for name in names]},
        items={name: [message(number, 5000, name)] for number, name in enumerate(names)},
    )
    first = Talk(privmx(), lunch()).open()
    talk = Talk(privmx(), world, first.place)
    written: list[object] = []
    took = talk._took

    def noted(taken: Taken) -> None:
        written.append(taken.place)
        took(taken)

    monkeypatch.setattr(talk, "_took", noted)
    talk.open()
    assert len(ids(talk)) == 60
    assert sum(place is not None for place in written) < 15


def test_what_was_written_while_we_were_away_is_news() -> None:
    first = Talk(privmx(), lunch(message(1, 5000))).open()
    second = Talk(privmx(), lunch(message(1, 5000), message(2, 5001), message(3, 99_000)), first.place).open()
    assert ids(second) == [message(2, 5001)["id"], message(3, 99_000)["id"]]
    assert second.count("thread/getThread") == 0
    assert second.events[1].statuses.keys() == {"ben", "cid"}


def test_what_was_written_before_the_first_start_was_over_is_told_once() -> None:
    first = Talk(privmx(), lunch())
    first.world.fails("thread/listThreads", LIMITED)
    first.open().push(push("threadNewMessage", message(1, 5000)))
    first.world.containers["thread"][0]["lastMsgDate"] = START + 5000
    first.wait(1.1)
    assert ids(first) == [message(1, 5000)["id"]]
    assert Talk(privmx(), lunch(message(1, 5000)), first.place).open().told == []


def test_the_messages_of_a_new_thread_are_news() -> None:
    first = Talk(privmx(), lunch()).open()
    world = World(containers={"thread": [container(OTHER, START + 9000)]}, items={OTHER: [message(1, 9000, OTHER)]})
    assert ids(Talk(privmx(), world, first.place).open()) == [message(1, 9000)["id"]]


def test_a_thread_without_news_is_not_walked() -> None:
    first = Talk(privmx(), lunch(message(1, 5000))).open()
    assert Talk(privmx(), lunch(), first.place).open().count("thread/listThreadMessages") == 0


def test_it_pages_through_contexts_threads_and_messages() -> None:
    texts = [message(number, 1000 + number) for number in range(250)]
    world = lunch(*texts)
    world.containers["thread"] += [container(f"{number:024x}") for number in range(150)]
    first = Talk(privmx(), lunch()).open()
    talk = Talk(privmx(), world, first.place).open()
    assert ids(talk) == [one["id"] for one in texts]
    assert (talk.count("thread/listThreads"), talk.count("thread/listThreadMessages")) == (2, 3)


def test_each_page_is_told_no_later_than_the_place_moves_past_it() -> None:
    texts = [message(number, 1000 * (number + 1)) for number in range(250)]
    first = Talk(privmx(), lunch()).open()
    cut = Talk(privmx(), lunch(*texts), first.place)
    cut.world.fails(
        "thread/listThreadMessages", answer_of(cut.world, texts, 0), answer_of(cut.world, texts, 100), LIMITED
    )
    cut.open()
    assert not cut.session.caught_up
    assert (len(cut.told), cut.place["walked"]) == (200, {THREAD: texts[199]["id"]})
    again = Talk(privmx(), lunch(*texts), cut.place).open()
    assert ids(again) == [one["id"] for one in texts[189:]]  # and what came in the 10 s before
    assert "walked" not in again.place


def answer_of(world: World, rows: list[dict[str, Any]], start: int) -> dict[str, Any]:
    return {"result": {"list": rows[start : start + 100], "count": len(rows) - start}}


def test_a_push_during_the_walk_is_told_at_once_and_moves_no_place() -> None:
    first = Talk(privmx(), lunch()).open()
    talk = Talk(privmx(), lunch(message(1, 5000)), first.place)
    talk.world.fails("thread/listThreadMessages", LIMITED)
    talk.open().push(push("threadUpdated", container(THREAD)), push("threadNewMessage", message(9, 90_000)))
    assert ids(talk) == [message(9, 90_000)["id"]]
    assert talk.place == first.place
    talk.wait(1.1)
    assert ids(talk) == [message(9, 90_000)["id"], message(1, 5000)["id"]]
    assert talk.place["newest"] == START + 90_000


def test_what_was_told_is_looked_at_again_for_some_seconds_under_the_same_key() -> None:
    talk = Talk(privmx(), lunch()).open().push(push("threadNewMessage", message(2, 50_000)))
    late = lunch(message(1, 45_000), message(2, 50_000))
    again = Talk(privmx(), late, talk.place).open()
    assert ids(again) == [message(1, 45_000)["id"], message(2, 50_000)["id"]]
    assert again.keys[1] == talk.keys[0]


def test_after_half_a_quiet_minute_it_is_not_told_again_ever() -> None:
    talk = Talk(privmx(), lunch()).open().push(push("threadNewMessage", message(2, 50_000)))
    assert talk.place["floor"] == START
    assert talk.wait(29.9).place["floor"] == START
    talk.wait(0.2)
    assert talk.place == {"floor": START + 50_000, "newest": START + 50_000}
    assert Talk(privmx(), lunch(message(2, 50_000)), talk.place).open().told == []


def test_the_place_waits_for_a_message_that_waits_for_its_thread() -> None:
    talk = Talk(privmx(), lunch()).open()
    before = talk.place
    talk.silent = True
    room = container(OTHER, createDate=START + 90_000)
    talk.push(push("threadNewMessage", message(2, 50_000)), push("streamRoomCreated", room, channel="stream"))
    assert talk.place == before
    assert talk.answers().place["newest"] == START + 90_000


def test_files_entries_and_rooms_are_found_too() -> None:
    channels = "store,kvdb,stream"
    first = Talk(privmx(channels=channels), World()).open()
    entry = {"kvdbEntryKey": "menu", "kvdbId": KVDB, "createDate": START + 5000, "author": "ann"}
    room = container(message(3, 5000)["id"], createDate=START + 5000)
    world = World(
        containers={"store": [container(STORE)], "kvdb": [container(KVDB)], "stream": [room]},
        items={STORE: [file(1, 5000)], KVDB: [entry]},
    )
    talk = Talk(privmx(channels=channels), world, first.place).open()
    assert ids(talk) == [f"file:{file(1, 5000)['id']}", f"kvdb:{KVDB}/menu", f"room:{room['id']}"]


def test_a_walk_of_entries_begins_anew_for_keys_come_in_no_order_of_time() -> None:
    first = Talk(privmx(channels="kvdb"), World()).open()
    entries = [
        {"kvdbEntryKey": f"{key:04}", "kvdbId": KVDB, "createDate": START + 5000, "author": "ann"} for key in range(150)
    ]
    world = World(containers={"kvdb": [container(KVDB, START + 5000)]}, items={KVDB: entries[50:]})
    cut = Talk(privmx(channels="kvdb"), world, first.place)
    cut.world.fails("kvdb/listKvdbEntries", answer_of(world, entries[50:], 0), LIMITED)
    assert len(cut.open().told) == 100
    world.items[KVDB] = entries
    assert len(Talk(privmx(channels="kvdb"), world, cut.place).open().told) == 150


def test_a_thread_that_is_deleted_meanwhile_is_passed_over() -> None:
    first = Talk(privmx(), lunch()).open()
    talk = Talk(privmx(), lunch(message(1, 5000)), first.place)
    talk.world.fails("thread/listThreadMessages", error(24577))
    assert talk.open().session.caught_up


def test_a_bridge_that_wants_the_start_of_a_page_to_exist_is_walked_from_its_beginning() -> None:
    first = Talk(privmx(), lunch()).open()
    talk = Talk(privmx(), lunch(message(1, 5000)), first.place)
    talk.world.fails("thread/listThreadMessages", error(24867))
    assert ids(talk.open()) == [message(1, 5000)["id"]]


def test_a_walk_that_is_refused_ends_the_connection_and_not_the_place() -> None:
    first = Talk(privmx(), lunch()).open()
    talk = Talk(privmx(), lunch(message(1, 5000)), first.place)
    talk.world.fails("thread/listThreadMessages", *([error(-32603)] * 3))
    with pytest.raises(BrokenError):
        talk.open()
    assert talk.place == first.place


@pytest.mark.parametrize("place", [{"newest": "x"}, {"newest": None, "walked": 7}, {"newest": 5, "walked": {"a": 1}}])
def test_a_place_that_is_not_ours_does_no_harm(place: dict[str, Any]) -> None:
    assert Talk(privmx(), lunch(), place).open().session.caught_up


@pytest.mark.parametrize("newest", ["x", None, True, -1, 1.5, 10**14])
def test_a_place_that_cannot_be_read_is_as_the_very_first_start(newest: object) -> None:
    """Rather than all that was ever written, texted at once."""
    assert Talk(privmx(), lunch(message(1, 5000)), {"newest": newest}).open().told == []


def test_a_place_is_small_whatever_it_has_seen() -> None:
    talk = Talk(privmx(), lunch()).open()
    for number in range(500):
        talk.push(push("threadNewMessage", message(number, number, f"{number:024x}")))
    assert len(str(talk.place)) < 100


def test_an_id_to_begin_from_is_before_all_of_its_second() -> None:
    assert Place(START, START).begin_id == "6553f100" + "0" * 16
    assert Place(0, START).begin_id < message(1, -10_000)["id"] < message(1, 0)["id"]
