"""Deliveries about a message: who wrote what, and who has read it."""

import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.platforms.base import Kind, MessageFacts, Part, Rank
from notifier.wire import Unreadable
from tests.platforms.contract import JSON, complaint
from tests.platforms.layer_cases import CONVERSATION, MESSAGE, changed, delivery, fixture, layer, parsed

SENT_AT = datetime(2016, 2, 3, 1, 13, 50, 417000, tzinfo=UTC)
CONTENT, UNTIL = "https://content.layer.com/x?Expires=1454465629", datetime(2016, 2, 3, 2, 13, 49, 23000, tzinfo=UTC)


def facts_of(name: str) -> MessageFacts:
    message = parsed(name).message
    assert message is not None
    return message


def test_it_reads_a_sent_message() -> None:
    event = parsed("message_sent")
    assert (event.kind, event.type, event.conversation) == (Kind.SENT, "message.sent", CONVERSATION)
    assert event.at == datetime(2016, 2, 3, 1, 13, 50, 561000, tzinfo=UTC)
    assert event.actor == "ann"
    assert event.statuses == {"ann": Rank.READ, "ben": Rank.SENT}
    assert event.message == MessageFacts(
        id=MESSAGE, sender_id="ann", sender_name=None, parts=(Part("text/plain", "On my way"),), sent_at=SENT_AT
    )


@pytest.mark.parametrize(
    ("name", "kind", "ben"),
    [
        ("message_sent", Kind.SENT, Rank.SENT),
        ("message_delivered", Kind.RECEIPT, Rank.DELIVERED),
        ("message_read", Kind.RECEIPT, Rank.READ),
        ("message_deleted", Kind.DELETED, Rank.SENT),
    ],
)
def test_it_reads_every_message_event(name: str, kind: Kind, ben: Rank) -> None:
    event = parsed(name)
    assert event.kind is kind
    assert facts_of(name).id == MESSAGE
    assert event.statuses == {"ann": Rank.READ, "ben": ben}


def test_it_takes_the_actor_of_a_receipt_for_one_who_has_read_when_there_is_no_map() -> None:
    assert parsed("message_read_without_map").statuses == {"ben": Rank.READ}


def test_it_does_not_lower_a_status_that_the_map_has_higher() -> None:
    (event,) = layer().parse(changed("message_delivered", "message", "recipient_status", to={"ben": "read"}))
    assert event.statuses == {"ben": Rank.READ}


def test_it_gives_a_bot_a_name_and_no_id() -> None:
    facts = facts_of("message_sent_by_bot")
    assert (facts.sender_id, facts.sender_name) == (None, "Reminder")
    assert parsed("message_sent_by_bot").actor is None


def test_it_gives_the_text_of_what_is_text_and_was_sent_along() -> None:
    assert facts_of("message_sent_with_parts").parts == (
        Part("text/plain", "Look at this"),
        Part("image/png", None, CONTENT, UNTIL, 90210),
        Part("text/plain", None, CONTENT, UNTIL, 90210),
        Part("application/json"),
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"download_url": CONTENT}, Part("image/png", None, CONTENT)),
        ({"download_url": CONTENT, "expiration": None, "size": 7}, Part("image/png", None, CONTENT, size=7)),
        ({"download_url": CONTENT, "size": "large"}, Part("image/png", None, CONTENT)),
        ({"download_url": CONTENT, "size": True}, Part("image/png", None, CONTENT)),
        ({"download_url": CONTENT, "size": -1}, Part("image/png", None, CONTENT)),
        ({"download_url": CONTENT, "expiration": "soon"}, Part("image/png")),
        ({"download_url": CONTENT, "expiration": 1454465629}, Part("image/png")),
        ({"download_url": "http://content.layer.com/x"}, Part("image/png")),
        ({"download_url": "https://content.layer.com@10.0.0.1/x"}, Part("image/png")),
        ({"download_url": 7}, Part("image/png")),
        ({}, Part("image/png")),
        ("content", Part("image/png")),
        (None, Part("image/png")),
    ],
)
def test_it_tells_where_a_large_part_is_if_that_can_be_handed_on(content: object, told: Part) -> None:
    (event,) = layer().parse(changed("message_sent_with_parts", "message", "parts", 1, "content", to=content))
    assert event.message is not None
    assert event.message.parts[1] == told


def test_it_decodes_base64_and_leaves_what_is_no_text() -> None:
    assert facts_of("message_sent_base64").parts == (
        Part("text/plain", "Grüße 👋"),
        Part("text/plain"),
        Part("text/plain"),
    )


def test_it_cleans_what_no_database_would_take() -> None:
    facts = facts_of("message_sent_unicode_escapes")
    assert facts.sender_id == "zoë/ü"
    assert facts.parts == (Part("text/plain", "café 👋 nul: lone:\ufffd end"),)


def test_it_reads_the_sparse_form_of_the_first_months() -> None:
    event = parsed("before_1_0_message_sent")
    assert event.at == datetime(2015, 10, 2, 9, 30, 1, tzinfo=UTC)
    assert event.conversation == CONVERSATION
    assert event.statuses == {"ann": Rank.READ, "ben": Rank.SENT}
    assert facts_of("before_1_0_message_sent").id == MESSAGE


@pytest.mark.parametrize("name", ["v2_message_created", "v2_message_deleted", "v2_receipt_created"])
def test_it_takes_user_ids_out_of_identities(name: str) -> None:
    assert facts_of(name).sender_id == "ann lee"
    assert set(parsed(name).statuses) == {"ann lee", "ben"}


