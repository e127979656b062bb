"""What an SMS says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbridge.segments import measure
from smsbridge.services.accounts import LiveBridge
from smsbridge.services.contacts import Person
from smsbridge.services.wording import IntroductionError, Said, text_of, word
from smsbridge.templating import compile_template

ANN = Person("ann", "Ann", custom={"team": "blue"})
BEN = Person("ben", "Ben", "+12025550101")

BRIDGE = LiveBridge(
    id=1,
    name="layer",
    hook=1,
    chat_app=1,
    app_name="Acme",
    paused=False,
    dry_run=False,
    template=compile_template("<%= sender.name %>: <%= text %>"),
    introduction=None,
    introduction_function="",
    lease_lifetime=timedelta(weeks=1),
    digest=True,
    max_segments=6,
    waits_for_number=False,
    max_age=timedelta(hours=12),
    region=None,
    countries=None,
    quiet=None,
    limits=None,
    numbers=(),
)


def said(text: str = "Hello", *parts: tuple[str, str | None], sender: Person = ANN) -> Said:
    return Said(
        message_key="m1",
        conversation_key="c1",
        title="Tea",
        app_name="Acme",
        parts=parts or [("text/plain", text)],
        sent_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        sender=sender,
    )


def words(*messages: Said, introduce: bool = False, bridge: LiveBridge = BRIDGE) -> str | None:
    wording = word(bridge, messages, BEN, introduce=introduce)
    return wording.text if wording else None


def templated(template: str, **policy: object) -> LiveBridge:
    return replace(BRIDGE, template=compile_template(template), **policy)  # type: ignore[arg-type]


def introduced(text: str, **policy: object) -> LiveBridge:
    return replace(BRIDGE, introduction=compile_template(text), **policy)  # type: ignore[arg-type]


def test_it_says_who_wrote_what() -> None:
    assert words(said("Hello")) == "Ann: Hello"


def test_it_knows_message_sender_recipient_conversation_and_app() -> None:
    template = (
        "<%= app.name %>/<%= conversation.title %>: <%= sender.team %> to <%= recipient.name %>, <%= message.id %>"
    )
    assert words(said(), bridge=templated(template)) == "Acme/Tea: blue to Ben, m1"


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (("text/plain", " Hello "), "Hello"),
        (("text/plain; charset=utf-8", "Hello"), "Hello"),
        (("text/plain", None), "[long text]"),
        (("image/png", None), "[image]"),
        (("IMAGE/jpeg", None), "[image]"),
        (("audio/mp4", None), "[audio]"),
        (("video/mp4", None), "[video]"),
        (("location/coordinate", None), "[location]"),
        (("application/pdf", None), "[file]"),
        (("multipart/encrypted", None), "[new message]"),
        (("text/plain", "  "), ""),
    ],
)
def test_it_names_in_words_what_is_no_text(part: tuple[str, str | None], shown: str) -> None:
    assert text_of([part]) == shown


def test_it_joins_the_parts_of_a_message_line_by_line() -> None:
    assert text_of([("text/plain", "Look:"), ("image/png", None)]) == "Look:\n[image]"


def test_it_says_nothing_when_the_template_leaves_nothing() -> None:
    assert words(said(), bridge=templated("<%= sender.nickname %> ")) is None


def test_it_puts_the_introduction_in_front_of_the_first_text() -> None:
    bridge = introduced("<%= conversation.title %> writes to you, <%= recipient.name %>.")
    assert words(said(), introduce=True, bridge=bridge) == "Tea writes to you, Ben.\nAnn: Hello"
    assert words(said(), introduce=False, bridge=bridge) == "Ann: Hello"


def test_it_lets_a_function_write_the_introduction() -> None:
    bridge = replace(BRIDGE, introduction_function=f"{__name__}.greet")
    assert words(said(), introduce=True, bridge=bridge) == "Ben, this is Acme.\nAnn: Hello"


def greet(values: dict[str, dict[str, str]]) -> str:
    return f"{values['recipient']['name']}, this is {values['app']['name']}.\0 "


def test_it_takes_an_empty_answer_of_the_function_for_no_introduction() -> None:
    bridge = replace(BRIDGE, introduction_function=f"{__name__}.silent")
    assert words(said(), introduce=True, bridge=bridge) == "Ann: Hello"


def silent(_: object) -> None:
    return None


@pytest.mark.parametrize("name", ["failing", "absent"])
def test_it_says_which_introduction_function_failed(name: str) -> None:
    bridge = replace(BRIDGE, introduction_function=f"{__name__}.{name}")
    with pytest.raises(IntroductionError, match=name):
        words(said("secret words"), introduce=True, bridge=bridge)


def failing(_: object) -> str:
    raise RuntimeError("of a project's own")


# Several messages, and what fits


def test_it_tells_several_messages_line_by_line_oldest_first() -> None:
    assert words(said("One"), said("Two")) == "Ann: One\nAnn: Two"


def test_it_keeps_the_newest_and_counts_what_found_no_room() -> None:
    messages = [said(f"{index} " + "x" * 60) for index in range(9)]
    wording = word(replace(BRIDGE, max_segments=2), messages, BEN, introduce=False)
    assert wording is not None
    assert wording.segments == 2
    first, *rest = wording.text.split("\n")
    assert first == f"(+{wording.left_out} earlier)"
    assert rest == [f"Ann: {index} " + "x" * 60 for index in range(wording.left_out, 9)]
    assert wording.left_out == 9 - len(rest)
    more = "\n".join([f"(+{wording.left_out - 1} earlier)", f"Ann: {wording.left_out - 1} " + "x" * 60, *rest])
    assert measure(more).count > 2


def test_it_cuts_a_single_message_cleanly_at_the_cap() -> None:
    wording = word(replace(BRIDGE, max_segments=1), [said("word " * 60)], BEN, introduce=False)
    assert wording is not None
    assert wording.segments == 1
    assert wording.text.startswith("Ann: word word")
    assert wording.text.endswith("word...")


def test_it_works_as_fast_for_a_long_absence_as_for_a_short_one() -> None:
    messages = [said(f"{index}") for index in range(20_000)]
    wording = word(BRIDGE, messages, BEN, introduce=False)
    assert wording is not None
    assert wording.text.endswith("Ann: 19999")
    assert wording.segments <= 6


def test_it_counts_unicode_segments() -> None:
    wording = word(BRIDGE, [said("ж" * 80)], BEN, introduce=False)
    assert wording is not None
    assert (wording.unicode, wording.segments) == (True, 2)


@given(st.text(min_size=1, max_size=700), st.integers(1, 3), st.lists(st.text(max_size=200), min_size=1, max_size=5))
def test_it_never_cuts_the_introduction(opening: str, most: int, texts: list[str]) -> None:
    bridge = introduced("<%= conversation.title %>", max_segments=most)
    messages = [replace(said(text), title=opening) for text in texts]
    alone = words(replace(said("."), title=opening), introduce=True, bridge=replace(bridge, max_segments=99))
    assert alone is not None
    head = alone.removesuffix("Ann: .")
    whole = words(*messages, introduce=True, bridge=bridge)
    assert whole is not None
    assert whole.startswith(head)


@given(st.integers(1, 6), st.lists(st.text(max_size=400), min_size=1, max_size=8))
def test_it_never_costs_more_than_the_cap(most: int, texts: list[str]) -> None:
    wording = word(replace(BRIDGE, max_segments=most), [said(text) for text in texts], BEN, introduce=False)
    assert wording is not None
    assert wording.segments <= most
    assert wording.segments == measure(wording.text).count
