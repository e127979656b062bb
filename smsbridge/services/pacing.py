"""Pace: how many segments a number and an account may send in a second, shared by all workers.

Each pace is a bucket that holds one second's worth and fills at its rate (GCRA: one moment per bucket, until which its
segments are spent). A text goes when there is room for a segment in the buckets of its number and its account; what
is longer is owed. So within any t seconds at most rate x t + burst segments leave, the burst being one second's worth
but at least one segment, and of the longest text all segments but one on top.

The buckets are Redis' (`pace_redis`), whose clock counts; while that is away, or none is configured, rows of the
database stand in (`pace_rows`). Which of the two is for all workers to see in the database, so that they change
together: a change costs one burst at most. Texts that wait are neither written to nor looked at again before there is
room. Accounts without a pace have no part in any of this.
"""

import logging
import time
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from redis.exceptions import RedisError

from smsbridge.services import pace_redis, pace_rows
from smsbridge.services.accounts import LiveAccount, live_accounts, live_numbers
from smsbridge.services.pace_rules import Bucket, Taken, Wish

log = logging.getLogger(__name__)

_SLOWEST = 0.001  # segments a second; whatever a row says, moments stay within the calendar
_STANDS_IN = 10.0  # seconds for which nobody asks a Redis that did not answer
_GATHERS = 0.1  # seconds: where a bucket holds more than a segment, texts are let gather for so long


@dataclass(frozen=True, slots=True)
class Text:
    """A text that wants to leave."""

    id: uuid.UUID
    account: int
    number: int
    segments: int


@dataclass(frozen=True, slots=True)
class Ripe:
    """Accounts with a pace that is not used up, and numbers whose own is, as far as this process knows."""

    accounts: list[int]
    resting_numbers: list[int]


#: the segments that a text takes from its buckets; none without a pace
Charges = list[tuple[Bucket, int]]

#: bucket -> until when (monotonic clock) it is known to be empty. Others may only have emptied it further.
_empty_until: dict[str, float] = {}
_owed: Charges = []
_rows_until = 0.0


def paced() -> list[int]:
    """Accounts that have a pace."""
    return [id_ for id_, account in live_accounts().items() if _rates(account)]


def ripe() -> Ripe:
    """Where a text may leave now, without asking anybody."""
    numbers: dict[int, set[int]] = {}
    for number in live_numbers().values():
        numbers.setdefault(number.account, set()).add(number.id)
    resting = {id_ for ids in numbers.values() for id_ in ids if _is_empty(_number_bucket(id_))}
    # Texts of an account without numbers are those of a number that was moved to another one.
    awake = [id_ for id_ in paced() if not numbers.get(id_) or numbers[id_] - resting]
    return Ripe([id_ for id_ in awake if not _is_empty(_account_bucket(id_))], sorted(resting))


def _is_empty(bucket: Bucket | None) -> bool:
    return bucket is not None and _empty_until.get(bucket.key, 0.0) > time.monotonic()


def charges(text: Text) -> Charges:
    """What a text takes from its buckets. May read the database."""
    buckets = (_account_bucket(text.account), _number_bucket(text.number))
    return [(bucket, text.segments) for bucket in buckets if bucket is not None]


def take(texts: Sequence[Text], *, stand_in: bool) -> dict[uuid.UUID, Charges]:
    """Those of these texts that may leave now, and what was taken. In their order, as far as there is room.

    `stand_in`: the database says that its rows count now, not Redis.
    """
    if not texts:
        return {}
    wanted = {text.id: charges(text) for text in texts}
    buckets = sorted({bucket for of_text in wanted.values() for bucket, _ in of_text})  # the same order everywhere
    index = {bucket.key: at for at, bucket in enumerate(buckets)}
    wishes = [Wish(text.segments, tuple(index[bucket.key] for bucket, _ in wanted[text.id])) for text in texts]
    taken = _take(buckets, wishes, stand_in)
    now = time.monotonic()
    for bucket, wait in zip(buckets, taken.waits, strict=True):
        _empty_until[bucket.key] = now + max(wait, min(_GATHERS, bucket.slack / 2)) if wait > 0 else 0.0
    return {id_: of_text for (id_, of_text), granted in zip(wanted.items(), taken.granted, strict=True) if granted}


