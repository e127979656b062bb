"""What a template's path comes to: looked up in plain data only, and made fit to stand in an SMS."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

MAX_LENGTH: Final = 10_000
"""Characters that a rendered text, and any value in it, is cut to: far more than an SMS may have."""

# Line breaks are part of what somebody wrote; in a name or a title they would only serve to imitate a second message.
_WRITTEN_BY_PEOPLE = frozenset({"text", "message", "parts"})
_LINE_BREAK = re.compile("\r\n|[\r\n\v\f\x85\u2028\u2029]")
# Controls but the line feed; bidirectional embeddings, overrides and isolates; surrogates, which no encoding can hold.
_UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(path: tuple[str, ...], context: Mapping[str, Any]) -> str:
    """The text of the value at `path`, "" when there is none; see `Template.render` for the rules."""
    value: Any = context
    for step in path:
        value = _step(value, step)
    text = _cleaned(_text(value))
    return text if path[0] in _WRITTEN_BY_PEOPLE else text.replace("\n", " ")


def _step(value: Any, step: str) -> Any:
    """One step down, in mappings and lists only, never into the attributes of an object. `length` as in JavaScript."""
    if isinstance(value, Mapping):
        return value.get(step)
    if step == "length" and isinstance(value, str):
        return len(value.encode("utf-16-le", "surrogatepass")) // 2
    if isinstance(value, list | tuple):
        return len(value) if step == "length" else _item(value, step)
    return None


def _item(values: list[Any] | tuple[Any, ...], step: str) -> Any:
    if step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(values):
        return values[int(step)]
    return None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value[:MAX_LENGTH]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    return str(value) if isinstance(value, int) else ""


def _number(value: float) -> str:
    """As JavaScript writes it for all that a text may sensibly hold: 3.0 is "3"; what is not finite is nothing."""
    if not math.isfinite(value):
        return ""
    return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)


def _cleaned(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    # A tab is a space to the eye, but is not in GSM-7.
    return _UNSAFE.sub("", _LINE_BREAK.sub("\n", text).replace("\t", " "))
