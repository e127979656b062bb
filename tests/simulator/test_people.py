"""What the page and scripts do for the people of the simulation, and what they see."""

from typing import Any

import pytest
from django.test import Client

from smsbridge.simulator.models import Receipt
from tests.simulator.layer_caller import STRANGE, Layer

HEADER = {"X-Simulator": "1"}


class People:
    """The people's API as a script calls it."""

    def __init__(self) -> None:
        self.client = Client(headers=HEADER, enforce_csrf_checks=True)

    def post(self, path: str, status: int = 201, /, **content: Any) -> Any:
        response = self.client.post(f"/simulator/{path}", content, content_type="application/json")
        assert response.status_code == status, response.content
        return response.json()

    def state(self) -> Any:
        return self.client.get("/simulator/state").json()


@pytest.fixture
def people(db: None) -> People:
    return People()


@pytest.fixture
def lunch(people: People) -> str:
    """A conversation of Ann and Ben."""
    for user, name, phone in (("ann", "Ann", "+12022000101"), ("ben", "Ben", "+1 (202) 200-0102")):
        people.post("people", user_id=user, name=name, phone=phone)
    return str(people.post("conversations", participants=["ann", "ben"], title="Lunch")["id"])


def test_a_person_is_an_identity_with_a_phone(people: People, lunch: str, layer: Layer) -> None:
    identity = layer.get("/users/ben/identity").json
    assert (identity["display_name"], identity["phone_number"]) == ("Ben", "+12022000102")
    assert people.state()["people"][1] == {"user_id": "ben", "name": "Ben", "phone": "+12022000102"}
    assert [(phone["phone"], phone["owner"]) for phone in people.state()["phones"]] == [
        ("+12022000101", "Ann"),
        ("+12022000102", "Ben"),
    ]


def test_a_person_can_change(people: People, lunch: str) -> None:
    people.post("people", user_id="ben", name="Benjamin", phone="")
    assert people.state()["people"][1] == {"user_id": "ben", "name": "Benjamin", "phone": ""}


def test_a_conversation_has_its_title_in_the_metadata(people: People, lunch: str, layer: Layer) -> None:
    assert layer.get(f"/conversations/{lunch}").json["metadata"] == {"conversationName": "Lunch"}


def test_the_state_shows_each_recipients_status(people: People, lunch: str) -> None:
    sent = people.post("send", conversation=lunch, sender="ann", text="hello")
    (shown,) = people.state()["conversations"]
    assert shown["participants"] == [{"user_id": "ann", "name": "Ann"}, {"user_id": "ben", "name": "Ben"}]
    assert shown["messages"] == [sent]
    assert sent["recipients"] == [{"user_id": "ben", "status": "sent"}]


def test_a_user_reads_one_message_or_all(people: People, lunch: str) -> None:
    one, two = (people.post("send", conversation=lunch, sender="ann", text=text)["id"] for text in "12")
    assert people.post("read", 200, message=one, user="ben", status="delivered") == {"changed": 1}
    assert people.post("read", 200, message=f"layer:///messages/{two}", user="ben") == {"changed": 1}
    assert people.post("read", 200, conversation=lunch, user="ben") == {"changed": 1}
    assert set(Receipt.objects.values_list("rank", flat=True)) == {Receipt.Rank.READ}


def test_a_deleted_message_shows_no_text(people: People, lunch: str) -> None:
    sent = people.post("send", conversation=lunch, bot="Reminder", text="hello")
    assert sent["sender_name"] == "Reminder"
    people.post("delete", 200, message=sent["id"])
    (shown,) = people.state()["conversations"][0]["messages"]
    assert (shown["deleted"], shown["text"]) == (True, "")


@pytest.mark.parametrize("path", ["people", "conversations", "send", "read", "delete", "text", "faults"])
def test_a_strange_sites_form_can_do_nothing(db: None, path: str) -> None:
    response = Client().post(f"/simulator/{path}", {"user_id": "x", "name": "x"}, content_type="application/json")
    assert (response.status_code, list(response.json())) == (403, ["error"])


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("people", {"name": "x"}, 400),
        ("people", {"user_id": "x", "name": "x", "phone": "12"}, 400),
        ("people", {"user_id": "x", "name": "x" * 200}, 422),
        ("conversations", {}, 400),
        ("conversations", {"participants": []}, 400),
        ("send", {"conversation": "x", "sender": "ann", "text": "x"}, 400),
        ("send", {"conversation": STRANGE, "sender": "ann", "text": "x"}, 404),
        ("send", {"conversation": STRANGE, "sender": "ann", "text": " "}, 400),
        ("read", {"message": STRANGE, "user": "ann"}, 404),
        ("read", {"message": STRANGE, "user": "ann", "status": "sent"}, 400),
        ("delete", {"message": STRANGE}, 404),
        ("text", {"phone": "+12022000101", "number": "x", "text": "x"}, 400),
        ("faults", {"nonsense": 1}, 400),
        ("faults", {"throttle": 2}, 400),
    ],
)
def test_it_says_what_is_wrong(people: People, path: str, content: Any, status: int) -> None:
    assert people.post(path, status, **content)["error"].endswith(".")


def test_it_does_not_take_other_methods_or_bodies(people: People) -> None:
    assert people.client.get("/simulator/send").status_code == 405
    assert people.client.post("/simulator/send", b"[", content_type="application/json").status_code == 400
    assert people.client.get("/simulator/phones/+12022000199").status_code == 404
    assert people.client.get("/simulator/phones/nonsense").status_code == 400


def test_the_page_needs_no_inline_script_or_style(people: People) -> None:
    page = people.client.get("/simulator/").content.decode()
    assert "<style" not in page
    assert " style=" not in page
    assert page.count("<script") == page.count("<script src=")
    assert 'lang="en"' in page
