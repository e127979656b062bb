"""Quiet hours by the clock on somebody's wall: whether it is quiet there now, and when that ends.

A window is a stretch of the day by local time, such as 21:00 to 08:00; its first minute is quiet, its last moment is
the first that is not. Where clocks are put forward or back, what the wall shows decides: an hour that is skipped is not
waited for, and one that comes twice is quiet twice.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

_DAY = timedelta(days=1)
#: A gap may swallow what is free of one day; zones that have no common free moment for so long have none at all.
_LONGEST_SEARCH = 3 * _DAY


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of each day, over midnight when it ends before it begins. Its two ends must differ."""

    starts: time
    ends: time

    @property
    def length(self) -> timedelta:
        return (_since_midnight(self.ends) - _since_midnight(self.starts)) % _DAY

    def covers(self, clock: time) -> bool:
        if self.starts < self.ends:
            return self.starts <= clock < self.ends
        return clock >= self.starts or clock < self.ends


@dataclass(frozen=True, slots=True)
class Quiet:
    """It is quiet until then; `zone` is the one in which it ends last."""

    until: datetime
    zone: str

    def __str__(self) -> str:
        return f"Quiet hours until {self.until.astimezone(ZoneInfo(self.zone)):%H:%M} ({self.zone})."


@lru_cache(maxsize=1024)
def quiet(window: Window, zones: tuple[str, ...], now: datetime) -> Quiet | None:
    """Until when it is quiet in any of these zones (all of them valid); None when it is quiet in none.

    `until` is the first moment from `now` on that is quiet in none. Zones so far apart that there is no such moment
    would silence somebody for ever: then the middle one of them counts.
    """
    began = moment = now.astimezone(UTC)
    zone = ""
    while moment - began <= _LONGEST_SEARCH:
        ends = [(end, name) for name in zones if (end := _end(window, ZoneInfo(name), moment)) is not None]
        if not ends:
            return Quiet(moment, zone) if zone else None
        moment, zone = max(ends)
    return quiet(window, (_middle(zones, now),), now)


def _end(window: Window, zone: ZoneInfo, moment: datetime) -> datetime | None:
    """The first moment after `moment` that is not quiet in this zone; None when it is not quiet at `moment`."""
    if not window.covers(moment.astimezone(zone).time()):
        return None
    while True:
        here = moment.astimezone(zone)
        left = (_since_midnight(window.ends) - _since_midnight(here.time())) % _DAY
        changes = _next_change(zone, moment, moment + left)
        if changes is None:
            return moment + left
        moment = changes
        if not window.covers(moment.astimezone(zone).time()):
            return moment


def _next_change(zone: ZoneInfo, after: datetime, until: datetime) -> datetime | None:
    """When the clocks are changed between two moments less than a day apart; None when they are not."""
    before = after.astimezone(zone).utcoffset()
    if until.astimezone(zone).utcoffset() == before:
        return None
    low, high = int(after.timestamp()), int(until.timestamp()) + 1
    while high - low > 1:  # clocks are changed at whole seconds
        middle = (low + high) // 2
        same = datetime.fromtimestamp(middle, UTC).astimezone(zone).utcoffset() == before
        low, high = (middle, high) if same else (low, middle)
    return datetime.fromtimestamp(high, UTC)


def _middle(zones: tuple[str, ...], now: datetime) -> str:
    """By what their clocks show now."""
    from_east = sorted(zones, key=lambda name: (now.astimezone(ZoneInfo(name)).utcoffset() or timedelta(0), name))
    return from_east[len(from_east) // 2]


def _since_midnight(clock: time) -> timedelta:
    return timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second, microseconds=clock.microsecond)


def zone_named(name: object) -> str:
    """A time zone as the IANA database spells it, whatever the case of `name`; empty when there is none of that name.

    Offsets such as +02:00 are none: they do not tell when clocks are changed.
    """
    return _names().get(name.strip().lower(), "") if isinstance(name, str) else ""


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones() - {"localtime", "Factory"}}  # they name no place
