"""Courtesy, asked twice: before any work is done for a notice, and again when its text is about to leave.

Which countries are texted, when it is night, and how much a day may cost. What a text may not do now is either never
told (`COUNTRY`, `PREMIUM`, the caps) or told later: then it is composed anew, with what is unread by then.
"""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.sql import database_now
from smsbridge.services import countries, withdrawing
from smsbridge.services.accounts import LiveBridge, live_bridges
from smsbridge.services.books import Books, uses_of
from smsbridge.services.caps import ENDS, words_for
from smsbridge.services.contacts import Person
from smsbridge.services.daily_use import Kind, next_day
from smsbridge.services.gathering import Task
from smsbridge.services.notices import put_off, skip
from smsbridge.services.quiet import quiet_at, quiet_for
from smsbridge.zones import Quiet

Told = tuple[Task, Person]


def hold(claim: uuid.UUID, bridge: LiveBridge, told: Sequence[Told]) -> list[Task]:
    """Of claimed notices of a bridge, with their recipients, those that may be told of now.

    The others wait without spending a try, or end. Without quiet hours and limits it asks nothing of the database.
    """
    if bridge.quiet is None and bridge.limits is None:
        return [task for task, _ in told]
    now = database_now()
    return [task for task, _ in _within_limits(claim, bridge, _awake(claim, bridge, told, now), now)]


def _awake(claim: uuid.UUID, bridge: LiveBridge, told: Sequence[Told], now: datetime) -> list[Told]:
    awake: list[Told] = []
    asleep: dict[Quiet, list[int]] = defaultdict(list)
    for task, person in told:
        until = quiet_for(bridge, person, now)
        if until is None:
            awake.append((task, person))
        else:
            asleep[until].append(task.notice)
    for until, notices in asleep.items():
        wait = (until.until - now).total_seconds()
        put_off(claim, [(notice, wait) for notice in notices], spend=False, note=str(until))
    return awake


def _within_limits(claim: uuid.UUID, bridge: LiveBridge, told: Sequence[Told], now: datetime) -> list[Told]:
    """As far as can be known yet: a text has at least one segment, and others may be on their way."""
    if bridge.limits is None or not told:
        return list(told)
    uses = {task.notice: uses_of(bridge, person.phone, task.conversation, 1) for task, person in told}
    books = Books(now, (use for of_one in uses.values() for use in of_one))
    beyond = {notice: kind for notice, of_one in uses.items() if (kind := books.beyond(of_one)) is not None}
    if bridge.limits.stops:  # it is the text that does not fit which stops the bridge, when it is to be sent
        beyond = {notice: kind for notice, kind in beyond.items() if kind is not Kind.BUDGET}
    skip(claim, [(one, ENDS[kind], words_for(kind, bridge.limits)) for one, kind in beyond.items() if kind in ENDS])
    wait = (next_day(now) - now).total_seconds()
    waiting = [(one, wait) for one, kind in beyond.items() if kind is Kind.BUDGET]
    put_off(claim, waiting, spend=False, note=words_for(Kind.BUDGET, bridge.limits))
    return [(task, person) for task, person in told if task.notice not in beyond]


@dataclass(frozen=True, slots=True)
class Due:
    """A text that is about to leave: `country` and `zones` as they were stored with it, perhaps empty."""

    id: uuid.UUID
    bridge: int | None
    country: str
    zones: str
    phone: str


def withhold(texts: Sequence[Due], now: datetime) -> set[uuid.UUID]:
    """Withdraw those whose country is no longer texted, or whose recipients are asleep by now; returns these.

    In the claim's transaction, which holds their rows. What answers a keyword is of no bridge, and always leaves.
    """
    bridges = live_bridges()
    ended: dict[tuple[str, str], list[uuid.UUID]] = defaultdict(list)
    asleep: dict[Quiet, list[uuid.UUID]] = defaultdict(list)
    for text in texts:
        bridge = bridges.get(text.bridge or 0)
        if bridge is None:
            continue
        refused = _refusal(bridge, text)
        if refused:
            ended[refused].append(text.id)
        elif until := quiet_at(bridge, text.zones, text.phone, now):
            asleep[until].append(text.id)
    for (reason, words), ids in ended.items():
        withdrawing.withdraw(ids, words, ends=reason)
    for until, ids in asleep.items():
        withdrawing.withdraw(ids, str(until), wait=(until.until - now).total_seconds())
    return {id_ for groups in (ended, asleep) for ids in groups.values() for id_ in ids}


def _refusal(bridge: LiveBridge, text: Due) -> tuple[str, str] | None:
    """The kind of its number was tested when its country was stored."""
    return countries.refusal_of(bridge, text.country) if text.country else countries.refusal(bridge, text.phone)
