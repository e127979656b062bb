"""What an SMS becomes in a room, and the mark that its author has read what he answers."""

import json

import pytest

from notifier.platforms.base import Done, No
from notifier.wire import Request
from tests.platforms.matrix_cases import AS_TOKEN, BEN, EVENT, ROOM, SERVER, answer, matrix, path_of, query_of, refusal


def posting(text: str = "on my way", key: str = "sms-7") -> Request:
    (request,) = matrix().post_requests(ROOM, as_user=BEN, text=text, key=key)
    return request


def test_a_text_is_posted_as_the_user_under_an_id_that_comes_of_the_key() -> None:
    request = posting()
    assert request.method == "PUT"
    assert path_of(request) == f"v3/rooms/{ROOM}/send/m.room.message/sms-7"
    assert query_of(request) == {"user_id": BEN}
    assert request.headers["Authorization"] == f"Bearer {AS_TOKEN}"
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body) == {"msgtype": "m.text", "body": "on my way"}


def test_everything_in_the_address_is_percent_encoded() -> None:
    (request,) = matrix().post_requests("!a/b:c", as_user="@b/x:chat.test", text="x", key="sms/7?")
    path = "/_matrix/client/v3/rooms/%21a%2Fb%3Ac/send/m.room.message/sms%2F7%3F?user_id=%40b%2Fx%3Achat.test"
    assert request.url == SERVER + path


def test_a_text_arrives_as_it_was_written() -> None:
    assert json.loads(posting("zoë ❤\n\0\ud800").body)["body"] == "zoë ❤\n\ufffd"


def test_the_event_that_was_made_is_told() -> None:
    assert matrix().posted(answer(200, {"event_id": EVENT})) == Done(EVENT)


def test_who_may_not_write_there_is_refused() -> None:
    reading = matrix().posted(refusal(403, "M_FORBIDDEN"))
    assert reading == No(
        "The homeserver answered 403 (M_FORBIDDEN): the user may have left the room, may not write there, or does not "
        "exist any more"
    )


def test_a_mark_is_a_receipt_of_the_users() -> None:
    request = matrix().read_request(ROOM, EVENT, as_user=BEN)
    assert (request.method, request.body) == ("POST", b"{}")
    assert path_of(request) == f"v3/rooms/{ROOM}/receipt/m.read/{EVENT}"
    assert query_of(request) == {"user_id": BEN}


@pytest.mark.parametrize("told", [answer(200, {}), refusal(404, "M_NOT_FOUND")])
def test_a_mark_is_made_or_not_needed_any_more(told: object) -> None:
    assert matrix().marked_read(told) == Done(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("option", "may"), [("on", True), ("off", False), ("", False)])
def test_plain_words_go_into_encrypted_rooms_only_where_that_is_switched_on(option: str, may: bool) -> None:
    assert matrix(reply_in_encrypted=option).posts_into_encrypted is may
