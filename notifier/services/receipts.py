"""Who has still not read a message when its delay is over.

A check never runs ahead of the inbox: while an event that was accepted before the due time is undrained and may be
about the same conversation, the check waits, so a read that was answered 2xx in time always counts. Only events
received before the due time matter here, so a busy conversation does not starve.

While a hook is disabled, its checks wait as they are.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from notifier import doorbell, trail
from notifier.backoff import MAX_ATTEMPTS, backoff
from notifier.counters import CHECKS_DONE, UNREAD
from notifier.models import Hook
from notifier.platforms.base import Rank
from notifier.runner import Step
from notifier.services import watermarks
from notifier.services.hooks import LiveHook, hooks_with, live_hooks
from notifier.services.merging import CHECKS, LONGEST_COUNTDOWN
from notifier.signals import Unread, message_unread
from notifier.sql import Ids, Rows, fetch, moment, run
from notifier.traces import trace

log = logging.getLogger(__name__)

STAGE = CHECKS
_BLOCKED_PAUSE = 0.05
_ROSTER_PAUSE = 1.0


_PASSED = watermarks.passed("told", "told.user_id")


class UnusableHook(Exception):
    """A check whose hook is misconfigured; the text says what to do."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A claimed check: the rows it is about, and whether anything stands in its way."""

    hook: int
    message: int
    due_at: datetime
    conversation: int
    trace: int | None
    gone: bool
    blocked: bool
    unasked: bool


def check() -> Step:
    """Work one batch of due checks: claim, look, tell, delete, in one transaction."""
    try:
        with transaction.atomic():
            claimed = _claim(settings.CHECK_BATCH)
            due = _let_wait(_look(claimed))
            open_ = [c for c in due if not c.blocked]
            _tell(open_)
            _delete(open_)
    except Exception as error:  # a receiver of a project's own may raise anything; its check fails alone
        log.warning("A batch of checks failed (%s); they are done one by one.", type(error).__name__)
        return Step(done=_check_singly(), more=True)
    full = len(claimed) == settings.CHECK_BATCH
    if len(open_) < len(due):
        doorbell.ring("drain")
        if not open_:
            return Step(next_in=_BLOCKED_PAUSE)
    return Step(done=len(open_), more=full, busy=full, next_in=None if full else seconds_to_next())


def seconds_to_next() -> float | None:
    """Seconds until the next check is due (0 when overdue), None when there is none. Rings for one that is near."""
    ((next_due, now),) = fetch(
        "select min(due_at), {now} from notifier_receiptcheck where not hook_id {in:disabled}", disabled=_disabled()
    )
    if next_due is None:
        return None
    wait = (moment(next_due) - moment(now)).total_seconds()
    if 0 < wait <= LONGEST_COUNTDOWN.total_seconds():
        doorbell.ring_at(STAGE, int(moment(next_due).timestamp()))
    return max(wait, 0.0)


def _disabled() -> Ids:
    """Hooks that were switched off. One that is not known yet is not among them."""
    return Ids("bigint", sorted(hook.id for hook in live_hooks().values() if not hook.enabled))


def _claim(limit: int) -> list[tuple[int, int, datetime]]:
    rows = fetch(
        "select c.hook_id, c.message_id, c.due_at from notifier_receiptcheck c where c.due_at <= {now}"
        " and not c.hook_id {in:disabled} order by c.due_at limit %(limit)s {lock:c}",
        limit=limit,
        disabled=_disabled(),
    )
    return [(hook, message, moment(due)) for hook, message, due in rows]


def _look(claimed: Sequence[tuple[int, int, datetime]]) -> list[_Due]:
    if not claimed:
        return []
    rows = fetch(
        "select due.hook_id, m.id, due.due_at, m.conversation_id, m.trace,"
        " m.deleted_at is not null or c.deleted_at is not null,"
        " exists (select 1 from notifier_inboxevent i where i.state = 0 and i.conversation = c.key"
        "   and i.received_at <= due.due_at)"
        " or exists (select 1 from notifier_inboxevent i where i.state = 0 and i.conversation is null"
        "   and i.received_at <= due.due_at), c.roster_due_at is not null"
        " from {rows:due} join notifier_message m on m.id = due.message_id"
        " join notifier_conversation c on c.id = m.conversation_id",
        due=Rows({"hook_id": "bigint", "message_id": "bigint", "due_at": "timestamptz"}, claimed),
    )
    return [_Due(h, m, moment(at), c, t, *map(bool, facts)) for h, m, at, c, t, *facts in rows]


def _let_wait(due: Sequence[_Due]) -> list[_Due]:
    """Without those of conversations of which it is still being asked who takes part: nobody is to be missed.

    Put off, and not only blocked, as a platform may take long to answer: others would not be claimed behind them. It
    ends when the platform has answered, or is given up (see `rosters`).
    """
    waiting = [one for one in due if one.unasked and not one.gone]
    if not waiting:
        return list(due)
    run(
        "update notifier_receiptcheck set due_at = {now+wait}"
        " where (hook_id, message_id) in (select hook_id, message_id from {rows:waiting})",
        wait=_ROSTER_PAUSE,
        waiting=Rows({"hook_id": "bigint", "message_id": "bigint"}, [(one.hook, one.message) for one in waiting]),
    )
    return [one for one in due if one not in waiting]


