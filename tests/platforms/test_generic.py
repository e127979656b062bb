"""A chat of one's own: how its calls are read and signed, what it is asked, and how its answers are read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from notifier.platforms.base import Done, Identity, Kind, Later, No, Part, Question, Rank, Roster, Standing, Steps
from notifier.wire import Answer, Request, Response, Unreadable
from tests.platforms.generic_cases import API, SECRET, delivery, fixture, generic, parsed


def answer(status: int, data: object = None) -> Response:
    return Response(status, {}, b"" if data is None else json.dumps(data).encode())


def end(steps: Steps[Any], answered: Answer) -> Any:
    next(steps)
    return steps_end(steps, answered)


def steps_end(steps: Steps[Any], answered: Answer) -> Any:
    with pytest.raises(StopIteration) as stop:
        steps.send(answered)
    return stop.value.value


# What it tells


def test_it_tells_of_a_message_with_its_recipients() -> None:
    event = parsed("message_sent")
    assert event.kind is Kind.SENT
    assert (event.conversation, event.title) == ("tea", "Tea")
    assert event.message is not None
    assert (event.message.id, event.message.sender_id) == ("m1", "anna")
    assert event.message.parts == (Part("text/plain", "Tea at four?"),)
    assert event.statuses == {"ben": Rank.SENT, "cleo": Rank.READ}
    assert not event.to_participants


def test_a_message_without_recipients_is_for_all_who_take_part() -> None:
    event = parsed("message_sent_to_all")
    assert event.to_participants
    assert event.message is not None
    assert [part.mime_type for part in event.message.parts] == ["text/plain", "image/png"]
    assert event.message.parts[1].url == "https://files.example.com/p.png"


def test_a_bots_name_is_cut_to_what_can_be_kept() -> None:
    told = json.loads(fixture("message_sent_by_bot"))
    told["data"]["message"]["sender"]["name"] = "x" * 300
    (event,) = generic().parse(json.dumps(told).encode())
    assert event.message is not None
    assert event.message.sender_name == "x" * 255


def test_a_bot_has_a_name_and_no_id() -> None:
    message = parsed("message_sent_by_bot").message
    assert message is not None
    assert (message.sender_id, message.sender_name) == (None, "Helper")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("message_edited", Kind.EDITED),
        ("message_deleted", Kind.DELETED),
        ("conversation_deleted", Kind.DELETED),
        ("participant_left", Kind.LEFT),
    ],
)
def test_it_tells_of_changes(name: str, kind: Kind) -> None:
    assert parsed(name).kind is kind


@pytest.mark.parametrize(("name", "rank"), [("message_read", Rank.READ), ("message_delivered", Rank.DELIVERED)])
def test_it_tells_who_has_one_message(name: str, rank: Rank) -> None:
    assert parsed(name).statuses == {"ben": rank}


def test_it_tells_up_to_where_somebody_has_read() -> None:
    assert parsed("conversation_read").read_up_to == {"ben": "m2"}


def test_it_tells_who_comes_who_goes_and_who_is_there() -> None:
    assert parsed("participant_joined").joined == ["dora"]
    assert parsed("participant_left").left == ["cleo"]
    assert parsed("conversation_updated").participants == ["anna", "ben"]


def test_a_type_that_is_not_known_is_no_fault() -> None:
    (event,) = generic().parse(b'{"type": "poll.opened", "data": {}}')
    assert event.kind is Kind.OTHER


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("type",), None, "type is missing"),
        (("data",), [], "data is not an object"),
        (("data", "conversation"), None, "data.conversation is missing"),
        (("data", "conversation", "id"), 7, "data.conversation.id is missing, or not a text"),
        (("data", "message", "id"), "", "data.message.id is missing, or not a text"),
        (("data", "message", "id"), "x" * 256, "data.message.id is longer than 255 characters"),
        (("data", "message", "text"), 7, "data.message.text is not a text"),
        (("data", "message", "sender"), None, "data.message.sender.id is missing"),
        (("data", "message", "sender"), {"name": "Anna"}, "data.message.sender.id is missing"),
        (("data", "recipients"), {}, "data.recipients is not a list"),
        (("data", "recipients"), [{"id": "ben", "status": "seen"}], "data.recipients[0].status is none of sent"),
        (("data", "recipients"), [7], "data.recipients[0] is missing, or not a text"),
    ],
)
def test_what_is_not_of_the_promised_form_is_refused_by_name(
    path: tuple[str, ...], value: object, complaint: str
) -> None:
    told = json.loads(fixture("message_sent"))
    inside = told
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    with pytest.raises(Unreadable, match=complaint.replace("[", r"\[").replace("]", r"\]")):
        generic().parse(json.dumps(told).encode())


def test_who_is_named_twice_has_the_higher_status() -> None:
    told = json.loads(fixture("message_sent"))
    told["data"]["recipients"] = [{"id": "ben", "status": "read"}, "ben"]
    (event,) = generic().parse(json.dumps(told).encode())
    assert event.statuses == {"ben": Rank.READ}


def test_no_parts_are_no_reason_to_lose_the_text() -> None:
    told = json.loads(fixture("message_sent"))
    told["data"]["message"]["parts"] = []
    (event,) = generic().parse(json.dumps(told).encode())
    assert event.message is not None
    assert event.message.parts == (Part("text/plain", "Tea at four?"),)


def test_its_events_are_known_again_by_the_id_of_the_call() -> None:
    envelope = generic().envelope(delivery(fixture("message_read"), message_id="evt_7"))
    assert (envelope.key, envelope.type, envelope.conversation) == ("evt_7", "message.read", "tea")


# What it is asked


def test_it_is_asked_who_somebody_is() -> None:
    request = generic().identity_request("ben")
    assert (request.method, request.url) == ("GET", f"{API}/users/ben")
    told = {"id": "ben", "name": "Ben", "phone": "+12025550102", "time_zone": "Europe/Zurich"}
    expected = Identity(user_id="ben", name="Ben", phone="+12025550102", custom={"time_zone": "Europe/Zurich"})
    assert generic().identity("ben", answer(200, told)) == Done(expected)
    assert generic().identity("ben", answer(404)) == Done(None)


def test_it_is_asked_who_takes_part() -> None:
    reading = end(
        generic().roster_steps("tea", []), answer(200, {"title": " Tea ", "participants": ["anna", 7, "ben"]})
    )
    assert reading == Done(Roster(users=["anna", "ben"], title="Tea"))
    assert end(generic().roster_steps("tea", []), answer(200, {"title": "Tea"})) == Done(None)


ASKED = [Question("tea", "m1", "ben"), Question("tea", "m1", "cleo"), Question("tea", "m2", "ben")]


def test_it_is_asked_once_for_all_that_is_open_in_a_conversation() -> None:
    (steps,) = generic().standing_steps(ASKED)
    assert next(steps).url == f"{API}/conversations/tea/unread?message=m1&message=m2"


def test_it_answers_for_each_recipient() -> None:
    (steps,) = generic().standing_steps(ASKED)
    messages = [{"id": "m1", "unread_by": ["ben"]}, {"id": "m2", "deleted": True}]
    found = end(steps, answer(200, {"messages": messages}))
    assert [found[question] for question in ASKED] == [
        Done(Standing.UNREAD),
        Done(Standing.READ),
        Done(Standing.DELETED),
    ]


def test_who_has_muted_the_conversation_is_not_told() -> None:
    (steps,) = generic().standing_steps(ASKED[:1])
    found = end(steps, answer(200, {"messages": [{"id": "m1", "unread_by": ["ben"], "muted_by": ["ben"]}]}))
    assert found == {ASKED[0]: Done(Standing.MUTED)}


def test_what_it_does_not_list_it_does_not_tell() -> None:
    (steps,) = generic().standing_steps(ASKED[:1])
    assert end(steps, answer(200, {"messages": []})) == {ASKED[0]: Done(Standing.UNKNOWN)}


def test_many_messages_are_asked_about_in_portions() -> None:
    asked = [Question("tea", f"m{n}", "ben") for n in range(120)]
    assert len(generic().standing_steps(asked)) == 3


@given(messages=st.lists(st.text(min_size=1, max_size=255), max_size=60, unique=True), more=st.sampled_from("aü%"))
def test_its_questions_fit_into_an_address_and_leave_none_out(messages: list[str], more: str) -> None:
    asked = [Question("tea", message + more * 200, "ben") for message in messages]
    found: dict[Question, object] = {}
    for steps in generic().standing_steps(asked):
        assert len(next(steps).url) < 8000
        found |= steps_end(steps, answer(410))
    assert set(found) == set(asked)


def test_only_what_is_said_to_be_gone_counts_as_deleted() -> None:
    (steps,) = generic().standing_steps(ASKED[:1])
    assert end(steps, answer(410)) == {ASKED[0]: Done(Standing.DELETED)}
    (steps,) = generic().standing_steps(ASKED[:1])
    reading = end(steps, answer(404))[ASKED[0]]
    assert isinstance(reading, No)
    assert "GENERIC_API_URL" in reading.reason


def test_each_mark_has_an_id_of_its_own() -> None:
    one = generic().read_request("a/b", "m", as_user="c")
    other = generic().read_request("a", "m", as_user="b/c")
    assert one.headers["webhook-id"] != other.headers["webhook-id"]
    assert one.headers["webhook-id"] == generic().read_request("a/b", "m", as_user="c").headers["webhook-id"]


# What it is told


def test_a_reply_is_a_webhook_that_keeps_its_id() -> None:
    request = posted()
    told = json.loads(request.body)
    assert (request.method, request.url) == ("POST", f"{API}/events")
    assert told == {
        "type": "reply.received",
        "data": {"conversation": {"id": "tea"}, "user": {"id": "ben"}, "text": "On my way"},
    }
    assert Webhook(SECRET).verify(request.body, dict(request.headers)) == told
    assert request.headers["webhook-id"] == posted().headers["webhook-id"]


def posted() -> Request:
    (request,) = generic().post_requests("tea", as_user="ben", text="On my way", key="vonage/1")
    return request


@pytest.mark.parametrize(
    ("answered", "message"),
    [(answer(200, {"message": {"id": "m9"}}), "m9"), (answer(204), ""), (answer(201, {"message": 7}), "")],
)
def test_any_2xx_says_that_it_is_posted(answered: Response, message: str) -> None:
    assert generic().posted(answered) == Done(message)


def test_a_refusal_names_the_remedy() -> None:
    reading = generic().posted(answer(401))
    assert isinstance(reading, No)
    assert "GENERIC_WEBHOOK_SECRET" in reading.reason


def test_what_cannot_be_read_is_asked_again() -> None:
    assert isinstance(generic().identity("ben", answer(200, [])), Later)