def owe(texts: Iterable[Charges]) -> None:
    """These left without asking: answers to STOP and HELP do not queue. `settle` takes their segments. Never fails."""
    _owed.extend(charge for of_text in texts for charge in of_text)


def give_back(texts: Iterable[Charges]) -> None:
    """These were granted, and did not leave after all. `settle` gives their segments back. Never fails."""
    _owed.extend((bucket, -segments) for of_text in texts for bucket, segments in of_text)


def settle() -> None:
    """Take what is owed, and give back. Apart from owing it, as a claim must not fail once it is committed."""
    while _owed:
        amounts, _owed[:] = list(_owed), []
        try:
            _add(amounts)
        except BaseException:
            _owed.extend(amounts)
            raise
        for bucket, segments in amounts:
            if segments < 0:  # there may be room again
                _empty_until.pop(bucket.key, None)


def seconds_to_room(within: Collection[int]) -> float | None:
    """Seconds until the next bucket of these accounts that is known to be empty has room; None without any."""
    buckets = [_account_bucket(account) for account in within]
    buckets += [_number_bucket(number.id) for number in live_numbers().values() if number.account in within]
    keys = {bucket.key for bucket in buckets if bucket is not None}
    now = time.monotonic()
    return min((until - now for key, until in _empty_until.items() if key in keys and until > now), default=None)


def forget() -> None:
    """What this process knows of buckets and of Redis: the next take asks."""
    global _rows_until
    _empty_until.clear()
    _owed.clear()
    _rows_until = 0.0


def _rates(account: LiveAccount) -> bool:
    return bool(account.segments_per_second or account.number_segments_per_second)


def _account_bucket(account: int) -> Bucket | None:
    """None without a pace, or of an account that is not known here any more."""
    found = live_accounts().get(account)
    return _bucket("account", account, found.segments_per_second if found else None)


def _number_bucket(number: int) -> Bucket | None:
    """At the pace of the account that the number belongs to now."""
    found = live_numbers().get(number)
    owner = live_accounts().get(found.account) if found else None
    return _bucket("number", number, owner.number_segments_per_second if owner else None)


def _bucket(kind: str, id_: int, rate: float | None) -> Bucket | None:
    """A rate has a bucket of its own: what was spent at a mistaken one does not count at the right one."""
    return Bucket(f"{kind}:{id_}:{rate:g}", max(rate, _SLOWEST)) if rate else None


def _take(buckets: Sequence[Bucket], wishes: Sequence[Wish], stand_in: bool) -> Taken:
    if _redis_counts(stand_in):
        try:
            return pace_redis.take(buckets, wishes)
        except (RedisError, OSError) as error:
            _let_rows_stand_in(error)
    return pace_rows.take(buckets, wishes)


def _add(amounts: Sequence[tuple[Bucket, int]]) -> None:
    if _redis_counts(stand_in=False):
        try:
            pace_redis.add(amounts)
            return
        except (RedisError, OSError) as error:
            _let_rows_stand_in(error)
    pace_rows.add(amounts)


def _redis_counts(stand_in: bool) -> bool:
    global _rows_until
    if stand_in:
        _rows_until = max(_rows_until, time.monotonic() + 1.0)
    return bool(settings.REDIS_URL) and time.monotonic() >= _rows_until


def _let_rows_stand_in(error: Exception) -> None:
    global _rows_until
    _rows_until = time.monotonic() + _STANDS_IN
    pace_rows.stand_in(_STANDS_IN)
    log.warning("Redis failed (%s): paces are kept in the database for %g s.", type(error).__name__, _STANDS_IN)
