"""How many segments a text is billed as (3GPP TS 23.038): what a vendor counts when it accepts one.

A phone sends each segment of a long text by itself.
"""

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")


def count(text: str) -> int:
    """At least 1."""
    return len(split(text))


def split(text: str) -> list[str]:
    """A text by its segments. GSM-7: 160 septets alone, 153 per part; UCS-2: 70 code units alone, 67 per part."""
    if set(text) <= BASIC | EXTENDED:
        return _parts(text, [2 if char in EXTENDED else 1 for char in text], alone=160, each=153)
    return _parts(text, [2 if ord(char) > 0xFFFF else 1 for char in text], alone=70, each=67)


def _parts(text: str, widths: list[int], alone: int, each: int) -> list[str]:
    """A character of two units is never split over a part boundary."""
    if sum(widths) <= alone:
        return [text]
    starts, room = [0], each
    for place, width in enumerate(widths):
        if width > room:
            starts.append(place)
            room = each
        room -= width
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
