"""Which number a phone gets for one more conversation.

A number that the conversation left on this phone, and may have back, comes first. Else the nearest ones: of the
phone's own area, of its country, then any. Among those that are as near: a number that this phone never had; else of
those whose lease has expired the one that was used least recently; else it is the turn of those further away.
"""

import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from notifier.sql import Ids, fetch, moment

#: a pool's numbers in classes, the nearest to a phone first; a class may hold again what is in those before it
Near = Callable[[str], Sequence[Sequence[int]]]
#: user and conversation
Key = tuple[str, int]

#: per phone and number: when it was last used if its lease has expired, None while nothing else may have it
Held = dict[str, dict[int, datetime | None]]


def choose(asked: Sequence[tuple[str, Key]], near: Near) -> list[int | None]:
    """For each of these phones and conversations a number, None where all stand for something; none twice for a phone.

    Locks nothing: another worker may be faster.
    """
    taken, left = _read({phone for phone, _ in asked})
    given: dict[str, set[int]] = defaultdict(set)
    chosen: list[int | None] = []
    for phone, key in asked:
        mine, classes = taken.setdefault(phone, {}), near(phone)
        former = (number for number in left.get((phone, key), ()) if number not in given[phone])
        back = (number for number in former if any(number in numbers for numbers in classes))
        number = next(back, None) or pick(phone, classes, mine)
        if number is not None:
            mine[number] = None
            given[phone].add(number)
        chosen.append(number)
    return chosen


def held(phones: Collection[str]) -> Held:
    """What stands, or stood, for something on these phones."""
    return _read(phones)[0]


def _read(phones: Collection[str]) -> tuple[Held, dict[tuple[str, Key], list[int]]]:
    """What is held, and by phone and conversation the numbers that it left, the last one first."""
    rows = fetch(
        "select phone, number_id, last_used_at, expires_at <= {now}, left_at is not null, user_id, conversation_id"
        " from smsbridge_lease where phone {in:phones} order by left_at desc",
        phones=Ids("text", list(phones)),
    )
    taken: Held = {}
    left: dict[tuple[str, Key], list[int]] = {}
    for phone, number, last_used_at, expired, was_left, user, conversation in rows:
        taken.setdefault(phone, {})[number] = moment(last_used_at) if expired else None
        if was_left:
            left.setdefault((phone, (user, conversation)), []).append(number)
    return taken, left


def pick(phone: str, classes: Sequence[Sequence[int]], held: Mapping[int, datetime | None]) -> int | None:
    """Of numbers in classes, the nearest first; `held` as the phone holds them."""
    found = (_pick_of(phone, numbers, held) for numbers in classes)
    return next((number for number in found if number is not None), None)


def _pick_of(phone: str, numbers: Sequence[int], held: Mapping[int, datetime | None]) -> int | None:
    """Numbers this phone never had come first, from a place of its own on, which spreads people over the pool."""
    count = len(numbers)
    begin = zlib.crc32(phone.encode()) % count if count else 0
    for place in range(begin, begin + count):
        if (number := numbers[place % count]) not in held:
            return number
    expired = [(used, number) for number in numbers if (used := held[number]) is not None]
    return min(expired, default=(None, None))[1]
