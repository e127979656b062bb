"""The bugs themselves. Each is a mistake that somebody could make, put in where the program does the right thing.

One that finds nothing to break any more raises AttributeError, so that the process does not start; one whose statement
was reworded breaks nothing, and the judge's silence shows it.
"""

import random
import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db import OperationalError

from notifier import sql, stages
from notifier.platforms.layer import LayerPlatform
from notifier.services import inbox
from smsbridge.models import OutboundSms
from smsbridge.services import choosing, clearance, composing, outcomes, withdrawing
from smsbridge.services.accounts import live_numbers
from smsbridge.vendors.base import OutcomeKind
from smsbridge.vendors.vonage import Vonage

Function = Callable[..., Any]
State = OutboundSms.State
LATE_SECONDS = 20
REFUSES_SECONDS = 60.0


def resend_uncertain() -> None:
    _reword_verdicts(lambda result, verdict: verdict.state is State.UNCERTAIN, State.READY)


def drop_throttled() -> None:
    _reword_verdicts(lambda result, verdict: result.outcome.kind is OutcomeKind.THROTTLED, State.SENT)


def _reword_verdicts(when: Callable[[Any, Any], bool], state: State) -> None:
    def reworded(original: Function) -> Function:
        def verdict(result: Any) -> Any:
            told = original(result)
            return replace(told, state=state, wait=1.0) if when(result, told) else told

        return verdict

    _wrap(outcomes, "_verdict", reworded)


def send_untested() -> None:
    _put(withdrawing, "STALE", "false")


def ahead_of_inbox() -> None:
    _rewrite("i.received_at <= due.due_at", "false")
    _put(withdrawing, "UNDRAINED", "false")


def clock_ahead() -> None:
    _rewrite("c.due_at <= {now}", "c.due_at <= {now} + interval '1 hour'")


def due_late() -> None:
    _rewrite("c.due_at <= {now}", f"c.due_at <= {{now}} - interval '{LATE_SECONDS} seconds'")


def no_fence() -> None:
    """And some batches stand still beyond their claim, between asking who the people are and writing."""
    _rewrite(" and smsbridge_notice.claim = %(claim)s and smsbridge_notice.state = 'waiting'", "")

    def slow(original: Function) -> Function:
        def write(*arguments: Any) -> None:
            if random.random() < 0.15:
                time.sleep(settings.CLAIM_SECONDS + 1)
            original(*arguments)

        return write

    _wrap(composing, "write", slow)


def answer_before_commit() -> None:
    def deferred(original: Function) -> Function:
        def accept(*arguments: Any) -> None:
            def later() -> None:
                time.sleep(1.0)
                original(*arguments)

            threading.Thread(target=later, daemon=True).start()

        return accept

    _wrap(inbox, "accept", deferred)


def fresh_post_key() -> None:
    def renewed(original: Function) -> Function:
        def post_requests(*arguments: Any, key: str, **more: Any) -> Any:
            return original(*arguments, key=f"{key}/{uuid.uuid4()}", **more)

        return post_requests

    _wrap(LayerPlatform, "post_requests", renewed)


def newest_conversation() -> None:
    newest = "l.phone = text.phone and l.id = (select max(x.id) from smsbridge_lease x where x.phone = text.phone)"
    _rewrite("l.number_id = n.id and l.phone = text.phone", newest)


def lease_twice() -> None:
    """Its constraint is dropped as well, see SCHEMA."""
    _rewrite_all(r" on conflict \(phone, number_id\) do update .* returning user_id", " returning user_id")
    _put(choosing, "_read", lambda phones: ({}, {}))


def any_number() -> None:
    def drawn(original: Function) -> Function:
        def flight(*arguments: Any) -> Any:
            made = original(*arguments)
            numbers = sorted(number.e164 for number in live_numbers().values())
            return replace(made, sms=replace(made.sms, sender=random.choice(numbers)))

        return flight

    _wrap(clearance, "_flight", drawn)


def unsigned() -> None:
    _put(LayerPlatform, "verify", lambda self, call, secrets: None)
    _put(Vonage, "verify", lambda self, call: None)


def no_sweep() -> None:
    _put(stages, "sweep", lambda ring=None: [])


def slow_recovery() -> None:
    until = 0.0

    def offended(original: Function) -> Function:
        def accept(*arguments: Any) -> None:
            nonlocal until
            if time.monotonic() < until:
                raise OperationalError("the database was away a moment ago")
            try:
                original(*arguments)
            except OperationalError:
                until = time.monotonic() + REFUSES_SECONDS
                raise

        return accept

    _wrap(inbox, "accept", offended)


def _wrap(owner: Any, name: str, wrapped: Callable[[Function], Function]) -> None:
    setattr(owner, name, wrapped(getattr(owner, name)))


def _put(owner: Any, name: str, instead: Any) -> None:
    _wrap(owner, name, lambda _original: instead)


def _rewrite(words: str, instead: str) -> None:
    """In every statement of the hot path that holds these words."""
    _rewrite_all(re.escape(words), instead)


def _rewrite_all(pattern: str, instead: str) -> None:
    compiled = re.compile(pattern)

    def rewritten(original: Function) -> Function:
        return lambda text, *more: original(compiled.sub(lambda _match: instead, text), *more)

    _wrap(sql, "_spelled", rewritten)


DELIBERATE: dict[str, Callable[[], None]] = {
    "resend-uncertain": resend_uncertain,
    "drop-throttled": drop_throttled,
    "send-untested": send_untested,
    "ahead-of-inbox": ahead_of_inbox,
    "clock-ahead": clock_ahead,
    "due-late": due_late,
    "no-fence": no_fence,
    "answer-before-commit": answer_before_commit,
    "fresh-post-key": fresh_post_key,
    "newest-conversation": newest_conversation,
    "lease-twice": lease_twice,
    "any-number": any_number,
    "unsigned": unsigned,
    "no-sweep": no_sweep,
    "slow-recovery": slow_recovery,
}
