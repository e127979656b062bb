"""Untrusted text and JSON: what is repaired, and what is refused with which reason."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.texts import MAX_DEPTH, clean_json, clean_text, loads_object
from notifier.wire import Unreadable

any_text = st.text(alphabet=st.characters())  # of surrogates and NUL as well
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("a\0b\0", "ab"),
        ("a\ud83d", "a\ufffd"),
        ("\ude00é", "\ufffdé"),
        ("\ud83d\0\ude00", "\ufffd\ufffd"),
        ("😀 stays", "😀 stays"),
        ("line\nbreak\ttab", "line\nbreak\ttab"),
    ],
)
def test_it_cleans_text(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


@given(any_text)
def test_clean_text_can_be_stored_and_stays_as_it_is(text: str) -> None:
    cleaned = clean_text(text)
    assert b"\0" not in cleaned.encode()
    assert clean_text(cleaned) == cleaned


@given(any_text.filter(lambda text: "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)))
def test_text_that_is_in_order_is_not_touched(text: str) -> None:
    assert clean_text(text) == text


def test_it_cleans_texts_and_keys_at_every_depth() -> None:
    value = {"a\0": ["\ud800", {"b": "c\0"}], "n": 1.5, "t": True, "z": None}
    assert clean_json(value) == {"a": ["\ufffd", {"b": "c"}], "n": 1.5, "t": True, "z": None}


@given(json_values)
def test_clean_json_is_utf_8_and_loses_no_structure(value: Any) -> None:
    cleaned = clean_json(value)
    json.dumps(cleaned, ensure_ascii=False).encode()
    assert type(cleaned) is type(value)
    assert clean_json(cleaned) == cleaned


def _nested(levels: int) -> Any:
    value: Any = "x"
    for level in range(levels):
        value = [value] if level % 2 else {"k": value}
    return value


def test_it_goes_down_to_the_promised_depth_and_no_further() -> None:
    assert clean_json(_nested(MAX_DEPTH)) == _nested(MAX_DEPTH)
    with pytest.raises(Unreadable, match="nested too deeply"):
        clean_json(_nested(MAX_DEPTH + 1))


def test_it_reads_an_object() -> None:
    body = '{"text": "h\u00e9 \\ud83d\\ude00", "n": 1.5, "i": 7, "list": [true, null]}'.encode()
    assert loads_object(body) == {"text": "hé 😀", "n": 1.5, "i": 7, "list": [True, None]}


def test_it_tolerates_nul_and_lone_surrogates_which_are_cleaned_later() -> None:
    assert loads_object(rb'{"text": "a\u0000\ud83d"}') == {"text": "a\0\ud83d"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON: Expecting value"),
        (b"{", "not JSON: .*line 1, column 2"),
        (b'{"a": 1} x', "not JSON: Extra data"),
        (b"a=1&b=2", "not JSON"),
        (b'{"a": "\xff"}', r"not UTF-8 \(byte 7\)"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "not JSON: Expecting value"),
        (b'{"a": "raw \x00 control"}', "not JSON: Invalid control character"),
        (b"[]", "not an object"),
        (b'"text"', "not an object"),
        (b"null", "not an object"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b'{"a": 1e999}', "a number that is too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "an integer of too many digits"),
        (b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
    ],
)
def test_it_refuses_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        loads_object(body)


def test_the_refusal_repeats_nothing_of_the_body() -> None:
    with pytest.raises(Unreadable) as caught:
        loads_object(b'{"phone": "+14155550101", "text": "secret" oops}')
    assert "4155550101" not in str(caught.value)
    assert caught.value.__context__ is None


@given(st.binary() | any_text.map(lambda text: text.encode(errors="surrogatepass")))
def test_any_body_is_an_object_or_unreadable(body: bytes) -> None:
    with suppress(Unreadable):
        assert isinstance(loads_object(body), dict)


@given(st.dictionaries(any_text, json_values))
def test_it_reads_whatever_json_writes(value: dict[str, Any]) -> None:
    assert loads_object(json.dumps(value).encode()) == json.loads(json.dumps(value))
