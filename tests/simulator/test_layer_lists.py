"""Lists of the simulated chat server: pages, totals, order."""

from uuid import uuid4

import pytest

from tests.simulator.layer_caller import Layer


def bodies(messages: list[dict[str, list[dict[str, str]]]]) -> list[str]:
    return [message["parts"][0]["body"] for message in messages]


def test_messages_come_newest_first_in_pages_with_the_total(layer: Layer) -> None:
    uid = layer.conversation("ann", "ben")
    for n in range(5):
        layer.say(uid, "ann", str(n))
    path = f"/conversations/{uid}/messages?page_size=2"
    first = layer.get(path)
    assert bodies(first.json) == ["4", "3"]
    second = layer.get(f"{path}&from_id={first.json[-1]['id']}")
    third = layer.get(f"{path}&from_id={second.json[-1]['id'].rsplit('/', 1)[-1]}")
    assert bodies(second.json) == ["2", "1"]
    assert bodies(third.json) == ["0"]
    assert {page.headers["Layer-Count"] for page in (first, second, third)} == {"5"}


def test_a_page_has_at_most_100(layer: Layer) -> None:
    uid = layer.conversation("ann")
    for n in range(101):
        layer.say(uid, "ann", str(n))
    for query in ("", "?page_size=500"):
        answered = layer.get(f"/conversations/{uid}/messages{query}")
        assert (len(answered.json), answered.headers["Layer-Count"]) == (100, "101")


@pytest.mark.parametrize("query", ["page_size=0", "page_size=many", "page_size=-1", "from_id=nonsense", "page_size="])
def test_it_refuses_a_page_that_cannot_be(layer: Layer, query: str) -> None:
    uid = layer.conversation("ann")
    assert layer.get(f"/conversations/{uid}/messages?{query}").error == (422, 105, "invalid_property")


def test_it_does_not_know_a_strange_start(layer: Layer) -> None:
    uid = layer.conversation("ann")
    assert layer.get(f"/conversations/{uid}/messages?from_id={uuid4()}").error == (404, 102, "not_found")


def test_a_users_list_is_of_his_view(layer: Layer) -> None:
    uid = layer.conversation("ann", "ben")
    layer.say(uid, "ann", "hello")
    assert [message["is_unread"] for message in layer.get(f"/users/ben/conversations/{uid}/messages").json] == [True]
    assert [message["is_unread"] for message in layer.get(f"/users/ann/conversations/{uid}/messages").json] == [False]


def test_a_user_sees_his_conversations_with_last_message_and_unread_count(layer: Layer) -> None:
    uid = layer.conversation("ann", "ben")
    layer.conversation("carla")
    layer.say(uid, "ann", "one")
    last = layer.say(uid, "ann", "two")
    answered = layer.get("/users/ben/conversations")
    (shown,) = answered.json
    assert answered.headers["Layer-Count"] == "1"
    assert (shown["last_message"]["id"], shown["unread_message_count"]) == (last.json["id"], 2)
    layer.receipt("ben", last.uid, "read")
    assert layer.get(f"/users/ben/conversations/{uid}").json["unread_message_count"] == 1


def test_conversations_come_by_creation_or_by_last_message(layer: Layer) -> None:
    older, newer = layer.conversation("ann"), layer.conversation("ann", "ben")
    layer.say(newer, "ann", "first")
    layer.say(older, "ann", "second")

    def order(query: str) -> list[str]:
        return [row["id"].rsplit("/", 1)[-1] for row in layer.get(f"/users/ann/conversations{query}").json]

    assert order("") == order("?sort_by=created_at") == [newer, older]
    assert order("?sort_by=last_message") == [older, newer]
    assert layer.get("/users/ann/conversations?sort_by=mood").error == (422, 105, "invalid_property")


def test_conversations_come_in_pages(layer: Layer) -> None:
    uids = [layer.conversation("ann") for _ in range(3)]
    answered = layer.get(f"/users/ann/conversations?page_size=1&from_id=layer:///conversations/{uids[2]}")
    assert [row["id"].rsplit("/", 1)[-1] for row in answered.json] == [uids[1]]
    assert answered.headers["Layer-Count"] == "3"


def test_a_stranger_sees_nothing(layer: Layer) -> None:
    uid = layer.conversation("ann")
    layer.conversation("ben")
    for user in ("ben", "nobody"):
        assert layer.get(f"/users/{user}/conversations/{uid}").error == (404, 102, "not_found")
        assert layer.get(f"/users/{user}/conversations/{uid}/messages").error == (404, 102, "not_found")
    assert layer.get("/users/nobody/conversations").error == (404, 102, "not_found")
    assert len(layer.get("/users/ben/conversations").json) == 1
