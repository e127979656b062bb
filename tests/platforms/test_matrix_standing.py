"""How messages stand with a user right before he is texted: in few requests, and muted ones told from unread ones."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from notifier.platforms.base import Done, Later, No, Question, Reading, Standing
from notifier.wire import Answer, Failure, Request
from tests.platforms.matrix_cases import (
    ANN,
    AT,
    BEN,
    EVENT,
    ROOM,
    answer,
    ends,
    event,
    matrix,
    message,
    path_of,
    query_of,
    question,
    refusal,
)

SENT_AT = datetime.fromtimestamp(AT / 1000, UTC)
HOUR = 3_600_000
ROOT = "$root"
IN_THREAD: dict[str, Any] = {"m.relates_to": {"rel_type": "m.thread", "event_id": ROOT}}
READ, UNREAD, MUTED = Done(Standing.READ), Done(Standing.UNREAD), Done(Standing.MUTED)
DELETED, LEFT = Done(Standing.DELETED), Done(Standing.LEFT)


def entry(id_: str = EVENT, *, read: bool = False, ts: int = AT, **fields: Any) -> dict[str, Any]:
    told = {**message(), "event_id": id_}
    return {"room_id": ROOM, "actions": ["notify"], "ts": ts, "read": read, "event": told, **fields}


def listed(*entries: Any, next_token: str | None = None) -> Answer:
    return answer(200, {"notifications": list(entries), "next_token": next_token})


def shown(*, age: int = HOUR, at: int = AT, content: Any = None) -> Answer:
    told = message(**(content or {}))
    return answer(200, {**told, "origin_server_ts": at, "unsigned": {"age": age}})


def room(count: int = 0, marks: Any = None, threads: Any = None, conversation: str = ROOM) -> Answer:
    receipts = [{"type": "m.receipt", "content": marks}] if marks else []
    told = {
        "unread_notifications": {"notification_count": count},
        "unread_thread_notifications": {root: {"notification_count": n} for root, n in (threads or {}).items()},
        "ephemeral": {"events": receipts},
    }
    return answer(200, {"next_batch": "s1", "rooms": {"join": {conversation: told}}})


def mark(target: str, *, at: int = AT, kind: str = "m.read", **more: Any) -> dict[str, Any]:
    return {target: {kind: {BEN: {"ts": at, **more}}}}


def rules(**lists: Any) -> Answer:
    return answer(200, {"global": lists})


def asked(*answers: Answer, about: Question | None = None) -> tuple[Reading[Standing], list[Request]]:
    one = about or question(sent_at=SENT_AT)
    (steps,) = matrix().standing_steps([one])
    found, requests = ends(steps, *answers)
    assert set(found) == {one}
    return found[one], requests


def standing(*answers: Answer, about: Question | None = None) -> Reading[Standing]:
    return asked(*answers, about=about)[0]


# By the user's notifications


def test_all_of_a_users_messages_are_asked_about_in_one_request() -> None:
    one, two, other = question(), question("$two", conversation="!other"), question(user=ANN)
    bens, anns = matrix().standing_steps([one, two, other])
    found, requests = ends(bens, listed(entry("$two", read=True), entry()))
    assert found == {one: UNREAD, two: READ}
    assert [path_of(request) for request in requests] == ["v3/notifications"]
    assert query_of(requests[0]) == {"user_id": BEN, "limit": "100"}
    assert query_of(next(anns))["user_id"] == ANN


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (entry(), UNREAD),
        (entry(read=True), READ),
        (entry(event={**message(), "content": {}}), DELETED),
        (entry(event={**message(), "unsigned": {"redacted_because": {"type": "m.room.redaction"}}}), DELETED),
        (entry(actions=["dont_notify"]), MUTED),
    ],
)
def test_what_is_listed_is_believed(told: dict[str, Any], expected: object) -> None:
    assert standing(listed(told)) == expected


def test_further_pages_are_asked_for_until_the_message_is_found() -> None:
    full = [entry(f"${n}", ts=AT + 1000) for n in range(100)]
    found, requests = asked(listed(*full, next_token="99"), listed(entry(read=True)))
    assert found == READ
    assert [query_of(request).get("from") for request in requests] == [None, "99"]


def test_pages_end_where_the_message_would_have_been() -> None:
    older = [entry(f"${n}", ts=AT - 1) for n in range(100)]
    assert standing(listed(*older, next_token="99"), shown(), room()) == MUTED


def test_there_is_an_end_to_pages() -> None:
    full = listed(*[entry(f"${n}", ts=AT + 1000) for n in range(100)], next_token="99")
    found, requests = asked(*[full] * 5, shown(), room(1), rules())
    assert found == UNREAD
    assert len(requests) == 8


def test_where_large_messages_make_a_page_too_long_smaller_ones_are_asked_for() -> None:
    """Else whoever writes some of them would keep everybody in the room from being texted."""
    ten = [entry(f"${n}", ts=AT + 1000) for n in range(10)]
    too_long = Failure(True, "the answer is longer than 1048576 bytes")
    found, requests = asked(too_long, listed(*ten, next_token="9"), listed(entry()))
    assert found == UNREAD
    assert [query_of(request)["limit"] for request in requests] == ["100", "10", "10"]
    assert [query_of(request).get("from") for request in requests] == [None, None, "9"]
    assert standing(too_long, too_long) == Later(too_long.detail)


# What is not listed


def test_the_message_is_looked_at_and_then_the_room_where_nothing_is_listed() -> None:
    found, (_, event_asked, sync) = asked(listed(), shown(), room(marks=mark(EVENT)))
    assert found == READ
    assert path_of(event_asked) == f"v3/rooms/{ROOM}/event/{EVENT}"
    assert path_of(sync) == "v3/sync"
    asked_for = query_of(sync)
    assert (asked_for["user_id"], asked_for["timeout"], asked_for["set_presence"]) == (BEN, "0", "offline")
    looked = json.loads(asked_for["filter"])["room"]
    assert (looked["rooms"], looked["ephemeral"]) == ([ROOM], {"types": ["m.receipt"]})
    assert (looked["timeline"]["limit"], looked["timeline"]["unread_thread_notifications"]) == (1, True)


def test_no_two_looks_at_a_room_are_the_same_question() -> None:
    """Synapse answers an equal one from what it answered before, for two minutes."""
    looks = [query_of(asked(listed(), shown(), room())[1][-1])["filter"] for _ in range(2)]
    assert looks[0] != looks[1]


def test_all_rooms_are_looked_at_in_one_request() -> None:
    one, two = question(), question("$two", conversation="!other")
    (steps,) = matrix().standing_steps([one, two])
    joined = {ROOM: {"ephemeral": {"events": [{"type": "m.receipt", "content": mark(EVENT)}]}}}
    found, requests = ends(
        steps, listed(), shown(), shown(), answer(200, {"next_batch": "s1", "rooms": {"join": joined}})
    )
    assert found == {one: READ, two: LEFT}
    assert json.loads(query_of(requests[-1])["filter"])["room"]["rooms"] == sorted([ROOM, "!other"])


def test_many_rooms_are_looked_at_in_as_many_requests_as_urls_can_hold() -> None:
    """Synapse closes the connection at 16 kB."""
    questions = [question(f"${n}", conversation=f"!{n:03}{'!' * 40}") for n in range(50)]
    (steps,) = matrix().standing_steps(questions)
    nowhere = answer(200, {"next_batch": "s1"})
    found, requests = ends(steps, listed(), *[shown()] * 50, *[nowhere] * 3)
    assert set(found.values()) == {LEFT}
    assert max(len(request.url) for request in requests) < 8000
    looked = [json.loads(query_of(request)["filter"])["room"]["rooms"] for request in requests[-3:]]
    assert sorted(room for rooms in looked for room in rooms) == sorted(one.conversation for one in questions)


@pytest.mark.parametrize("content", [{}, None])
def test_a_deleted_message_is_told(content: object) -> None:
    gone = {**message(), "unsigned": {"redacted_because": {"type": "m.room.redaction"}}}
    told = answer(200, {**message(), "content": {}}) if content == {} else answer(200, gone)
    assert standing(listed(), told) == DELETED


@pytest.mark.parametrize(
    ("refused", "expected"), [(refusal(403, "M_FORBIDDEN"), LEFT), (refusal(404, "M_NOT_FOUND"), DELETED)]
)
def test_who_may_not_see_the_message_has_left(refused: Answer, expected: object) -> None:
    assert standing(listed(), refused) == expected


def test_who_is_not_in_the_room_has_left() -> None:
    assert standing(listed(), shown(), answer(200, {"next_batch": "s1"})) == LEFT


def test_where_nothing_is_unread_but_no_receipt_is_there_either_he_wants_not_to_be_told() -> None:
    assert standing(listed(), shown(), room(0)) == MUTED


def test_a_young_message_that_is_not_listed_beside_others_is_one_that_he_wants_not_to_be_told() -> None:
    """Such as in a room of which he is told only when he is mentioned."""
    assert standing(listed(), shown(age=HOUR), room(3)) == MUTED


def test_an_old_message_may_be_gone_from_the_list_and_is_decided_by_push_rules() -> None:
    found, requests = asked(listed(), shown(age=30 * HOUR), room(3), rules(override=[], room=[]))
    assert found == UNREAD
    assert path_of(requests[-1]) == "v3/pushrules/"


MASTER = {"rule_id": ".m.rule.master", "enabled": True, "conditions": [], "actions": []}
BY_ROOM = {"kind": "event_match", "key": "room_id", "pattern": ROOM}
BY_CONDITION = {
    "rule_id": ROOM,
    "enabled": True,
    "conditions": [BY_ROOM],
    "actions": ["dont_notify"],
}
FOR_ROOM = {"rule_id": ROOM, "enabled": True, "actions": []}


@pytest.mark.parametrize("silenced", [{"override": [MASTER]}, {"override": [BY_CONDITION]}, {"room": [FOR_ROOM]}])
def test_push_rules_mute_a_room(silenced: Any) -> None:
    assert standing(listed(), shown(age=30 * HOUR), room(3), rules(**silenced)) == MUTED


@pytest.mark.parametrize(
    "other",
    [
        {"override": [{**MASTER, "enabled": False}]},
        {"override": [{**BY_CONDITION, "conditions": [{"key": "room_id", "pattern": "!other"}]}]},
        {"override": [{**BY_CONDITION, "conditions": [BY_ROOM, BY_ROOM]}]},
        {"room": [{**FOR_ROOM, "actions": ["notify"]}]},
        {"room": 7, "override": [7, {"actions": 7, "conditions": [7]}]},
    ],
)
def test_other_push_rules_do_not(other: Any) -> None:
    assert standing(listed(), shown(age=30 * HOUR), room(3), rules(**other)) == UNREAD


@pytest.mark.parametrize(("silenced", "expected"), [({}, UNREAD), ({"room": [FOR_ROOM]}, MUTED)])
def test_a_notice_is_never_listed_so_push_rules_decide(silenced: Any, expected: object) -> None:
    assert standing(listed(), shown(content={"msgtype": "m.notice"}), room(0), rules(**silenced)) == expected


# By receipts


@pytest.mark.parametrize("kind", ["m.read", "m.read.private"])
@pytest.mark.parametrize(("later", "expected"), [(1, READ), (-1, MUTED)])
def test_a_receipt_at_another_message_is_placed_by_that_ones_time(kind: str, later: int, expected: object) -> None:
    found, requests = asked(
        listed(), shown(), room(marks=mark("$other", at=AT + 5000, kind=kind)), shown(at=AT + later)
    )
    assert found == expected
    assert path_of(requests[-1]) == f"v3/rooms/{ROOM}/event/$other"


def test_a_receipt_from_before_the_message_needs_no_look() -> None:
    assert standing(listed(), shown(), room(marks=mark("$other", at=AT - 1))) == MUTED


def test_a_receipt_whose_place_cannot_be_told_now_is_asked_about_later() -> None:
    found = standing(listed(), shown(), room(marks=mark("$other", at=AT + 1)), Failure(True, "reset"))
    assert found == Later("reset")


def test_other_peoples_receipts_say_nothing() -> None:
    marks = {EVENT: {"m.read": {ANN: {"ts": AT}}}}
    assert standing(listed(), shown(), room(marks=marks)) == MUTED


# In threads


THREADED = entry(read=True, event=message(**IN_THREAD))


def test_what_is_listed_of_a_thread_as_read_is_not_believed() -> None:
    told = room(threads={ROOT: 1})
    assert standing(listed(THREADED), told) == UNREAD


def test_nor_is_what_is_listed_of_the_same_room_outside_of_its_threads() -> None:
    """Synapse goes by any receipt of the room, such as a later one within a thread."""
    threaded = {**THREADED, "event": {**THREADED["event"], "event_id": "$in-thread"}}
    told = room(1, marks=mark("$in-thread", at=AT + 5000, thread_id=ROOT))
    assert standing(listed(threaded, entry(read=True)), told) == UNREAD
    elsewhere = {**threaded, "room_id": "!other"}
    assert standing(listed(elsewhere, entry(read=True))) == READ


def test_many_messages_of_a_room_with_threads_take_two_requests() -> None:
    entries = [entry(f"${n}", event={**message(**IN_THREAD), "event_id": f"${n}"}) for n in range(20)]
    (steps,) = matrix().standing_steps([question(f"${n}") for n in range(20)])
    found, requests = ends(steps, listed(*entries), room(threads={ROOT: 20}))
    assert set(found.values()) == {UNREAD}
    assert [path_of(request) for request in requests] == ["v3/notifications", "v3/sync"]


def test_a_thread_in_which_nothing_is_unread_was_read() -> None:
    assert standing(listed(THREADED), room(4)) == READ


@pytest.mark.parametrize(
    ("thread", "expected"), [({"thread_id": ROOT}, READ), ({}, READ), ({"thread_id": "main"}, UNREAD)]
)
def test_a_receipt_counts_in_its_thread_or_everywhere(thread: dict[str, Any], expected: object) -> None:
    told = room(threads={ROOT: 1}, marks=mark(EVENT, **thread))
    assert standing(listed(THREADED), told) == expected


# When it cannot be told


@pytest.mark.parametrize(
    "given",
    [
        [Failure(False, "refused")],
        [listed(), Failure(False, "refused")],
        [listed(), shown(), Failure(False, "refused")],
        [listed(), shown(age=30 * HOUR), room(1), Failure(False, "refused")],
    ],
)
def test_whatever_is_not_answered_is_asked_later(given: list[Answer]) -> None:
    assert standing(*given) == Later("refused")


def test_a_wrong_token_is_told_with_its_remedy() -> None:
    found = standing(refusal(401, "M_UNKNOWN_TOKEN"))
    assert isinstance(found, No)
    assert "MATRIX_AS_TOKEN" in found.reason


@pytest.mark.parametrize("body", [{}, {"notifications": 7}])
def test_an_odd_list_is_asked_for_again(body: object) -> None:
    assert isinstance(standing(answer(200, body)), Later)


def test_other_events_between_messages_do_no_harm() -> None:
    member = entry("$m", event=event("m.room.member", {"membership": "invite"}, state_key=BEN))
    assert standing(listed(7, {"event": 7}, member, entry())) == UNREAD
