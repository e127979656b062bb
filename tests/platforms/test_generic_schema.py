"""The published JSON Schema and the adapter agree on what is of the promised form."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from notifier.platforms.generic_events import EVENT_TYPES
from notifier.wire import Unreadable
from tests.platforms.contract import FIXTURES
from tests.platforms.generic_cases import generic
from tests.processes import ROOT

SCHEMA = json.loads((ROOT / "docs" / "generic-events.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
EXAMPLES = sorted((FIXTURES / "generic").glob("*.json"))

ids = st.text(st.characters(min_codepoint=33, max_codepoint=1000), min_size=1, max_size=20)
conversations = st.fixed_dictionaries({"id": ids}, optional={"title": st.text(max_size=5)})
users = st.fixed_dictionaries({"id": ids})
messages = st.fixed_dictionaries(
    {"id": ids},
    optional={
        "sender": st.fixed_dictionaries({}, optional={"id": ids, "name": st.text(max_size=5), "bot": st.booleans()}),
        "text": st.text(max_size=5) | st.none(),
        "sent_at": st.just("2026-11-20T10:00:00Z"),
    },
)
recipients = st.fixed_dictionaries({"id": ids}, optional={"status": st.sampled_from(["sent", "read", "seen", None])})
events = st.fixed_dictionaries(
    {
        "type": st.sampled_from(EVENT_TYPES),
        "data": st.fixed_dictionaries(
            {"conversation": conversations},
            optional={
                "message": messages,
                "user": users,
                "users": st.lists(ids, max_size=3),
                "up_to": users,
                "recipients": st.lists(ids, max_size=3) | st.lists(recipients, max_size=2) | st.none() | st.just("all"),
            },
        ),
    }
)


def test_it_is_a_schema_for_every_event_type() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert [event["title"] for event in SCHEMA["oneOf"]] == list(EVENT_TYPES)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_of_its_form(path: object) -> None:
    VALIDATOR.validate(json.loads(path.read_text()))  # type: ignore[attr-defined]


@given(event=events)
def test_what_is_of_its_form_is_read_and_what_lacks_something_is_not(event: object) -> None:
    try:
        generic().parse(json.dumps(event).encode())
    except Unreadable:
        assert not VALIDATOR.is_valid(event)
    else:
        assert VALIDATOR.is_valid(event)
