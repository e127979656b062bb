"""Where a text may be cut without tearing apart what a reader sees as one character.

A plain reading of the grapheme clusters of Unicode (UAX 29), without its tables: combining marks, variation
selectors, emoji modifiers and tags stay with what they modify; ZWJ sequences, flags, conjuncts, Hangul syllables and
CR LF stay whole.
"""

import unicodedata
from itertools import takewhile
from typing import Final

LONGEST_CLUSTER: Final = 64
"""Code points. A longer pile of marks is mischief, and is cut like any text."""

_ZERO_WIDTH_JOINERS = "\u200c\u200d"
_VIRAMA = 9  # canonical combining class


def boundary_before(text: str, cut: int) -> int:
    """The last boundary at or before `cut`; `cut` itself when none is within `LONGEST_CLUSTER`."""
    for candidate in range(cut, max(-1, cut - LONGEST_CLUSTER), -1):
        if is_boundary(text, candidate):
            return candidate
    return cut


def is_boundary(text: str, position: int) -> bool:
    """Whether the text may be cut before the character at `position`."""
    if not 0 < position < len(text):
        return True
    before, after = text[position - 1], text[position]
    if before.isascii() and after.isascii():
        return not (before == "\r" and after == "\n")
    return not (_extends(after) or _joins(before) or _one_of_two(before, after) or _inside_flag(text, position))


def _extends(character: str) -> bool:
    """Whether the character modifies the one before it."""
    return (
        unicodedata.category(character) in ("Mn", "Mc", "Me")
        or character in _ZERO_WIDTH_JOINERS
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= character <= "\U000e007f"  # tags, as in the flag of Scotland
        or "\u1160" <= character <= "\u11ff"  # vowels and finals of a Hangul syllable
        or character in "\uff9e\uff9f"  # half-width katakana voicing
    )


def _joins(character: str) -> bool:
    """Whether the character holds the next one to itself."""
    return character == "\u200d" or unicodedata.combining(character) == _VIRAMA


def _one_of_two(before: str, after: str) -> bool:
    """Whether the two are halves of a surrogate pair that was never joined."""
    return "\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff"


def _inside_flag(text: str, position: int) -> bool:
    """Whether the position is within a pair of regional indicators: pairs count from the first of the row."""
    if not _is_regional(text[position]):
        return False
    row = sum(1 for _ in takewhile(_is_regional, reversed(text[:position])))
    return row % 2 == 1


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
