"""The arithmetic of a pace, apart from where its buckets are kept. Times are seconds of one and the same clock."""

from collections.abc import Sequence
from dataclasses import dataclass

_ROUNDING = 1e-6  # seconds: clocks and buckets are kept to the microsecond


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """What a number or an account may send: `rate` segments a second."""

    key: str
    rate: float

    @property
    def slack(self) -> float:
        """How far ahead of the clock the spent time may be when a text leaves: a second's worth, less one segment."""
        return max(0.0, 1.0 - 1.0 / self.rate) + _ROUNDING


@dataclass(frozen=True, slots=True)
class Wish:
    """A text that wants to leave, with the buckets (by their place in a list) that its segments are taken from."""

    segments: int
    buckets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """Which wishes were granted; and of each bucket how many seconds until it has room again, 0 or less if it has."""

    granted: list[bool]
    waits: list[float]


def decide(
    now: float, spent: Sequence[float], buckets: Sequence[Bucket], wishes: Sequence[Wish]
) -> tuple[list[bool], list[float]]:
    """Which wishes are granted, each in its turn, and until when each bucket is spent then."""
    after = [max(until, now) for until in spent]
    granted = []
    for wish in wishes:
        room = all(after[at] - now <= buckets[at].slack for at in wish.buckets)
        granted.append(room)
        for at in wish.buckets if room else ():
            after[at] += wish.segments / buckets[at].rate
    return granted, after


def waits(now: float, after: Sequence[float], buckets: Sequence[Bucket]) -> list[float]:
    """Seconds until each bucket has room."""
    return [until - bucket.slack - now for until, bucket in zip(after, buckets, strict=True)]
