"""Posting as a user, once whatever happens, and marking as read."""

import json
from uuid import UUID

import pytest

from notifier.platforms.base import Done, Later, No
from notifier.wire import Failure, Request
from tests.platforms.layer_cases import BASE, CONVERSATION, MESSAGE, TOKEN, answer, layer, refusal


def post(text: str, key: str = "vonage:0A0000000123ABCD1") -> Request:
    (request,) = layer().post_requests(CONVERSATION, as_user="ann", text=text, key=key)
    return request


def bodies(request: Request) -> list[str]:
    return [part["body"] for part in json.loads(request.body)["parts"]]


def test_it_posts_as_the_user() -> None:
    request = post("On my way ❤")
    assert (request.method, request.url) == ("POST", f"{BASE}/conversations/{CONVERSATION}/messages")
    assert json.loads(request.body) == {
        "sender": {"user_id": "ann"},
        "parts": [{"mime_type": "text/plain", "body": "On my way ❤"}],
    }
    assert request.headers == {
        "Accept": "application/vnd.layer+json; version=1.0",
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": "application/json",
        "If-None-Match": "205e9fa7-c1a6-590a-b0bc-be4791c1b1c8",
    }


def test_it_derives_the_de_duplication_key_from_ours_alone() -> None:
    first, again = post("one text").headers["If-None-Match"], post("another").headers["If-None-Match"]
    assert first == again
    assert UUID(first).version == 5
    assert post("one text", key="another").headers["If-None-Match"] != first


def test_it_posts_a_long_text_whole_in_one_message_of_several_parts() -> None:
    text = "Grüße aus der Straßenbahn 👋🏽, " * 300
    pieces = bodies(post(text))
    assert "".join(pieces) == text
    assert len(pieces) > 1
    assert all(len(piece.encode()) <= 2048 for piece in pieces)


def test_it_cleans_what_json_and_utf_8_cannot_carry() -> None:
    assert bodies(post("a\0b\ud800c")) == ["ab\ufffdc"]


@pytest.mark.parametrize("status", [200, 201])
def test_it_reads_the_id_of_the_message_posted_now_or_before(status: int) -> None:
    reading = layer().posted(answer(status, {"id": f"layer:///messages/{MESSAGE.upper()}", "parts": []}))
    assert reading == Done(MESSAGE)


def test_it_takes_an_id_in_use_by_the_message_itself_for_posted() -> None:
    data = {"id": f"layer:///messages/{MESSAGE}"}
    assert layer().posted(refusal(409, 111, "id_in_use", data)) == Done(MESSAGE)


@pytest.mark.parametrize(
    "reply", [refusal(409, 111, "id_in_use"), refusal(409, 108, "conflict", {"id": MESSAGE})], ids=["no data", "other"]
)
def test_it_takes_any_other_conflict_for_a_refusal(reply: object) -> None:
    assert isinstance(layer().posted(reply), No)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_it_posts_again_when_it_may_not_have_been_posted(status: int) -> None:
    assert layer().posted(answer(status, **{"retry-after": "3"})) == Later(f"Layer answered {status}", 3)


def test_it_posts_again_when_no_answer_came() -> None:
    assert layer().posted(Failure(True, "timed out")) == Later("timed out")


@pytest.mark.parametrize("data", [None, {}, {"id": "layer:///messages/1"}, []])
def test_it_posts_again_when_the_answer_does_not_name_the_message(data: object) -> None:
    assert isinstance(layer().posted(answer(201, data)), Later)


def test_it_marks_a_message_as_read_for_a_user() -> None:
    request = layer().read_request(CONVERSATION, MESSAGE, as_user="a/b")
    assert (request.method, request.url) == ("POST", f"{BASE}/users/a%2Fb/messages/{MESSAGE}/receipts")
    assert json.loads(request.body) == {"type": "read"}
    assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("status", [200, 204, 404, 410])
def test_it_is_done_when_marked_or_when_there_is_nothing_to_mark(status: int) -> None:
    assert layer().marked_read(answer(status)) == Done(None)


def test_it_says_when_a_mark_is_refused() -> None:
    assert isinstance(layer().marked_read(refusal(403, 101, "access_denied")), No)
