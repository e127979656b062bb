"""The parts of a Layer message: reading them, and cutting a text into parts that Layer takes."""

import binascii
import unicodedata
from base64 import b64decode
from datetime import datetime
from typing import Final

from notifier.links import is_open_link
from notifier.platforms.base import Part
from notifier.platforms.fields import moment, optional_text
from notifier.texts import clean_text
from notifier.wire import Unreadable

#: bytes of UTF-8 that the body of one part may have; Layer's documents say 2 KB
PART_BYTES: Final = 2048

_ZERO_WIDTH_JOINER = "\u200d"
_MARKS = frozenset({"Mn", "Me", "Mc"})


def read_part(value: object, path: str) -> Part:
    """The type without its parameters, and the text if it is one; a large part has `content` and no body.

    `content` says where that is; what cannot be used of it is no reason to lose the message. Raises Unreadable naming
    the field below `path`.
    """
    if not isinstance(value, dict):
        raise Unreadable(f"{path} is not an object")
    mime_type = (optional_text(value, "mime_type", f"{path}.") or "").partition(";")[0].strip().lower()
    if not mime_type:
        raise Unreadable(f"{path}.mime_type is missing")
    body = value.get("body")
    if body is not None and not isinstance(body, str):
        raise Unreadable(f"{path}.body is not a text")
    if body is None:
        return Part(mime_type, None, *_content(value.get("content")))
    if not mime_type.startswith("text/"):
        return Part(mime_type)
    return Part(mime_type, _decoded(body) if value.get("encoding") == "base64" else clean_text(body))


def _content(value: object) -> tuple[str, datetime | None, int | None]:
    """Where a large part is, until when, and its size; ("", None, None) when that is not told in a usable form.

    A date that cannot be read may be one that is over.
    """
    if not isinstance(value, dict):
        return "", None, None
    url, told, size = (value.get(name) for name in ("download_url", "expiration", "size"))
    until = moment(told)
    if not isinstance(url, str) or not is_open_link(url) or (told is not None and until is None):
        return "", None, None
    return url, until, size if type(size) is int and size > 0 else None


def _decoded(body: str) -> str | None:
    """The text of a base64 body, None when it is not base64 of UTF-8."""
    try:
        return clean_text(b64decode("".join(body.split()), validate=True).decode())
    except (binascii.Error, ValueError):
        return None


def cut_text(text: str, limit: int = PART_BYTES) -> list[str]:
    """Pieces of at most `limit` bytes of UTF-8 (at least 4) that joined give `text` again; one piece for "".

    A cut is made after white space where that is not far back, else between two characters as a reader sees them.
    """
    pieces = []
    start = 0
    while (end := _reach(text, start, limit)) < len(text):
        cut = _best_cut(text, start, end)
        pieces.append(text[start:cut])
        start = cut
    return [*pieces, text[start:]]


def _reach(text: str, start: int, limit: int) -> int:
    """The furthest index so that the piece from `start` fits."""
    used = 0
    for index in range(start, len(text)):
        used += len(text[index].encode())
        if used > limit:
            return index
    return len(text)


def _best_cut(text: str, start: int, end: int) -> int:
    whole = [cut for cut in range(end, start, -1) if not _inside_a_character(text, start, cut)]
    far_enough = start + (end - start) // 2
    after_space = next((cut for cut in whole if cut > far_enough and text[cut - 1].isspace()), None)
    # a single "character" longer than a part is nothing a person wrote: cut it anywhere
    return after_space or next(iter(whole), end)


def _inside_a_character(text: str, start: int, cut: int) -> bool:
    """Whether the code points around `cut` are seen as one character (the common rules of Unicode's UAX 29).

    `start` is a place before `cut` that is not within one.
    """
    before, after = text[cut - 1], text[cut]
    return (
        unicodedata.category(after) in _MARKS
        or _ZERO_WIDTH_JOINER in (before, after)
        or _modifies_emoji(after)
        or (before, after) == ("\r", "\n")
        or (_is_flag_letter(after) and _flag_letters_before(text, start, cut) % 2 == 1)
        or _continues_hangul(before, after)
    )


def _modifies_emoji(character: str) -> bool:
    return "\U0001f3fb" <= character <= "\U0001f3ff" or "\U000e0020" <= character <= "\U000e007f"


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_letters_before(text: str, start: int, cut: int) -> int:
    first = cut
    while first > start and _is_flag_letter(text[first - 1]):
        first -= 1
    return cut - first


def _continues_hangul(before: str, after: str) -> bool:
    leads = "\u1100" <= before <= "\u115f"
    return "\u1160" <= after <= "\u11ff" or (leads and ("\u1100" <= after <= "\u115f" or "\uac00" <= after <= "\ud7a3"))
