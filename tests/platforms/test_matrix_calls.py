"""What a homeserver calls us with: who may, what is kept of it, and what it is answered."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifier.platforms.base import Reply
from notifier.wire import Call, Forged, Unreadable
from tests.platforms.contract import JSON, complaint
from tests.platforms.matrix_cases import (
    ANN,
    BEN,
    EVENT,
    ROOM,
    SECRET,
    call,
    event,
    matrix,
    message,
    received,
    transaction,
)

RECEIPT = {"type": "m.receipt", "room_id": ROOM, "content": {EVENT: {"m.read": {BEN: {"ts": 1}}}}}


def replied(made: Call) -> tuple[int, dict[str, object]]:
    reply = matrix().receive(made, [SECRET])
    assert isinstance(reply, Reply)
    assert reply.content_type == "application/json"
    return reply.status, json.loads(reply.text)


def test_a_transaction_becomes_an_event_each_in_its_order() -> None:
    first, second = message("one", body="one"), {**message("two"), "event_id": "$second"}
    found = received(transaction(first, second))
    assert [one.envelope.key for one in found] == [EVENT, "$second"]
    assert [one.envelope.conversation for one in found] == [ROOM, ROOM]
    assert [one.envelope.type for one in found] == ["m.room.message", "m.room.message"]
    assert [json.loads(one.body) for one in found] == [first, second]


def test_the_number_of_a_transaction_is_no_identity() -> None:
    """It starts again after a restart of the homeserver."""
    assert received(transaction(message(), number="1")) == received(transaction(message(), number="2"))
    assert received(transaction(message(), number="1")) != received(
        transaction({**message(), "event_id": "$other"}, number="1")
    )


def test_older_homeservers_leave_the_prefix_out_and_write_the_token_into_the_query() -> None:
    made = call("transactions/7", {"events": [message()]}, token=None, query=f"access_token={SECRET}")
    assert [one.envelope.key for one in received(made)] == [EVENT]


@pytest.mark.parametrize("name", ["ephemeral", "de.sorunome.msc2409.ephemeral"])
def test_receipts_are_kept_under_either_name(name: str) -> None:
    (found,) = received(transaction(more={name: [RECEIPT]}))
    assert (found.envelope.type, found.envelope.conversation) == ("m.receipt", ROOM)


def test_receipts_that_come_under_both_names_are_kept_once() -> None:
    twice = {"ephemeral": [RECEIPT], "de.sorunome.msc2409.ephemeral": [RECEIPT]}
    assert len(received(transaction(more=twice))) == 1


def test_a_receipt_is_known_again_by_its_content() -> None:
    same, other = dict(reversed(RECEIPT.items())), {**RECEIPT, "content": {EVENT: {"m.read": {BEN: {"ts": 2}}}}}
    first, again, later = received(transaction(more={"ephemeral": [RECEIPT, same, other]}))
    assert first.envelope.key == again.envelope.key != later.envelope.key


@pytest.mark.parametrize("kind", ["m.room.topic", "m.room.power_levels", "m.reaction", "m.room.create"])
def test_what_does_not_matter_is_dropped(kind: str) -> None:
    unimportant = [{"type": "m.typing", "room_id": ROOM}, {"type": "m.presence", "sender": ANN}]
    more = {"ephemeral": unimportant, "de.sorunome.msc2409.to_device": [{}]}
    assert received(transaction(event(kind, {}), more=more)) == []


@pytest.mark.parametrize(
    "odd",
    [7, None, [], {}, {"type": 7}, {"type": "m.room.message"}, {**message(), "event_id": "$\0"}],
)
def test_an_odd_event_is_kept_beside_the_others_to_be_set_aside(odd: object) -> None:
    platform = matrix()
    first, aside, last = received(transaction(message(), odd, {**message(), "event_id": "$last"}))
    assert (first.envelope.key, last.envelope.key) == (EVENT, "$last")
    assert complaint(lambda: platform.parse(aside.body))


@pytest.mark.parametrize("number", ["9" * 5000, "1e999", "NaN", "-Infinity"])
def test_an_odd_number_costs_no_event(number: str) -> None:
    body = json.dumps({"events": [message(n="odd")]}).replace('"odd"', number).encode()
    (found,) = received(call("_matrix/app/v1/transactions/1", body))
    assert matrix().parse(found.body)[0].message


@pytest.mark.parametrize("depth", [100, 960, 100_000])
def test_an_event_that_is_nested_too_deeply_costs_no_other(depth: int) -> None:
    body = json.dumps({"events": [message("one"), message(']] " [[', x="deep"), {**message(), "event_id": "$last"}]})
    made = call("_matrix/app/v1/transactions/1", body.replace('"deep"', "[" * depth + "]" * depth).encode())
    first, deep, last = received(made)
    assert [one.envelope.key for one in (first, last)] == [EVENT, "$last"]
    assert complaint(lambda: matrix().parse(deep.body)) != ""


@given(room=st.text(max_size=300) | st.none() | st.integers(), key=st.text(max_size=300) | st.none() | st.booleans())
@example(room="!" * 256, key="$" * 256)
def test_what_is_stored_fits_into_the_database_whatever_comes(room: object, key: object) -> None:
    (found,) = received(transaction({**message(), "room_id": room, "event_id": key}))
    for text in (found.envelope.key, found.envelope.type, found.envelope.conversation or "x"):
        assert 0 < len(text) <= 255
        assert "\0" not in text
        text.encode()


@given(body=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_else_comes_as_a_transaction_is_unreadable_at_worst(body: bytes) -> None:
    made = call("_matrix/app/v1/transactions/1", body)
    assert complaint(lambda: matrix().receive(made, [SECRET])) != ""


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b'{"events": {}}', b"[" * 100_000])
def test_a_transaction_that_is_none_is_answered_400(body: bytes) -> None:
    with pytest.raises(Unreadable) as error:
        matrix().receive(call("_matrix/app/v1/transactions/1", body), [SECRET])
    reply = matrix().refusal(error.value)
    assert reply.status == 400
    assert json.loads(reply.text)["errcode"] == "M_BAD_JSON"


@pytest.mark.parametrize("prefix", ["_matrix/app/v1/", ""])
def test_a_ping_is_answered(prefix: str) -> None:
    assert replied(call(f"{prefix}ping", {"transaction_id": "x"}, method="POST")) == (200, {})


@pytest.mark.parametrize("rest", ["_matrix/app/v1/users/@x:chat.test", "_matrix/app/v1/rooms/#a:chat.test", "users/x"])
def test_we_have_neither_users_nor_rooms(rest: str) -> None:
    status, told = replied(call(rest, method="GET"))
    assert (status, told["errcode"]) == (404, "M_NOT_FOUND")


@pytest.mark.parametrize(
    "rest", ["", "x", "_matrix/app/v1/", "_matrix/app/v1/transactions", "ping/x", "_matrix/app/v2/ping"]
)
def test_there_is_nothing_at_other_addresses(rest: str) -> None:
    status, told = replied(call(rest))
    assert (status, told["errcode"]) == (404, "M_UNRECOGNIZED")


@pytest.mark.parametrize(("rest", "method"), [("ping", "GET"), ("transactions/1", "POST"), ("users/x", "PUT")])
def test_another_method_is_refused(rest: str, method: str) -> None:
    status, told = replied(call(f"_matrix/app/v1/{rest}", method=method))
    assert (status, told["errcode"]) == (405, "M_UNRECOGNIZED")


@pytest.mark.parametrize("rest", ["transactions/1", "users/@x:y", "rooms/x", "ping"])
@pytest.mark.parametrize("token", [None, "", "another", "the-hs-token\udcff"])
def test_without_our_token_nothing_is_told(rest: str, token: str | None) -> None:
    method = {"transactions": "PUT", "ping": "POST"}.get(rest.partition("/")[0], "GET")
    with pytest.raises(Forged) as error:
        matrix().receive(call(f"_matrix/app/v1/{rest}", method=method, token=token), [SECRET])
    reply = matrix().refusal(error.value)
    assert reply.status == 403
    assert json.loads(reply.text)["errcode"] == "M_FORBIDDEN"


@pytest.mark.parametrize("header", [SECRET, f"Basic {SECRET}", f"Bearer{SECRET}"])
def test_the_token_must_come_as_a_bearer_token(header: str) -> None:
    with pytest.raises(Forged):
        matrix().verify(call("ping", token=None, authorization=header), [SECRET])


def test_the_header_counts_before_the_query() -> None:
    with pytest.raises(Forged):
        matrix().verify(call("ping", token="wrong", query=f"access_token={SECRET}"), [SECRET])


def test_what_was_stored_is_answered_with_an_empty_object() -> None:
    assert (matrix().accepted.status, matrix().accepted.text) == (200, "{}")
    assert matrix().accepted.content_type == "application/json"