def _tell(due: Sequence[_Due]) -> None:
    """Send `message_unread` for each hook, with everyone who is still unread by its statuses."""
    hooks = hooks_with({one.hook for one in due})
    by_hook: dict[int, dict[int, _Due]] = defaultdict(dict)
    for one in due:
        if one.hook not in hooks:
            raise UnusableHook("The hook of this check cannot be used: correct it in the admin.")
        if not one.gone:
            by_hook[one.hook][one.message] = one
    for hook_id, messages in sorted(by_hook.items()):
        unread = _unread(hooks[hook_id], messages)
        _note(messages, {one.message for one in unread})
        CHECKS_DONE.add_on_commit(by=len(messages))
        UNREAD.add_on_commit(by=len(unread))
        if unread:
            message_unread.send(sender=Hook, hook=hooks[hook_id], unread=unread)


def _note(checked: Mapping[int, _Due], unread: Collection[int]) -> None:
    words = {True: "unread", False: "read by all"}
    trail.note_by("found", "checked", [(words[id_ in unread], trail.name(one.trace)) for id_, one in checked.items()])


def _unread(hook: LiveHook, messages: dict[int, _Due]) -> list[Unread]:
    """Everyone whose status is reported, and who has not left since the message was sent.

    Marks are asked of what was found, after everything else: the database would choose its way by what they cost.
    """
    ranked, marked = "r.rank {in:ranks}", f"not {_PASSED}"
    if Rank.READ in hook.ranks:
        ranked, marked = "true", f"(told.rank {{in:ranks}} or {_PASSED})"
    rows: list[Any] = fetch(
        "with told as materialized (select r.message_id, r.user_id, r.rank, m.chat_app_id, m.conversation_id, m.key,"
        "  m.position from notifier_receipt r join notifier_message m on m.id = r.message_id"
        f" where r.message_id {{in:messages}} and {ranked} and r.user_id <> coalesce(m.sender_id, '')"
        " and not exists (select 1 from notifier_departure d where d.conversation_id = m.conversation_id"
        "   and d.user_id = r.user_id and d.left_at >= m.sent_at))"
        f" select message_id, user_id, rank from told where {marked} order by message_id, user_id",
        messages=Ids("bigint", list(messages)),
        ranks=Ids("smallint", hook.ranks),
    )
    return [
        Unread(message, messages[message].conversation, user, rank, messages[message].due_at)
        for message, user, rank in rows
    ]


def _delete(due: Sequence[_Due]) -> None:
    if not due:
        return
    run(
        "delete from notifier_receiptcheck"
        " where (hook_id, message_id) in (select hook_id, message_id from {rows:done})",
        done=Rows({"hook_id": "bigint", "message_id": "bigint"}, [(one.hook, one.message) for one in due]),
    )


def _check_singly() -> int:
    """One transaction per check; one that fails is put off, and in the end given up with its reason."""
    with transaction.atomic():
        claimed = _claim(settings.CHECK_BATCH)
    for one in claimed:
        try:
            with transaction.atomic():
                due = [due for due in _let_wait(_look(_claim_again(one))) if not due.blocked]
                _tell(due)
                _delete(due)
        except UnusableHook as error:
            _put_off(one[0], one[1], str(error))
        except Exception as error:  # also of the database: a receiver has statements of its own
            log.error("The check of message %s for hook %s failed.\n%s", one[1], one[0], trace(error))
            _put_off(one[0], one[1], f"{type(error).__name__} in a receiver of message_unread")
    return len(claimed)


def _claim_again(one: tuple[int, int, datetime]) -> list[tuple[int, int, datetime]]:
    """The check itself, or nothing when another worker has it or did it since."""
    rows = fetch(
        "select c.hook_id, c.message_id, c.due_at from notifier_receiptcheck c"
        " where c.hook_id = %(hook)s and c.message_id = %(message)s and c.due_at <= {now} {lock:c}",
        hook=one[0],
        message=one[1],
    )
    return [(hook, message, moment(due)) for hook, message, due in rows]


def _put_off(hook: int, message: int, error: str) -> None:
    """Raises OperationalError when it was the database itself that failed."""
    counted = fetch(
        "update notifier_receiptcheck set attempts = attempts + 1, error = %(error)s"
        " where hook_id = %(hook)s and message_id = %(message)s returning attempts",
        hook=hook,
        message=message,
        error=error,
    )
    if not counted:
        return  # another worker took it meanwhile, and was luckier
    run(
        "update notifier_receiptcheck set due_at = case when attempts >= %(most)s then null else {now+wait} end"
        " where hook_id = %(hook)s and message_id = %(message)s",
        hook=hook,
        message=message,
        most=MAX_ATTEMPTS,
        wait=backoff(counted[0][0]),
    )
