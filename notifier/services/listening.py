"""Plain listening hooks: each event is told to the project's own code, at least once, with back-off until it is taken.

The keys of told events are kept for 30 days, so that a delivery repeated by the platform is not told again.
"""

import json
import logging
import time
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from notifier import doorbell
from notifier.backoff import MAX_ATTEMPTS, backoff
from notifier.models import Hook, ListenedEvent
from notifier.runner import Step, stopping
from notifier.services.hooks import LiveHook, hooks_with
from notifier.services.merging import LONGEST_COUNTDOWN
from notifier.signals import event_received
from notifier.sql import Ids, Rows, fetch, run, seconds_between
from notifier.takeovers import count_taken_over, taken_over
from notifier.traces import trace

log = logging.getLogger(__name__)

STAGE = "listen"
KEEP_DAYS = 30
_BATCH = 50
_PURGE_EVERY = 3600.0
_purged_at = float("-inf")
_CLAIMS = 4  # as many times CLAIM_SECONDS, since a project's own code may take its time


def keep(deliveries: Sequence[tuple[LiveHook, str, bytes, datetime]]) -> None:
    """Store drained deliveries of listening hooks until they are told; a known key changes nothing."""
    rows = sorted((hook.id, key, received, received + hook.delay) for hook, key, _, received in deliveries)
    if not rows:
        return
    bodies = {(hook.id, key): body.decode() for hook, key, body, _ in deliveries}
    run(
        "insert into notifier_listenedevent"
        " (hook_id, key, body, received_at, next_at, state, attempts, error)"
        " select new.hook_id, new.key, new.body, new.received_at, new.next_at, 'waiting', 0, ''"
        " from {rows:new} where true on conflict (hook_id, key) do nothing",
        new=Rows(
            {
                "hook_id": "bigint",
                "key": "text",
                "received_at": "timestamptz",
                "next_at": "timestamptz",
                "body": "text",
            },
            [(*row, bodies[row[0], row[1]]) for row in rows],
        ),
    )
    for second in {int(next_at.timestamp()) for _, _, at, next_at in rows if next_at <= at + LONGEST_COUNTDOWN}:
        doorbell.ring_at_on_commit(STAGE, second)


def tell() -> Step:
    """Claim one batch of due events and tell each to the receivers of `event_received`."""
    claim, until = uuid.uuid4(), time.monotonic() + settings.CLAIM_SECONDS * _CLAIMS / 2
    claimed = _claim(claim)
    hooks = hooks_with({row[1] for row in claimed})
    for index, (id_, hook_id, body, attempts) in enumerate(claimed):
        if stopping() or time.monotonic() > until:
            _hand_back([row[0] for row in claimed[index:]], claim)
            break
        _tell_one(id_, claim, hooks.get(hook_id), body, attempts)
    return Step(done=len(claimed), more=bool(claimed), next_in=None if claimed else _seconds_to_next())


def purge() -> int:
    """Forget the keys of events told more than 30 days ago; how many."""
    return run(
        "delete from notifier_listenedevent where state = 'done' and received_at < {now+age}",
        age=-KEEP_DAYS * 86400,
    )


def purge_hourly() -> int:
    """As `purge`, but at most once an hour in this process; for the sweep, which comes every few seconds."""
    global _purged_at
    if time.monotonic() - _purged_at < _PURGE_EVERY:
        return 0
    _purged_at = time.monotonic()
    return purge()


def tell_again(ids: list[int]) -> int:
    """Put events that were given up back into the queue; how many."""
    with transaction.atomic():
        count = ListenedEvent.objects.filter(pk__in=ids, state=ListenedEvent.State.DEAD).update(
            state=ListenedEvent.State.WAITING, attempts=0, next_at=Now()
        )
        doorbell.ring_on_commit(STAGE)
    return count


def _claim(claim: uuid.UUID) -> list[tuple[Any, ...]]:
    """Due events, ours until the claim runs out; `next_at` is then the moment when others may take them."""
    rows = fetch(
        "update notifier_listenedevent set claim = %(claim)s, next_at = {now+lasts}, attempts = attempts + 1"
        " where id in (select e.id from notifier_listenedevent e where e.state = 'waiting' and e.next_at <= {now}"
        "   order by e.next_at limit %(limit)s {lock:e}) returning id, hook_id, body, attempts,"
        f" {taken_over('notifier_listenedevent')}",
        claim=claim,
        lasts=settings.CLAIM_SECONDS * _CLAIMS,
        limit=_BATCH,
    )
    return count_taken_over(STAGE, rows)


def _hand_back(ids: Sequence[int], claim: uuid.UUID) -> None:
    """Events that were not begun, as the process goes down or the claim could run out."""
    run(
        "update notifier_listenedevent set next_at = {now}, claim = null, attempts = attempts - 1"
        " where id {in:ids} and claim = %(claim)s",
        ids=Ids("bigint", ids),
        claim=claim,
    )


def _tell_one(id_: int, claim: uuid.UUID, hook: LiveHook | None, body: str, attempts: int) -> None:
    if hook is None:
        _put_off(id_, claim, attempts, "The hook of this event cannot be used: correct it in the admin.")
        return
    if attempts > MAX_ATTEMPTS:
        _put_off(id_, claim, attempts, "Each time it was told, the worker ended without an answer.")
        return
    try:
        if hook.enabled:
            for event in hook.platform.parse(body.encode()):
                event_received.send(sender=Hook, hook=hook, event=event, body=json.loads(body))
    except Exception as error:  # a project's own code may raise anything; it is told again
        log.error("A receiver of event_received failed for event %s.\n%s", id_, trace(error))
        _put_off(id_, claim, attempts, f"{type(error).__name__} in a receiver of event_received")
        return
    run(
        "update notifier_listenedevent set state = 'done', body = '', error = '', claim = null"
        " where id = %(id)s and claim = %(claim)s",
        id=id_,
        claim=claim,
    )


def _put_off(id_: int, claim: uuid.UUID, attempts: int, error: str) -> None:
    run(
        "update notifier_listenedevent set state = %(state)s, error = %(error)s, next_at = {now+wait}, claim = null"
        " where id = %(id)s and claim = %(claim)s",
        state=ListenedEvent.State.DEAD if attempts >= MAX_ATTEMPTS else ListenedEvent.State.WAITING,
        error=error,
        wait=backoff(attempts),
        id=id_,
        claim=claim,
    )


def _seconds_to_next() -> float | None:
    ((next_at, now),) = fetch("select min(next_at), {now} from notifier_listenedevent where state = 'waiting'")
    return None if next_at is None else seconds_between(now, next_at)