def test_it_reads_the_names_of_version_2() -> None:
    assert parsed("v2_message_created").kind is Kind.SENT
    assert parsed("v2_message_created").actor == "ann lee"
    assert parsed("v2_message_deleted").kind is Kind.DELETED
    receipt = parsed("v2_receipt_created")
    assert (receipt.kind, receipt.actor, receipt.statuses["ben"]) == (Kind.RECEIPT, "ben", Rank.READ)


def test_it_knows_a_bot_of_version_2_by_its_identity_type() -> None:
    facts = facts_of("v2_message_created_by_bot")
    assert (facts.sender_id, facts.sender_name) == (None, "Helper")


@pytest.mark.parametrize("name", ["v3_message_part_created", "unknown_type"])
def test_it_passes_on_what_it_does_not_know(name: str) -> None:
    event = parsed(name)
    assert (event.kind, event.message, event.statuses) == (Kind.OTHER, None, {})


def test_it_takes_a_receipt_without_a_message_for_something_else() -> None:
    (event,) = layer().parse(changed("v2_receipt_created", "message", to=None))
    assert event.kind is Kind.OTHER


def test_it_reads_five_hundred_recipients_at_once() -> None:
    everybody = {f"user {number} ü" * 10: "sent" for number in range(500)}
    body = changed("message_sent", "message", "recipient_status", to=everybody)
    start = time.perf_counter()
    (event,) = layer().parse(body)
    assert time.perf_counter() - start < 0.5
    assert set(event.statuses) == set(everybody)


@pytest.mark.parametrize("word", ["seen", "READ", None, 2, [], {}])
def test_it_ignores_a_status_that_it_does_not_know(word: object) -> None:
    (event,) = layer().parse(changed("message_sent", "message", "recipient_status", to={"ann": word, "ben": "read"}))
    assert event.statuses == {"ben": Rank.READ}


@pytest.mark.parametrize("order", [1, -1])
def test_it_keeps_the_higher_status_of_one_user_named_twice(order: int) -> None:
    twice = dict([("ben", "read"), ("layer:///identities/ben", "sent")][::order])
    (event,) = layer().parse(changed("message_sent", "message", "recipient_status", to=twice))
    assert event.statuses == {"ben": Rank.READ}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2016-02-03T01:13:50.417Z", 50.417), ("2016-02-03T01:13:50+00:00", 50), ("2016-02-03T03:13:50.5+02:00", 50.5)],
)
def test_it_reads_dates_in_either_form(text: str, seconds: float) -> None:
    (event,) = layer().parse(changed("message_sent", "message", "sent_at", to=text))
    assert event.message is not None
    assert event.message.sent_at == datetime(2016, 2, 3, 1, 13, int(seconds), int(seconds % 1 * 1e6), tzinfo=UTC)


@pytest.mark.parametrize("date", [None, "", "yesterday", 1454462030, "0001-01-01T00:00:00+23:59", "9" * 5000])
def test_it_goes_without_a_date_that_it_cannot_read(date: object) -> None:
    (event,) = layer().parse(changed("message_sent", "event", "created_at", to=date))
    assert event.at is None


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("event", "type"), None, "event.type"),
        (("message",), None, "message is missing"),
        (("message",), [], "message is not an object"),
        (("message", "id"), None, "message.id"),
        (("message", "id"), "layer:///messages/1", "message.id"),
        (("message", "id"), f"{MESSAGE}\n", "message.id"),
        (("message", "conversation"), None, "message.conversation"),
        (("message", "conversation", "id"), 7, "message.conversation.id"),
        (("message", "parts"), {}, "message.parts"),
        (("message", "parts", 0), "x", r"message.parts\[0\]"),
        (("message", "parts", 0, "mime_type"), None, r"message.parts\[0\].mime_type"),
        (("message", "parts", 0, "body"), 7, r"message.parts\[0\].body"),
        (("message", "sender"), {}, "message.sender"),
        (("message", "sender"), "ann", "message.sender"),
        (("message", "sender", "user_id"), 7, "message.sender.user_id"),
        (("message", "recipient_status"), [], "message.recipient_status"),
    ],
)
def test_it_names_the_field_that_is_not_as_promised(path: tuple[str | int, ...], value: object, field: str) -> None:
    with pytest.raises(Unreadable, match=field):
        layer().parse(changed("message_sent", *path, to=value))


def test_it_repeats_nothing_of_the_message_in_a_complaint() -> None:
    body = changed("message_sent", "message", "parts", to=[{"mime_type": "text/plain", "body": ["private words"]}])
    with pytest.raises(Unreadable) as error:
        layer().parse(body)
    assert "private" not in str(error.value)
    assert error.value.__cause__ is None


@settings(deadline=None)
@given(
    name=st.sampled_from(["message_sent", "message_read", "v2_message_created", "conversation_created"]),
    odd=JSON,
    data=st.data(),
)
def test_it_survives_any_value_in_any_place(name: str, odd: object, data: st.DataObject) -> None:
    path: list[str | int] = []
    inside = json.loads(fixture(name))
    while isinstance(inside, dict | list) and inside and (not path or data.draw(st.booleans())):
        step = data.draw(st.sampled_from(sorted(inside) if isinstance(inside, dict) else range(len(inside))))
        path.append(step)
        inside = inside[step]
    body = changed(name, *path, to=odd)
    assert complaint(lambda: layer().parse(body)) != ""
    assert layer().envelope(delivery(body)).key
