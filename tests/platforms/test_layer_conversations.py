"""Deliveries about a conversation: its title, who is in it, and its end."""

import pytest

from notifier.platforms.base import Kind
from notifier.wire import Unreadable
from tests.platforms.layer_cases import CONVERSATION, changed, fixture, layer, parsed


@pytest.mark.parametrize(
    ("name", "kind", "participants", "title"),
    [
        ("conversation_created", Kind.CONVERSATION, ("ann", "ben"), "Lunch"),
        ("conversation_updated_participants", Kind.LEFT, ("ann", "cid"), "Lunch"),
        ("conversation_updated_metadata", Kind.CONVERSATION, ("ann", "ben"), "Dinner"),
        ("conversation_deleted", Kind.DELETED, ("ann", "ben"), "Lunch"),
        ("before_1_0_participants_updated", Kind.LEFT, ("ann",), "Lunch"),
        ("before_1_0_metadata_updated", Kind.CONVERSATION, ("ann", "ben"), ""),
        ("v2_conversation_created", Kind.CONVERSATION, ("ann lee", "ben"), "Lunch"),
    ],
)
def test_it_reads_every_conversation_event(name: str, kind: Kind, participants: tuple[str, ...], title: str) -> None:
    event = parsed(name)
    assert (event.kind, event.conversation, event.message) == (kind, CONVERSATION, None)
    assert (event.participants, event.title) == (participants, title)


def test_it_tells_nobody_of_leaving_when_it_is_not_told_who_is_left() -> None:
    (event,) = layer().parse(changed("conversation_updated_participants", "conversation", "participants", to=None))
    assert event.participants is None


def test_it_leaves_the_title_open_when_there_are_no_metadata() -> None:
    (event,) = layer().parse(changed("conversation_created", "conversation", "metadata", to=None))
    assert event.title is None


@pytest.mark.parametrize("value", [7, None, {}, ["x"]])
def test_it_takes_a_title_that_is_no_text_for_none(value: object) -> None:
    (event,) = layer().parse(changed("conversation_created", "conversation", "metadata", "conversationName", to=value))
    assert event.title == ""


@pytest.mark.parametrize(("key", "title"), [("stats.n", "3"), ("stats", ""), ("nothing.n", "")])
def test_it_finds_the_title_where_the_configuration_says(key: str, title: str) -> None:
    (event,) = layer(title_key=key).parse(fixture("conversation_created"))
    assert event.title == title


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("conversation",), None, "conversation is missing"),
        (("conversation", "id"), "x", "conversation.id"),
        (("conversation", "participants"), "ann", "conversation.participants"),
        (("conversation", "participants"), ["ann", 7], r"conversation.participants\[1\]"),
        (("conversation", "participants"), [{}], r"conversation.participants\[0\]"),
        (("conversation", "metadata"), [], "conversation.metadata"),
    ],
)
def test_it_names_the_field_that_is_not_as_promised(path: tuple[str | int, ...], value: object, field: str) -> None:
    with pytest.raises(Unreadable, match=field):
        layer().parse(changed("conversation_created", *path, to=value))
