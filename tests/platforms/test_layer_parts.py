"""Cutting a text into parts of at most 2 KB."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.platforms.layer_parts import cut_text


@pytest.mark.parametrize("text", ["", "hello", "x" * 2048, "ü" * 1024, "😀" * 512])
def test_it_leaves_a_text_that_fits_in_one_piece(text: str) -> None:
    assert cut_text(text) == [text]


@pytest.mark.parametrize("text", ["x" * 2049, "ü" * 1025, "😀" * 513])
def test_it_counts_bytes_and_not_characters(text: str) -> None:
    assert [len(piece.encode()) for piece in cut_text(text)] == [2048, len(text.encode()) - 2048]


def test_it_cuts_after_white_space() -> None:
    assert cut_text("one two three", 10) == ["one two ", "three"]
    assert cut_text("one\ntwo", 6) == ["one\n", "two"]


def test_it_cuts_a_word_rather_than_fill_half_a_part() -> None:
    assert cut_text("a bcdefghijklm", 10) == ["a bcdefghi", "jklm"]


@pytest.mark.parametrize(
    "character",
    [
        pytest.param("e\u0301", id="combining mark"),
        pytest.param("\u2764\ufe0f", id="variation selector"),
        pytest.param("\U0001f44b\U0001f3fd", id="skin tone"),
        pytest.param("\U0001f468\u200d\U0001f469\u200d\U0001f467", id="joined family"),
        pytest.param("\U0001f1e9\U0001f1ea", id="flag"),
        pytest.param("\U0001f3f4\U000e0067\U000e007f", id="tagged flag"),
        pytest.param("\r\n", id="line end"),
        pytest.param("\u1100\u1161\u11a8", id="Hangul letters"),
    ],
)
@pytest.mark.parametrize("before", range(12))
def test_it_does_not_cut_what_is_seen_as_one_character(character: str, before: int) -> None:
    text = "x" * before + character * 4
    pieces = cut_text(text, len(character.encode()) + 11)
    assert "".join(pieces) == text
    assert all(len(piece.replace("x", "")) % len(character) == 0 for piece in pieces)


def test_it_cuts_a_character_without_end_all_the_same() -> None:
    pieces = cut_text("e" + "\u0301" * 5000)
    assert "".join(pieces) == "e" + "\u0301" * 5000
    assert all(len(piece.encode()) <= 2048 for piece in pieces)


ALPHABET = st.sampled_from([*"ab \n\r", "ü", "\u0301", "😀", "🏽", "\u200d", "🇩", "🇪", "\u1100", "\u1161", "가"])


@settings(deadline=None)
@given(text=st.text(ALPHABET, max_size=120), limit=st.integers(4, 40))
def test_it_loses_nothing_and_keeps_the_limit(text: str, limit: int) -> None:
    pieces = cut_text(text, limit)
    assert "".join(pieces) == text
    assert all(len(piece.encode()) <= limit for piece in pieces)
    assert all(pieces) or text == ""


def test_it_composes_as_before() -> None:
    text = unicodedata.normalize("NFD", "é" * 2000)
    assert "".join(unicodedata.normalize("NFC", piece) for piece in cut_text(text)) == "é" * 2000
