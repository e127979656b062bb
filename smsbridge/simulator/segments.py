"""How many segments a text is billed as (3GPP TS 23.038): what a vendor counts when it accepts one."""

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")


def count(text: str) -> int:
    """At least 1. GSM-7: 160 septets alone, 153 per part; UCS-2: 70 code units alone, 67 per part."""
    if set(text) <= BASIC | EXTENDED:
        return _parts([2 if char in EXTENDED else 1 for char in text], alone=160, each=153)
    return _parts([2 if ord(char) > 0xFFFF else 1 for char in text], alone=70, each=67)


def _parts(widths: list[int], alone: int, each: int) -> int:
    """A character of two units is never split over a part boundary."""
    if sum(widths) <= alone:
        return 1
    parts, room = 1, each
    for width in widths:
        if width > room:
            parts, room = parts + 1, each
        room -= width
    return parts
