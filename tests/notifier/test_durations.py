"""Durations: every spelling of the table that settles them, and what is shown back."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.durations import LONGEST, InvalidDuration, describe_duration, parse_duration, positive_duration

MS = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)
YEAR = timedelta(days=365.25)

durations = st.timedeltas(min_value=timedelta(0), max_value=LONGEST)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (600000, 10 * MINUTE),
        (600000.0, 10 * MINUTE),
        (0, timedelta(0)),
        ("600000", 10 * MINUTE),
        ("10", 10 * MS),
        ("1.5", 1.5 * MS),
        (1.5, 1.5 * MS),
        ("10 minutes", 10 * MINUTE),
        ("10min", 10 * MINUTE),
        ("10 mins", 10 * MINUTE),
        ("10m", 10 * MINUTE),
        ("30 min", 30 * MINUTE),
        ("1h", HOUR),
        ("1 hour", HOUR),
        ("2.5 hours", 2.5 * HOUR),
        ("15sec", 15 * SECOND),
        ("15 secs", 15 * SECOND),
        ("15s", 15 * SECOND),
        ("100ms", 100 * MS),
        ("7 days", WEEK),
        ("1d", DAY),
        ("0.5h", 30 * MINUTE),
        ("10M", 10 * MINUTE),
        ("1 HOUR", HOUR),
        ("1hr", HOUR),
        ("1 hr", HOUR),
        ("2hrs", 2 * HOUR),
        ("2 hrs", 2 * HOUR),
        ("5 msec", 5 * MS),
        ("5 msecs", 5 * MS),
        ("1 yr", YEAR),
        ("2 yrs", 2 * YEAR),
        ("1y", YEAR),
        ("1 year", YEAR),
        ("3 years", 3 * YEAR),
        (".5h", 30 * MINUTE),
        ("1 week", WEEK),
        ("1w", WEEK),
        ("2 weeks", 2 * WEEK),
        (" 10 minutes", 10 * MINUTE),
        ("10 minutes ", 10 * MINUTE),
        ("10\tminutes", 10 * MINUTE),
        (timedelta(minutes=10), 10 * MINUTE),
    ],
)
def test_it_accepts(written: Any, meant: timedelta) -> None:
    assert parse_duration(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        *("-3 min", "-1h", "-10", -10, -0.5, timedelta(seconds=-1)),
        *("1ns", "1us", "5 microseconds", "1µs", "1 nanosecond"),
        *("1 hour 30 minutes", "1h30m", "1:30", "1 month", "1 mo", "1 wk", "P1W", "1e3", "+5m", "1,5 h", "ten minutes"),
        *("", "   ", "10 20", "h", "5.", "1.2.3 h", "1_000", "0x10", "١٠ m", "10 minutes ago", "- 3 min"),
        *(float("nan"), float("inf"), 10**400, "9" * 400, "101 years", timedelta.max),
        *(True, None, [], b"10m"),
    ],
)
def test_it_rejects(written: Any) -> None:
    with pytest.raises(InvalidDuration):
        parse_duration(written)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("-3 min", "'-3 min' is negative: write a number of milliseconds"),
        (-10, "-10 is negative"),
        ("", "an empty text is not a duration"),
        ("1us", "'1us' has a unit below the millisecond"),
        ("1 month", "'1 month' has a unit that is not known: .*\"10 minutes\""),
        ("1h30m", "'1h30m' is not a duration: .*one number with one unit"),
        ("101 years", "'101 years' is longer than 100 years"),
        (None, "NoneType is not a duration"),
    ],
)
def test_it_says_what_is_wrong_and_what_to_write(written: Any, reason: str) -> None:
    with pytest.raises(InvalidDuration, match=reason):
        parse_duration(written)


def test_it_repeats_only_the_beginning_of_a_long_text() -> None:
    with pytest.raises(InvalidDuration) as caught:
        parse_duration("x" * 10_000)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("written", [0, "0", "0 minutes", "0.0001", timedelta(0)])
def test_it_rejects_no_time_at_all_where_a_positive_duration_is_needed(written: Any) -> None:
    assert parse_duration(written) == timedelta(0)
    with pytest.raises(InvalidDuration, match="no time at all"):
        positive_duration(written)


def test_it_returns_a_positive_duration_where_one_is_needed() -> None:
    assert positive_duration("10 minutes") == 10 * MINUTE


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        (10 * MINUTE, "10 minutes"),
        (WEEK, "1 week"),
        (14 * DAY, "2 weeks"),
        (DAY, "1 day"),
        (90 * MINUTE, "90 minutes"),
        (YEAR, "1 year"),
        (1.5 * MS, "1.5 milliseconds"),
        (MS, "1 millisecond"),
        (1500 * MS, "1500 milliseconds"),
        (timedelta(microseconds=1), "0.001 milliseconds"),
        (timedelta(0), "0 seconds"),
    ],
)
def test_it_shows_a_duration_in_the_largest_unit_that_divides_it(duration: timedelta, shown: str) -> None:
    assert describe_duration(duration) == shown


def test_it_does_not_show_what_could_not_be_read_back() -> None:
    with pytest.raises(InvalidDuration, match="negative"):
        describe_duration(-MINUTE)


@given(durations)
def test_what_it_shows_reads_back_as_the_same_duration(duration: timedelta) -> None:
    assert parse_duration(describe_duration(duration)) == duration


@given(st.integers(0, LONGEST // MS))
def test_a_number_means_the_same_as_its_text(number: int) -> None:
    assert parse_duration(number) == parse_duration(str(number)) == number * MS


@given(st.text() | st.integers() | st.floats())
def test_it_returns_a_duration_within_bounds_or_says_why_not(written: Any) -> None:
    try:
        duration = parse_duration(written)
    except InvalidDuration:
        return
    assert timedelta(0) <= duration <= LONGEST
