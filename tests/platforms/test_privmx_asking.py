"""Asking a Bridge, over HTTP, whether something is still there."""

import base64
import json
from typing import Any

import pytest

from notifier.platforms.base import Done, Later, No, Question, Standing
from notifier.wire import Request, Response
from tests.platforms.privmx_cases import KEY_ID, LIMITED, SECRET, error, privmx


def request(message: str, **options: str) -> Request:
    (steps,) = privmx(**options).standing_steps([Question("c", message, "ben")])
    return next(steps)


def standing(answer: dict[str, Any], message: str = "m") -> object:
    question = Question("c", message, "ben")
    (steps,) = privmx().standing_steps([question])
    next(steps)
    with pytest.raises(StopIteration) as end:
        steps.send(Response(200, {}, json.dumps({"jsonrpc": "2.0", "id": 1, **answer}).encode()))
    return end.value.value[question]


def test_it_asks_once_for_each_message_with_the_keys_credentials() -> None:
    asked = [Question("c", "m", "ben"), Question("c", "m", "cid"), Question("c", "n", "ben")]
    first, second = privmx().standing_steps(asked)
    sent = next(first)
    assert (sent.method, sent.url) == ("POST", "http://127.0.0.1:9111/api")
    assert sent.headers["Authorization"] == "Basic " + base64.b64encode(f"{KEY_ID}:{SECRET}".encode()).decode()
    told = {"jsonrpc": "2.0", "id": 1, "method": "thread/getThreadMessage", "params": {"threadMessageId": "m"}}
    assert json.loads(sent.body) == told
    with pytest.raises(StopIteration) as end:
        first.send(Response(200, {}, json.dumps({"id": 1, "result": {"threadMessage": {}}}).encode()))
    assert set(end.value.value) == set(asked[:2])
    assert b'"n"' in next(second).body


def test_a_key_that_signs_sends_no_secret() -> None:
    sent = request("m", auth="signature")
    assert sent.headers["Authorization"].startswith(f"pmx-hmac-sha256 {KEY_ID};1;")
    assert SECRET not in str(sent)


@pytest.mark.parametrize(
    ("message", "method", "params"),
    [
        ("file:f1", "store/getStoreFile", {"storeFileId": "f1"}),
        ("room:r1", "stream/getStreamRoom", {"streamRoomId": "r1"}),
        ("kvdb:k1/menu/today", "kvdb/getKvdbEntry", {"kvdbId": "k1", "kvdbEntryKey": "menu/today"}),
        ("other:x", "thread/getThreadMessage", {"threadMessageId": "other:x"}),
    ],
)
def test_it_asks_for_each_thing_as_what_it_is(message: str, method: str, params: dict[str, str]) -> None:
    told = json.loads(request(message).body)
    assert (told["method"], told["params"]) == (method, params)


def test_nothing_is_asked_about_an_entry_whose_key_was_too_long_to_keep() -> None:
    question = Question("c", "kvdb:k1/sha256:00", "ben")
    (steps,) = privmx().standing_steps([question])
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value == {question: Done(Standing.UNKNOWN)}


def test_what_is_still_there_is_unread_for_the_bridge_tells_no_more() -> None:
    assert standing({"result": {"threadMessage": {"id": "m"}}}) == Done(Standing.UNREAD)


@pytest.mark.parametrize("code", [24577, 24589, 24855, 24856, 24866, 24892, 24893])
def test_what_is_gone_is_deleted(code: int) -> None:
    assert standing(error(code)) == Done(Standing.DELETED)


def test_the_rate_limits_answer_is_no_message() -> None:
    assert standing(LIMITED) == Later("PrivMX Bridge's rate limit is used up", 1.0)


@pytest.mark.parametrize(
    ("code", "remedy"), [(24876, "PRIVMX_API_KEY_ID"), (24878, "scopes"), (48, "scopes"), (24879, "token")]
)
def test_a_refusal_says_what_to_do(code: int, remedy: str) -> None:
    reading = standing(error(code))
    assert isinstance(reading, No)
    assert remedy in reading.reason
    assert "words for people" not in reading.reason


@pytest.mark.parametrize("code", [-32603, 12345, "x"])
def test_any_other_error_is_worth_asking_again(code: Any) -> None:
    assert isinstance(standing(error(code)), Later)


@pytest.mark.parametrize("result", [None, "OK", {}, {"threadMessage": None}, []])
def test_a_result_of_another_form_is_worth_asking_again(result: object) -> None:
    assert isinstance(standing({"result": result}), Later)
