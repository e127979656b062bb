"""What is known of a delivery before it is stored."""

import json
from hashlib import sha256

import pytest

from notifier.platforms.base import Envelope
from notifier.wire import Unreadable
from tests.platforms.layer_cases import CONVERSATION, changed, delivery, fixture, layer, parsed


def envelope_of(body: bytes) -> Envelope:
    return layer().envelope(delivery(body))


@pytest.mark.parametrize("name", ["message_sent", "conversation_deleted", "v2_message_created", "unknown_type"])
def test_it_has_the_key_and_type_of_the_event(name: str) -> None:
    event = json.loads(fixture(name))["event"]
    envelope = envelope_of(fixture(name))
    assert (envelope.key, envelope.type) == (event["id"], event["type"])
    assert envelope.key == parsed(name).key


@pytest.mark.parametrize(
    "name", ["message_sent", "before_1_0_message_sent", "conversation_created", "v2_receipt_created"]
)
def test_it_has_the_conversation_as_a_bare_uuid(name: str) -> None:
    assert envelope_of(fixture(name)).conversation == CONVERSATION


@pytest.mark.parametrize("conversation", [None, {}, {"id": 7}, {"id": "layer:///conversations/x"}, "x"])
def test_it_leaves_an_unclear_conversation_open(conversation: object) -> None:
    assert envelope_of(changed("message_sent", "message", "conversation", to=conversation)).conversation is None


def test_it_trusts_the_body_and_not_the_unsigned_header() -> None:
    assert envelope_of(fixture("message_read")).type == "message.read"


@pytest.mark.parametrize("event_id", [None, "", 7, {}])
def test_it_takes_the_bytes_for_the_key_when_the_event_has_no_id(event_id: object) -> None:
    body = changed("message_sent", "event", "id", to=event_id)
    assert envelope_of(body).key == f"sha256:{sha256(body).hexdigest()}"


@pytest.mark.parametrize("event_id", ["x" * 201, "a\0b", "\ud800"])
def test_it_shortens_an_id_that_no_database_would_take(event_id: str) -> None:
    key = envelope_of(changed("message_sent", "event", "id", to=event_id)).key
    assert key.startswith("sha256:")
    assert len(key) == 71
    assert key != envelope_of(changed("message_sent", "event", "id", to=event_id + "y")).key


@pytest.mark.parametrize("body", [b"{}", b'{"event": null}', b'{"event": 7}', b'{"event": {"type": []}}'])
def test_it_keeps_what_it_does_not_understand(body: bytes) -> None:
    envelope = envelope_of(body)
    assert (envelope.type, envelope.conversation) == ("unknown", None)


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"\xff", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"])
def test_it_refuses_only_what_is_no_json_object(body: bytes) -> None:
    with pytest.raises(Unreadable):
        envelope_of(body)
