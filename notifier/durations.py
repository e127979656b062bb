"""Durations as people and settings write them: `600000`, `"10 minutes"`, `"1 week"`.

A number without a unit means milliseconds, as in the settings of the Node originals (their `ms` package).
humanfriendly knows the units, but is never handed a bare number: it would take it for seconds.
"""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Final

from humanfriendly import InvalidTimespan, parse_timespan

LONGEST: Final = timedelta(days=36525)
"""A hundred years: what is longer is a mistake, and could not be added to today's date."""

_YEAR = timedelta(days=365, hours=6)
_MILLISECOND = timedelta(milliseconds=1)
_WRITTEN = re.compile(r"(?P<amount>[0-9]{1,20}(?:\.[0-9]{1,20})?|\.[0-9]{1,20})\s*(?P<unit>[a-z]*)", re.IGNORECASE)
_SPELLINGS = {"": "ms", "msec": "ms", "msecs": "ms", "hr": "h", "hrs": "h"}
_YEARS = frozenset({"y", "yr", "yrs", "year", "years"})
_SHOWN = (
    ("year", _YEAR),
    ("week", timedelta(weeks=1)),
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
    ("second", timedelta(seconds=1)),
)
_REMEDY = 'write a number of milliseconds (600000) or one number with one unit, such as "10 minutes", "1.5 h", "1 week"'


class InvalidDuration(ValueError):
    """Not a duration; the text says what was given and what to write instead."""


def parse_duration(value: int | float | str | timedelta) -> timedelta:
    """The duration that `value` means: never negative, at most `LONGEST`, to the microsecond.

    Numbers and numeric text are milliseconds. Otherwise one number and one unit, in any case, with or without space:
    ms, s, m, h, d, w, y, their long forms and msec, sec, min, hr, yr. A year has 365.25 days.
    Raises `InvalidDuration` for everything else.
    """
    if isinstance(value, timedelta):
        return _within_bounds(value, value)
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_milliseconds(value)
    raise InvalidDuration(f"{type(value).__name__} is not a duration: {_REMEDY}")


def positive_duration(value: int | float | str | timedelta) -> timedelta:
    """As `parse_duration`, but zero raises `InvalidDuration` too."""
    duration = parse_duration(value)
    if not duration:
        raise InvalidDuration(f"{_quoted(value)} is no time at all: a duration longer than zero is needed")
    return duration


def describe_duration(duration: timedelta) -> str:
    """The duration in the largest unit that divides it: "10 minutes", "1 week", "1.5 milliseconds".

    `parse_duration` reads it back as the same value. Raises `InvalidDuration` for what `parse_duration` would refuse.
    """
    _within_bounds(duration, duration)
    for name, unit in _SHOWN:
        if duration and not duration % unit:
            return _counted(str(duration // unit), name)
    if not duration:
        return "0 seconds"
    whole, thousandths = divmod(_microseconds(duration), 1000)
    return _counted(f"{whole}.{thousandths:03d}".rstrip("0").rstrip("."), "millisecond")


def _from_milliseconds(value: int | float) -> timedelta:
    # The bounds come first: timedelta itself overflows on infinity and on huge integers, and NaN fails any comparison.
    if value < 0:
        raise InvalidDuration(f"{_quoted(value)} is negative: {_REMEDY}")
    if not value <= LONGEST / _MILLISECOND:
        raise InvalidDuration(f"{_quoted(value)} is not a number of milliseconds up to {describe_duration(LONGEST)}")
    return timedelta(milliseconds=value)


def _from_text(text: str) -> timedelta:
    stripped = text.strip()
    if not stripped:
        raise InvalidDuration(f"an empty text is not a duration: {_REMEDY}")
    written = _WRITTEN.fullmatch(stripped)
    if not written:
        reason = "is negative" if _WRITTEN.fullmatch(stripped.removeprefix("-")) else "is not a duration"
        raise InvalidDuration(f"{_quoted(text)} {reason}: {_REMEDY}")
    # Decimal, because a float would lose microseconds and the value shown would not read back as the same.
    microseconds = Decimal(written["amount"]) * _microseconds(_unit(written["unit"], text))
    if microseconds > _microseconds(LONGEST):
        raise InvalidDuration(f"{_quoted(text)} is longer than {describe_duration(LONGEST)}")
    return timedelta(microseconds=round(microseconds))


def _unit(unit: str, text: str) -> timedelta:
    unit = _SPELLINGS.get(unit.lower(), unit.lower())
    if unit in _YEARS:
        return _YEAR  # humanfriendly's year has 52 weeks
    try:
        length = timedelta(seconds=parse_timespan(f"1 {unit}"))
    except InvalidTimespan:
        raise InvalidDuration(f"{_quoted(text)} has a unit that is not known: {_REMEDY}") from None
    if length < _MILLISECOND:
        raise InvalidDuration(f"{_quoted(text)} has a unit below the millisecond: {_REMEDY}")
    return length


def _within_bounds(duration: timedelta, given: object) -> timedelta:
    if duration < timedelta(0):
        raise InvalidDuration(f"{_quoted(given)} is negative: {_REMEDY}")
    if duration > LONGEST:
        raise InvalidDuration(f"{_quoted(given)} is longer than {describe_duration(LONGEST)}")
    return duration


def _microseconds(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)


def _counted(amount: str, name: str) -> str:
    return f"{amount} {name}" if amount == "1" else f"{amount} {name}s"


def _quoted(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 100:
        return "a number of more than 30 digits"
    shown = repr(value) if isinstance(value, str) else str(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def rounded(time: timedelta) -> str:
    """A length of time for an operator: "90 s", "5 minutes", "3 hours"."""
    seconds = max(time.total_seconds(), 0.0)
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
