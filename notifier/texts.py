"""Untrusted text and JSON, made fit for the database and for everything behind it."""

import json
import math
import re
from typing import Any, Final, NoReturn

from notifier.wire import Unreadable

MAX_DEPTH: Final = 64
"""Levels of nesting that `clean_json` goes down; no platform comes near it."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def clean_text(text: str) -> str:
    """The text without NUL, which Postgres refuses, and with U+FFFD for lone surrogates, which UTF-8 cannot hold."""
    if "\0" in text:
        text = text.replace("\0", "")
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def clean_json(value: Any, max_depth: int = MAX_DEPTH) -> Any:
    """A copy of a JSON value with every text and key cleaned by `clean_text`.

    Raises `Unreadable` when lists and objects are nested in more than `max_depth` levels.
    """
    if isinstance(value, str):
        return clean_text(value)
    if not isinstance(value, dict | list):
        return value
    if max_depth < 1:
        raise Unreadable("the JSON is nested too deeply")
    if isinstance(value, dict):
        return {clean_text(key): clean_json(item, max_depth - 1) for key, item in value.items()}
    return [clean_json(item, max_depth - 1) for item in value]


def loads_object(body: bytes) -> dict[str, Any]:
    """The JSON object that an untrusted body holds.

    Raises `Unreadable`, with a reason that repeats nothing of the body, for what is not UTF-8, not JSON by RFC 8259
    (NaN, Infinity), not an object, nested too deeply, or holds a number that Python or Postgres could not.
    NUL and lone surrogates stay, since most bodies hold none: `clean_text` removes them from what is kept.
    """
    try:
        value = _DECODER.decode(body.decode())
    except UnicodeDecodeError as error:
        reason = f"the body is not UTF-8 (byte {error.start})"
    except json.JSONDecodeError as error:
        reason = f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
    except RecursionError:
        reason = "the JSON is nested too deeply"
    except ValueError as error:
        reason = str(error) if isinstance(error, _NumberError) else "the JSON holds an integer of too many digits"
    else:
        if isinstance(value, dict):
            return value
        reason = "the JSON is not an object"
    # Raised out here so that no exception with the body in it hangs on to this one.
    raise Unreadable(reason)


class _NumberError(ValueError):
    """A number of the body that is refused."""


def _refuse_constant(name: str) -> NoReturn:
    raise _NumberError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _NumberError("the JSON holds a number that is too large")
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
