"""A bridge's budget of a day: told when half of it, most of it and all of it is used, and what happens then."""

import logging
from functools import partial

from django.db import transaction

from notifier.sql import run
from smsbridge.services import daily_use
from smsbridge.services.accounts import LiveBridge, forget_accounts
from smsbridge.services.books import Books
from smsbridge.services.daily_use import budget_key

log = logging.getLogger(__name__)

_WARN_AT = (50, 80)  # percent; the end is told in any case


def see_to(books: Books, bridge: LiveBridge, *, over: bool) -> None:
    """Say how much is used, each step once a day; with a text that did not fit, stop the bridge if it is to.

    In the transaction that counts.
    """
    budget = bridge.limits.budget if bridge.limits else None
    if bridge.limits is None or budget is None:
        return
    key = budget_key(bridge.id)
    before, now = books.used.get(key, 0), books.now_used(key)
    if over or now >= budget:
        if daily_use.mark_used_up(books.day, [(bridge.id, budget)]):
            _log_later(logging.WARNING, "The bridge %s has used up its budget of %s segments.", bridge.name, budget)
        if over and bridge.limits.stops:
            _stop(bridge)
        return
    passed = [percent for percent in _WARN_AT if before * 100 < percent * budget <= now * 100]
    if passed:
        words = "The bridge %s has used %s %% of its budget of %s segments."
        _log_later(logging.WARNING, words, bridge.name, passed[-1], budget)


def _stop(bridge: LiveBridge) -> None:
    """Pause it, unless somebody is changing its row right now: then the next text that does not fit pauses it."""
    paused = run(
        "update smsbridge_bridge set paused = true where id in"
        " (select b.id from smsbridge_bridge b where b.id = %(id)s and not b.paused {lock:b})",
        id=bridge.id,
    )
    if paused:
        transaction.on_commit(forget_accounts)
        words = "The bridge %s is paused, as its budget is used up: raise it, or run `manage.py resume` tomorrow."
        _log_later(logging.ERROR, words, bridge.name)


def _log_later(level: int, words: str, *values: object) -> None:
    transaction.on_commit(partial(log.log, level, words, *values))
