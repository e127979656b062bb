"""What the pretended Bridge pushes, and to whom, as a stock one does."""

import json

import pytest
from websockets.sync.client import connect

from tests.privmx import codes
from tests.privmx.access import Key
from tests.privmx.bridge import Bridge
from tests.privmx.callers import ask, call, code, hearer, log_in


def test_a_message_is_pushed_with_the_thread_s_numbers_after_it(bridge: Bridge, thread: str) -> None:
    with hearer(bridge, "thread") as ear:
        message = bridge.world.write(thread, "ann", {"subject": "Lunch"})
        new, stats = ear.hears(), ear.hears()
    assert "id" not in new
    assert (new["channel"], new["type"]) == ("thread", "threadNewMessage")
    assert new["data"] == {
        "id": message,
        "contextId": "C1",
        "threadId": thread,
        "createDate": new["data"]["createDate"],
        "author": "ann",
        "keyId": "k1",
        "publicMeta": {"subject": "Lunch"},
    }
    assert stats["type"] == "threadStats"
    assert set(stats["data"]) == {"threadId", "lastMsgDate", "messages"}


def test_binding_and_subscribing_are_for_sockets_with_a_good_token(bridge: Bridge) -> None:
    token = log_in(bridge)["accessToken"]
    assert code(ask(bridge, "manager/bindAccessToken", accessToken=token)) == codes.SOCKET_ONLY
    assert code(ask(bridge, "manager/subscribeToChannel", channels=["thread"])) == codes.SOCKET_ONLY
    with hearer(bridge) as ear:
        assert code(ear.ask("manager/bindAccessToken", accessToken="nonsense")) == codes.BAD_TOKEN
    with connect(f"ws://127.0.0.1:{bridge.port}/api") as wire:
        wire.send(call("manager/subscribeToChannel", {"channels": ["thread"]}))
        assert code(json.loads(wire.recv(5))) == codes.UNAUTHORIZED


@pytest.mark.parametrize(
    ("channels", "expected"),
    [(["context"], codes.BAD_PARAMETERS), (["thread"] * 17, codes.BAD_PARAMETERS), (["store"], codes.BAD_SCOPE)],
)
def test_a_subscription_that_is_refused(bridge: Bridge, channels: list[str], expected: int) -> None:
    with hearer(bridge, scope=["thread", "solution:*"]) as ear:
        assert code(ear.ask("manager/subscribeToChannel", channels=channels)) == expected


def test_without_a_solution_among_its_scopes_a_subscription_is_taken_and_stays_mute(
    bridge: Bridge, thread: str
) -> None:
    with hearer(bridge, "thread", scope=["thread"]) as ear:
        bridge.world.write(thread, "ann")
        assert ear.hears_nothing()
        assert code(ear.ask("thread/getThread", threadId=thread)) == codes.ACCESS_DENIED


def test_only_the_solutions_of_the_scope_are_heard(bridge: Bridge, thread: str) -> None:
    bridge.access.add_key(Key("one", "S", scopes=["thread", "solution:S2"]))
    other = bridge.world.create_thread(bridge.world.add_context("C2", ["eve"], solution="S2"), ["eve"])
    bridge.key = bridge.access.keys["one"]
    with hearer(bridge, "thread") as ear:
        bridge.world.write(thread, "ann")
        message = bridge.world.write(other, "eve")
        assert ear.hears()["data"]["id"] == message


def test_pushes_go_on_when_the_token_has_expired_and_calls_do_not(bridge: Bridge, thread: str) -> None:
    with hearer(bridge, "thread") as ear:
        bridge.access.expire()
        assert code(ear.ask("thread/getThread", threadId=thread)) == codes.UNAUTHORIZED
        bridge.world.write(thread, "ann")
        assert ear.heard(1) == ["threadNewMessage"]


def test_who_unsubscribes_hears_no_more(bridge: Bridge, thread: str) -> None:
    with hearer(bridge, "thread") as ear:
        assert ear.ask("manager/unsubscribeFromChannel", channels=["thread"])["result"] == "OK"
        bridge.world.write(thread, "ann")
        assert ear.hears_nothing()


def test_what_happens_while_nobody_is_there_is_told_to_nobody(bridge: Bridge, thread: str) -> None:
    bridge.world.write(thread, "ann")
    with hearer(bridge, "thread") as ear:
        assert ear.hears_nothing()
    with bridge.away():
        bridge.world.write(thread, "ann")
    with hearer(bridge, "thread") as ear:
        assert ear.hears_nothing()


def test_an_inbox_entry_comes_as_a_message_of_the_thread_behind_it(bridge: Bridge) -> None:
    inbox = bridge.world.create_inbox("C1", ["ben"])
    with hearer(bridge, "thread", "store", "inbox") as ear:
        bridge.world.enter(inbox, files=1)
        bridge.world.change(inbox)
        file, files, entry, changed = (ear.hears() for _ in range(4))
    assert (file["type"], files["type"]) == ("storeFileCreated", "storeStatsChanged")
    assert (entry["channel"], entry["type"]) == ("thread", "threadNewMessage")
    assert (entry["data"]["author"], entry["data"]["keyId"]) == ("<anonymous>", f"<inbox-{inbox}>")
    assert changed["type"] == "inboxUpdated"  # no threadStats came between
    assert bridge.world.containers[entry["data"]["threadId"]].shown["messages"] == 1


def test_every_change_has_its_event(bridge: Bridge, thread: str) -> None:
    world, channels = bridge.world, ("thread", "store", "stream", "inbox", "kvdb")
    with hearer(bridge, *channels) as ear:
        store, kvdb = world.create_store("C1", ["ann"]), world.create_kvdb("C1", ["ann"])
        room = world.create_stream_room("C1", ["ann"])
        assert ear.heard(3) == ["storeCreated", "kvdbCreated", "streamRoomCreated"]
        message, file, entry = world.write(thread, "ann"), world.upload(store, "ann"), world.put(kvdb, "ann", key="x")
        assert ear.heard(2) == ["threadNewMessage", "threadStats"]
        assert ear.heard(4) == ["storeFileCreated", "storeStatsChanged", "kvdbNewEntry", "kvdbStats"]
        for one in (message, file, entry):
            world.edit(one)
        assert ear.heard(3) == ["threadUpdatedMessage", "storeFileUpdated", "kvdbUpdatedEntry"]
        for one in (message, file, entry):
            world.remove(one)
        assert ear.heard(2) == ["threadDeletedMessage", "threadStats"]
        assert ear.heard(4) == ["storeFileDeleted", "storeStatsChanged", "kvdbDeletedEntry", "kvdbStats"]
        for one in (thread, store, kvdb, room):
            world.delete(one)
        assert ear.heard(4) == ["threadDeleted", "storeDeleted", "kvdbDeleted", "streamRoomDeleted"]
