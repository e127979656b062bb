"""How many SMS a text costs, exactly, and how to shorten it to a number of them.

GSM 03.38 (3GPP TS 23.038): 160 septets in one SMS, 153 in each part of a longer one; characters of the extension table
cost two septets, which no boundary may part. One character outside both tables turns the whole text into UCS-2:
70 UTF-16 code units in one SMS, 67 in each part; surrogate pairs are not parted either.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Final

from smsbridge.graphemes import boundary_before


class Encoding(StrEnum):
    """How a text travels; the value is the name the field uses."""

    GSM7 = "GSM-7"
    UCS2 = "UCS-2"


@dataclass(frozen=True, slots=True)
class Segmented:
    """What a text costs: `units` are septets or UTF-16 code units, `count` is the number of SMS."""

    encoding: Encoding
    units: int
    count: int


BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION: Final = "\f^{}\\[~]|€"

_GSM7 = re.compile(f"[{re.escape(BASIC + EXTENSION)}]*")
_NOT_GSM7 = re.compile(f"[^{re.escape(BASIC + EXTENSION)}]")

_ALONE = {Encoding.GSM7: 160, Encoding.UCS2: 70}
_PART = {Encoding.GSM7: 153, Encoding.UCS2: 67}
_DOUBLE = {
    Encoding.GSM7: re.compile(f"[{re.escape(EXTENSION)}]"),
    Encoding.UCS2: re.compile("[\U00010000-\U0010ffff]"),
}
# The one-character ellipsis is not in GSM-7 and would turn the text into UCS-2.
_ELLIPSIS = {Encoding.GSM7: "...", Encoding.UCS2: "…"}
_WORD_SEARCH: Final = 20


def measure(text: str) -> Segmented:
    """What the text costs. The empty text costs nothing: its `count` is 0."""
    encoding = _encoding(text)
    doubles = [match.start() for match in _DOUBLE[encoding].finditer(text)]
    units = len(text) + len(doubles)
    if units <= _ALONE[encoding]:
        return Segmented(encoding, units, 1 if units else 0)
    size = _PART[encoding]
    return Segmented(encoding, units, _parts(len(text), doubles, size))


def truncate(text: str, max_segments: int, tail: str = "") -> str:
    """The text if it fits into `max_segments` SMS, otherwise its beginning and an ellipsis, which together do.

    A `tail` is kept behind it whole, and fits in as well; if it is too long itself, so is what is returned.

    The ellipsis is "..." where that keeps the text GSM-7, else "…". The cut tears no grapheme (`smsbridge.graphemes`),
    takes the last space when one is within 20 characters, and leaves no space before the ellipsis.
    Raises ValueError when `max_segments` is below 1.
    """
    if max_segments < 1:
        raise ValueError(f"a text cannot be shortened to {max_segments} segments; allow at least 1")
    if measure(text + tail).count <= max_segments:
        return text + tail
    # No prefix longer than this fits, whatever its characters; it bounds the work on a hostile text.
    longest = min(len(text), max_segments * _ALONE[Encoding.GSM7])
    cut = bisect_right(range(longest + 1), max_segments, key=lambda end: measure(_ended(text[:end], tail)).count) - 1
    return _ended(text[: boundary_before(text, _word_end(text, max(cut, 0)))].rstrip(), tail)


def costly_characters(text: str) -> list[str]:
    """The distinct characters that turn the text into UCS-2, in order of appearance; none of a GSM-7 text."""
    return list(dict.fromkeys(_NOT_GSM7.findall(text)))


def _encoding(text: str) -> Encoding:
    return Encoding.GSM7 if _GSM7.fullmatch(text) else Encoding.UCS2


def _parts(length: int, doubles: list[int], size: int) -> int:
    """The number of parts of `size` units for `length` characters, of which those at `doubles` take two units.

    A unit is lost wherever a double character would begin in the last unit of a part: it moves to the next one.
    """
    lost = 0
    for earlier, position in enumerate(doubles):
        if (position + earlier + lost) % size == size - 1:
            lost += 1
    return ceil((length + len(doubles) + lost) / size)


def _ended(beginning: str, tail: str) -> str:
    return beginning + _ELLIPSIS[_encoding(beginning + tail)] + tail


def _word_end(text: str, cut: int) -> int:
    """The last place at or shortly before `cut` where a word ends, else `cut` itself."""
    for end in range(cut, max(0, cut - _WORD_SEARCH), -1):
        if text[end].isspace():
            return end
    return cut
