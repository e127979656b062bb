"""Quiet hours by the clock on somebody's wall, also on the days when clocks are changed."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from smsbridge.zones import Quiet, Window, quiet, zone_named

NIGHT = Window(time(21), time(8))
BERLIN = "Europe/Berlin"
PLACES = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))

clocks = st.builds(time, st.integers(0, 23), st.integers(0, 59))
windows = st.builds(Window, clocks, clocks).filter(lambda window: window.starts != window.ends)
moments = st.integers(0, 28 * 365 * 86_400).map(lambda s: datetime(2010, 1, 1, tzinfo=UTC) + timedelta(seconds=s))


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def until(window: Window, zones: str | tuple[str, ...], now: datetime) -> datetime | None:
    found = quiet(window, (zones,) if isinstance(zones, str) else zones, now)
    return found.until if found else None


def is_quiet(window: Window, zones: tuple[str, ...], moment: datetime) -> bool:
    return any(window.covers(moment.astimezone(ZoneInfo(zone)).time()) for zone in zones)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-03-01T20:59:59", None),
        ("2026-03-01T21:00:00", "2026-03-02T08:00:00"),
        ("2026-03-01T23:59:59", "2026-03-02T08:00:00"),
        ("2026-03-02T00:00:00", "2026-03-02T08:00:00"),
        ("2026-03-02T07:59:59", "2026-03-02T08:00:00"),
        ("2026-03-02T08:00:00", None),
    ],
)
def test_a_window_over_midnight_begins_with_its_first_minute_and_ends_at_its_last(now: str, end: str | None) -> None:
    assert until(NIGHT, BERLIN, at(now, BERLIN)) == (at(end, BERLIN) if end else None)


def test_a_window_within_a_day() -> None:
    rest = Window(time(13), time(16))
    assert until(rest, BERLIN, at("2026-03-01T13:00", BERLIN)) == at("2026-03-01T16:00", BERLIN)
    assert until(rest, BERLIN, at("2026-03-01T12:59", BERLIN)) is None
    assert until(rest, BERLIN, at("2026-03-01T16:00", BERLIN)) is None


def test_it_is_the_clock_of_the_place_that_counts() -> None:
    evening_in_berlin = at("2026-03-01T20:30")
    assert until(NIGHT, BERLIN, evening_in_berlin) == at("2026-03-02T08:00", BERLIN)
    assert until(NIGHT, "America/New_York", evening_in_berlin) is None


def test_an_end_in_the_hour_that_is_skipped_is_not_waited_for() -> None:
    """On 29 March 2026 the clocks of Berlin go from 02:00 to 03:00."""
    window = Window(time(22), time(2, 30))
    assert until(window, BERLIN, at("2026-03-29T01:00", BERLIN)) == at("2026-03-29T01:00")
    assert until(NIGHT, BERLIN, at("2026-03-29T00:00", BERLIN)) == at("2026-03-29T06:00")


def test_an_hour_that_comes_twice_is_quiet_twice() -> None:
    """On 25 October 2026 the clocks of Berlin go from 03:00 back to 02:00."""
    window = Window(time(22), time(2, 30))
    first, second = at("2026-10-25T00:30"), at("2026-10-25T01:30")
    assert until(window, BERLIN, first - timedelta(minutes=1)) == first
    assert until(window, BERLIN, first) is None
    assert until(window, BERLIN, second - timedelta(minutes=30)) == second


def test_clocks_that_go_back_end_what_had_just_begun() -> None:
    window = Window(time(2, 30), time(8))
    assert until(window, BERLIN, at("2026-10-25T00:45")) == at("2026-10-25T01:00")
    assert until(window, BERLIN, at("2026-10-25T01:30")) == at("2026-10-25T07:00")


def test_somebody_who_may_be_in_several_zones_is_texted_when_it_is_quiet_in_none() -> None:
    coasts = ("America/New_York", "America/Los_Angeles")
    found = quiet(NIGHT, coasts, at("2026-03-01T14:00"))
    assert found == Quiet(at("2026-03-01T16:00"), "America/Los_Angeles")
    assert str(found) == "Quiet hours until 08:00 (America/Los_Angeles)."
    assert until(NIGHT, coasts, at("2026-03-02T02:30")) == at("2026-03-02T16:00"), "New York has gone to bed"


def test_zones_without_a_common_hour_do_not_silence_somebody_for_ever() -> None:
    """Office hours only, on phones that may be anywhere from Hawaii to Guam: the middle one counts."""
    zones = ("Pacific/Honolulu", "America/Chicago", "Pacific/Guam")
    window = Window(time(17), time(9))
    assert until(window, zones, at("2026-03-01T14:00")) == until(window, "America/Chicago", at("2026-03-01T14:00"))
    assert until(window, zones, at("2026-03-01T15:00")) is None


def test_in_no_known_zone_it_is_never_quiet() -> None:
    assert until(NIGHT, (), at("2026-03-01T23:00")) is None


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Europe/Zurich", "Europe/Zurich"),
        (" europe/zurich ", "Europe/Zurich"),
        ("UTC", "UTC"),
        ("Mars/Olympus", ""),
        ("+02:00", ""),
        ("../../etc/passwd", ""),
        ("localtime", ""),
        ("", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_a_zone_is_known_by_its_name(written: object, name: str) -> None:
    assert zone_named(written) == name


@given(windows, st.lists(st.sampled_from(PLACES), min_size=1, max_size=3, unique=True), moments)
@example(Window(time(22), time(2, 30)), [BERLIN], datetime(2026, 3, 29, 0, 0, tzinfo=UTC))
@example(Window(time(2, 30), time(1, 59)), [BERLIN], datetime(2026, 10, 25, 0, 45, tzinfo=UTC))
@example(Window(time(3), time(2)), [BERLIN], datetime(2026, 3, 29, 0, 0, tzinfo=UTC))
@example(Window(time(12), time(11)), ["Pacific/Apia"], datetime(2011, 12, 30, 9, 0, tzinfo=UTC))
@settings(deadline=None, max_examples=150)
def test_it_ends_at_the_first_moment_that_is_not_quiet(window: Window, zones: list[str], now: datetime) -> None:
    wanted = by_trying(window, tuple(zones), now)
    assume(wanted is not None)  # what becomes of zones without a common moment is told above
    assert (until(window, tuple(zones), now) or now) == wanted


def by_trying(window: Window, zones: tuple[str, ...], now: datetime) -> datetime | None:
    """The same by looking at minute after minute for three days: windows and changes of clocks begin at whole ones."""
    whole = now.replace(second=0, microsecond=0)
    tried = [now, *(whole + timedelta(minutes=n) for n in range(1, 3 * 24 * 60))]
    return next((moment for moment in tried if not is_quiet(window, zones, moment)), None)
