"""What a stock PrivMX Bridge was seen to do, and so the pretended one does: calls, lists, limits and losses."""

import json
import socket
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from tests.privmx import codes
from tests.privmx.bridge import Bridge
from tests.privmx.callers import ask, call, code, credentials, hearer, log_in, post
from tests.waiting import eventually

PAGE = {"from": None, "limit": 100, "sortOrder": "asc"}


def test_errors_come_with_status_200(bridge: Bridge) -> None:
    token = log_in(bridge)["accessToken"]
    assert code(ask(bridge, "thread/shout", token=token)) == codes.NO_METHOD
    assert code(ask(bridge, "thread/getThread", token=token)) == codes.BAD_PARAMETERS
    assert code(ask(bridge, "thread/getThread", token=token, threadId="0" * 24)) == codes.NO_THREAD
    assert code(ask(bridge, "thread/getThreadMessage", token=token, threadMessageId="0" * 24)) == codes.NO_MESSAGE
    assert code(ask(bridge, "context/getContext", token=token, contextId="C9")) == codes.NO_CONTEXT
    assert code(ask(bridge, "thread/getThread", threadId="0" * 24)) == codes.UNAUTHORIZED


@pytest.mark.parametrize("body", ["{", "[]", '{"jsonrpc": "2.0", "id": 1, "method": "manager/auth"}'])
def test_what_is_no_call_is_answered_without_an_id(bridge: Bridge, body: str) -> None:
    answer = post(bridge, body)
    assert answer.status_code == 200
    assert set(answer.json()) == {"jsonrpc", "error"}
    assert code(answer.json()) == codes.PARSE_ERROR


def test_it_says_that_it_is_well(bridge: Bridge) -> None:
    assert requests.get(f"{bridge.url}/health", timeout=5).json() == {"status": "ok"}
    assert requests.get(f"{bridge.url}/api", timeout=5).status_code == 404


def test_calls_over_a_socket_are_text_or_binary_and_the_path_only_ends_in_api(bridge: Bridge) -> None:
    with connect(f"ws://127.0.0.1:{bridge.port}/some/where/api") as wire:
        for frame in (call("manager/shout", {}), call("manager/shout", {}).encode()):
            wire.send(frame)
            answer = wire.recv(5)
            assert isinstance(answer, str)
            assert code(json.loads(answer)) == codes.NO_METHOD


def test_a_list_goes_on_after_an_id_that_need_not_exist_any_more(bridge: Bridge, thread: str) -> None:
    written = [bridge.world.write(thread, "ann") for _ in range(5)]
    bridge.world.remove(written[1])
    with hearer(bridge) as ear:
        whole = ear.ask("thread/listThreadMessages", threadId=thread, **PAGE)["result"]
        after = {"from": written[1], "limit": 2, "sortOrder": "asc"}
        rest = ear.ask("thread/listThreadMessages", threadId=thread, **after)["result"]
        fallen = ear.ask("thread/listThreadMessages", threadId=thread, **{**after, "sortOrder": "desc"})["result"]
    assert [one["id"] for one in whole["list"]] == [written[0], *written[2:]]
    assert [one["id"] for one in rest["list"]] == written[2:4]
    assert rest["count"] == 3
    assert [one["id"] for one in fallen["list"]] == [written[0]]


@pytest.mark.parametrize("limit", [0, 101])
def test_a_page_has_1_to_100_rows(bridge: Bridge, thread: str, limit: int) -> None:
    token = log_in(bridge)["accessToken"]
    asked = {"threadId": thread, "from": None, "limit": limit, "sortOrder": "asc"}
    assert code(ask(bridge, "thread/listThreadMessages", token=token, **asked)) == codes.BAD_PARAMETERS


def test_threads_behind_inboxes_are_listed_too(bridge: Bridge, thread: str) -> None:
    inbox = bridge.world.create_inbox("C1", ["ben"])
    bridge.world.enter(inbox)
    found = ask(bridge, "thread/listThreads", token=log_in(bridge)["accessToken"], contextId="C1", **PAGE)["result"]
    assert [(one["id"], one["messages"]) for one in found["list"]] == [
        (thread, 0),
        (bridge.world.containers[inbox].thread, 1),
    ]


