"""Texts as Vonage pushes them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from notifier.wire import Call, Unreadable
from smsbridge.vendors.base import InboundPart, InboundText
from tests.vendors.accounts import WAYS, by_form, by_get, call, fields, vonage

WAY = pytest.mark.parametrize("way", WAYS)


def text_of(parameters: dict[str, str]) -> InboundText:
    (text,) = vonage().parse_inbound(by_get(parameters))
    return text


def as_json(parameters: dict[str, Any]) -> Call:
    return call(body=json.dumps(parameters).encode(), content_type="application/json")


@WAY
def test_it_reads_a_text_however_it_comes(way: Callable[[dict[str, str]], Call]) -> None:
    assert vonage().parse_inbound(way(fields("inbound"))) == [
        InboundText(
            vendor_id="0B00AA11",
            sender="+12025550101",
            recipient="+12025550001",
            text="hello & good = day",
            at=datetime(2026, 11, 20, 7, 0, tzinfo=UTC),
        )
    ]


@WAY
def test_it_reads_a_part_of_a_long_text(way: Callable[[dict[str, str]], Call]) -> None:
    (text,) = vonage().parse_inbound(way(fields("inbound-part")))
    assert (text.text, text.part) == ("part two", InboundPart(reference="1", number=2, total=3))


@pytest.mark.parametrize("concat", [True, "true", "True", "TRUE"])
def test_it_knows_every_spelling_of_concat(concat: bool | str) -> None:
    spelled = {**fields("inbound-part"), "concat": concat, "concat-ref": 1, "concat-total": 3, "concat-part": 2}
    (text,) = vonage().parse_inbound(as_json(spelled))
    assert text.part == InboundPart(reference="1", number=2, total=3)


@pytest.mark.parametrize(
    "odd",
    [
        {"concat_part": "0"},
        {"concat_part": "4"},
        {"concat_total": ""},
        {"concat_total": "x"},
        {"concat_total": "9999"},
        {"concat_ref": ""},
        {"concat_total": "1", "concat_part": "1"},
        {"concat": "false"},
    ],
)
def test_it_shows_a_part_without_a_place_as_a_whole_text(odd: dict[str, str]) -> None:
    text = text_of(fields("inbound-part", **odd))
    assert (text.text, text.part) == ("part two", None)


def test_it_keeps_a_binary_message_visible_as_an_empty_text() -> None:
    parameters = fields("inbound", type="binary", data="0AFF", udh="06050415811581")
    del parameters["text"]
    assert text_of(parameters).text == ""


@WAY
def test_it_cleans_what_no_database_holds(way: Callable[[dict[str, str]], Call]) -> None:
    (text,) = vonage().parse_inbound(way(fields("inbound", text="a\0b żółw 🐢")))
    assert text.text == "ab żółw 🐢"


def test_it_replaces_lone_surrogates() -> None:
    (text,) = vonage().parse_inbound(as_json(fields("inbound", text="a\ud800b")))
    assert text.text == "a\ufffdb"


@pytest.mark.parametrize("written", ["2026-11-20 07:00:00", "2026-11-20T07:00:00Z", "2026-11-20T07:00:00.000+00:00"])
def test_it_reads_the_time_in_every_form(written: str) -> None:
    assert text_of(fields("inbound", message_timestamp=written)).at == datetime(2026, 11, 20, 7, 0, tzinfo=UTC)


@pytest.mark.parametrize("written", ["", "yesterday", "0001-01-01 00:00:00", "9999-12-31 23:59:59"])
def test_it_falls_back_to_the_time_of_the_push(written: str) -> None:
    assert text_of(fields("inbound", message_timestamp=written)).at == datetime.fromtimestamp(1795158000, UTC)


def test_it_does_without_a_time() -> None:
    assert text_of(fields("inbound", message_timestamp="", timestamp="")).at is None


def test_it_accepts_numbers_with_plus() -> None:
    text = text_of(fields("inbound", msisdn="+12025550101", to="+12025550001"))
    assert (text.sender, text.recipient) == ("+12025550101", "+12025550001")


@pytest.mark.parametrize("missing", ["messageId", "msisdn", "to"])
def test_it_says_what_a_text_needs(missing: str) -> None:
    parameters = fields("inbound")
    del parameters[missing]
    with pytest.raises(Unreadable, match=missing):
        vonage().parse_inbound(by_form(parameters))


def test_it_has_no_interest_in_senders_that_are_names() -> None:
    assert vonage().parse_inbound(by_form(fields("inbound", msisdn="ACME"))) == []


@WAY
def test_it_has_no_interest_in_receipts(way: Callable[[dict[str, str]], Call]) -> None:
    assert vonage().parse_inbound(way(fields("receipt"))) == []


@pytest.mark.parametrize("body", [b"", b"\xff", b"{", b"[]", b'{"a": {}}', b"[" * 100_000])
def test_it_says_that_it_cannot_read_anything_else(body: bytes) -> None:
    with pytest.raises(Unreadable) as problem:
        vonage().parse_inbound(call(body=body, content_type="application/json"))
    assert problem.value.__cause__ is None
    assert problem.value.__context__ is None


@pytest.mark.parametrize("text", ["%ff", "%ED%A0%80"])
def test_it_guesses_no_bytes_that_are_not_utf_8(text: str) -> None:
    query = f"msisdn=12025550101&to=12025550001&messageId=0B&text={text}"
    with pytest.raises(Unreadable, match="UTF-8"):
        vonage().parse_inbound(call(method="GET", query=query))


def test_it_answers_200() -> None:
    assert (vonage().inbound_reply().status, vonage().inbound_reply().body) == (200, "")
