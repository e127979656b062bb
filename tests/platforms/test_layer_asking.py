"""Identities, titles and statuses: what is asked, and how answers are read."""

import pytest

from notifier.platforms.base import Done, Identity, Later, No, Question, Standing
from notifier.wire import Answer, Request
from tests.platforms.layer_cases import BASE, CONVERSATION, MESSAGE, TOKEN, answer, layer, refusal

HEADERS = {"Accept": "application/vnd.layer+json; version=1.0", "Authorization": f"Bearer {TOKEN}"}
ANN = {
    "id": "layer:///identities/ann",
    "user_id": "ann",
    "display_name": "Ann Lee",
    "first_name": "Ann",
    "last_name": None,
    "phone_number": "+1 (415) 555-0101",
    "metadata": {"nick\0name": "A\0nnie", "deep": {"list": ["\ud800"]}},
}


def test_it_asks_for_an_identity_by_the_whole_user_id() -> None:
    url = f"{BASE}/users/a%2Fb%3F%20%C3%BC/identity"
    assert layer().identity_request("a/b? ü") == Request("GET", url, HEADERS)


def test_it_asks_the_configured_server() -> None:
    request = layer(api_url="http://127.0.0.1:8000/simulator/layer/").identity_request("ann")
    assert request.url.startswith("http://127.0.0.1:8000/simulator/layer/apps/")


def test_it_takes_the_application_id_in_any_form() -> None:
    app = "9AE0F7D6-1D0A-4F1E-8E0A-6C6A6C1F0B55"
    for form in (app, f"layer:///apps/staging/{app}", f"layer:///apps/production/{app.lower()}"):
        assert layer(app_id=form).identity_request("ann").url == f"{BASE}/users/ann/identity"


def test_it_reads_an_identity_with_everything_else_as_custom() -> None:
    assert layer().identity("ann", answer(200, ANN)) == Done(
        Identity(
            user_id="ann",
            name="Ann Lee",
            phone="+1 (415) 555-0101",
            custom={
                "id": "layer:///identities/ann",
                "first_name": "Ann",
                "metadata": {"nickname": "Annie", "deep": {"list": ["\ufffd"]}},
            },
        )
    )


def test_it_makes_a_name_of_first_and_last_when_none_is_displayed() -> None:
    reading = layer().identity("ann", answer(200, {"first_name": "Ann", "last_name": "Lee", "phone_number": None}))
    assert isinstance(reading, Done)
    assert reading.value is not None
    assert (reading.value.name, reading.value.phone) == ("Ann Lee", "")


def test_it_takes_an_unknown_user_for_an_answer() -> None:
    assert layer().identity("ann", refusal(404, 102, "not_found")) == Done(None)


def test_it_does_not_take_a_wrong_address_for_an_unknown_user() -> None:
    reading = layer().identity("ann", refusal(404, 106, "invalid_endpoint"))
    assert reading == No("Layer answered 404 (invalid_endpoint, code 106): check api_url (LAYER_API_URL)")


def test_it_reads_a_title() -> None:
    title = {"id": "x", "metadata": {"conversationName": " Lunch\0 "}}
    assert layer().conversation_request(CONVERSATION).url == f"{BASE}/conversations/{CONVERSATION}"
    assert layer().conversation_title(answer(200, title)) == Done("Lunch")


@pytest.mark.parametrize("metadata", [None, {}, {"conversationName": 7}])
def test_it_reads_that_there_is_no_title(metadata: object) -> None:
    assert layer().conversation_title(answer(200, {"metadata": metadata})) == Done("")


@pytest.mark.parametrize("status", [404, 410])
def test_it_takes_a_conversation_that_is_gone_for_one_without_a_title(status: int) -> None:
    assert layer().conversation_title(answer(status)) == Done("")


def standing(answered: Answer, user: str = "ben") -> object:
    """What the platform makes of this answer to the question whether the user has read the message."""
    question = Question(CONVERSATION, MESSAGE, user)
    (steps,) = layer().standing_steps([question])
    next(steps)
    with pytest.raises(StopIteration) as end:
        steps.send(answered)
    return end.value.value[question]


def test_it_asks_once_for_all_messages_of_a_conversation_where_layer_fills_statuses_in() -> None:
    asked = [Question(CONVERSATION, MESSAGE, "ben"), Question(CONVERSATION, MESSAGE, "cid")]
    (steps,) = layer().standing_steps(asked)
    assert next(steps).url == f"{BASE}/conversations/{CONVERSATION}/messages?page_size=100"


@pytest.mark.parametrize(("user", "expected"), [("ben", Standing.READ), ("dora", Standing.UNREAD)])
def test_it_finds_the_status_of_the_message_in_the_list(user: str, expected: Standing) -> None:
    messages = [
        {"id": "layer:///messages/00000000-0000-0000-0000-000000000000", "recipient_status": {"ben": "sent"}},
        {
            "id": f"layer:///messages/{MESSAGE.upper()}",
            "recipient_status": {"ben": "read", "cid": "odd", "dora": "delivered"},
        },
    ]
    assert standing(answer(200, messages), user) == Done(expected)


@pytest.mark.parametrize("messages", [[], [{"id": MESSAGE, "recipient_status": None}], [{"id": None}, 7]])
def test_it_says_when_the_status_is_not_told(messages: object) -> None:
    assert standing(answer(200, messages)) == Done(Standing.UNKNOWN)


@pytest.mark.parametrize("status", [404, 410])
def test_it_says_when_the_conversation_is_gone(status: int) -> None:
    assert standing(answer(status)) == Done(Standing.DELETED)


def test_it_asks_again_after_an_answer_that_it_cannot_read() -> None:
    reading = standing(answer(200, {"messages": []}))
    assert reading == Later("Layer answered 200, but the body is not a JSON array")


@pytest.mark.parametrize(
    ("status", "code", "name", "remedy"),
    [
        (401, 4, "authentication_required", "LAYER_BEARER_TOKEN"),
        (403, 2, "invalid_app_id", "LAYER_APP_ID"),
        (403, 101, "access_denied", "bearer_token"),
        (406, 107, "invalid_header", "LAYER_API_URL"),
        (422, 110, "participant_blocked", "blocked"),
    ],
)
def test_it_tells_the_operator_what_to_do_about_a_refusal(status: int, code: int, name: str, remedy: str) -> None:
    reading = layer().conversation_title(refusal(status, code, name))
    assert isinstance(reading, No)
    assert reading.reason.startswith(f"Layer answered {status} ({name}, code {code}): ")
    assert remedy in reading.reason


def test_it_tells_the_operator_of_a_redirect() -> None:
    reading = layer().conversation_title(answer(301, location="https://elsewhere"))
    assert isinstance(reading, No)
    assert "redirects are not followed" in reading.reason


@pytest.mark.parametrize("error_id", ["what ann wrote", "<b>", "x" * 100, 7, None])
def test_it_repeats_no_prose_of_an_answer(error_id: object) -> None:
    body = {"id": error_id, "code": 105, "message": "ann wrote private words"}
    assert layer().posted(answer(422, body)) == No("Layer answered 422 (no id, code 105): it would be refused again")