def test_the_users_of_a_context_are_under_a_key_of_their_own(bridge: Bridge) -> None:
    token = log_in(bridge)["accessToken"]
    asked = {"contextId": "C1", "skip": 1, "limit": 10, "sortOrder": "asc"}
    found = ask(bridge, "context/listUsersFromContext", token=token, **asked)["result"]
    assert [one["userId"] for one in found["users"]] == ["ben"]
    assert set(found) == {"users", "count"}
    assert set(found["users"][0]) == {"userId", "pubKey", "created", "contextId", "acl"}


def test_ids_rise_by_the_second_and_with_two_servers_not_within_one(bridge: Bridge, thread: str) -> None:
    bridge.world.ids.processes = 2
    first, *others = [bridge.world.write(thread, "ann", at=1_700_000_000 + second) for second in (0, 1, 1, 1)]
    assert len(first) == 24
    assert all(first < other for other in others)
    assert others != sorted(others)


def test_too_many_calls_are_answered_by_a_result_of_another_form(bridge: Bridge) -> None:
    bridge.limit.on, bridge.limit.credits, bridge.limit.per_second = True, 10.0, 0.0
    assert "accessToken" in ask(bridge, "manager/auth", **credentials(bridge))["result"]
    answer = post(bridge, call("manager/auth", credentials(bridge)))
    assert answer.status_code == 200
    assert answer.json()["result"]["code"] == 429
    assert "body" in answer.json()["result"]


def test_who_does_not_answer_pings_is_cut_off_and_who_does_is_not() -> None:
    with Bridge(ping_seconds=0.1) as hasty, hearer(hasty) as good, opened_by_hand(hasty) as silent:
        silent.settimeout(5)
        while silent.recv(4096):  # the handshake, a ping, and the end
            pass
        assert eventually(lambda: hasty.connected == 1)
        assert good.ask("manager/unsubscribeFromChannel", channels=[])["result"] == "OK"


def opened_by_hand(bridge: Bridge) -> socket.socket:
    """A WebSocket of which nobody reads."""
    made = socket.create_connection(("127.0.0.1", bridge.port))
    wanted = {"Host": "x", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    fields = "".join(f"{name}: {value}\r\n" for name, value in wanted.items())
    made.sendall(f"GET /api HTTP/1.1\r\n{fields}Sec-WebSocket-Key: {'A' * 22}==\r\n\r\n".encode())
    return made


@pytest.mark.parametrize("way", ["in", "out"])
def test_a_connection_is_cut_before_or_after_a_call_is_done(bridge: Bridge, thread: str, way: Any) -> None:
    fault = bridge.faults.cut(way, "manager/unsubscribeFromChannel")
    with pytest.raises(ConnectionClosedError) as ended, hearer(bridge, "thread") as ear:
        ear.ask("manager/unsubscribeFromChannel", channels=[])
    assert ended.value.rcvd is None  # as 1006 is seen
    assert fault.done.is_set()
    assert bridge.asked("manager/unsubscribeFromChannel") == (1 if way == "out" else 0)


def test_a_frame_is_lost_and_a_call_limited_when_it_is_told_to(bridge: Bridge, thread: str) -> None:
    bridge.faults.swallow("out", "threadNewMessage", at=2)
    bridge.faults.limit("thread/getThread")
    with hearer(bridge, "thread") as ear:
        first, _, third = [bridge.world.write(thread, "ann") for _ in range(3)]
        pushed = [ear.hears() for _ in range(5)]
        assert [one["data"]["id"] for one in pushed if one["type"] == "threadNewMessage"] == [first, third]
        assert ear.ask("thread/getThread", threadId=thread)["result"]["code"] == 429
        assert ear.ask("thread/getThread", threadId=thread)["result"]["thread"]["id"] == thread
    assert eventually(lambda: bridge.connected == 0)
