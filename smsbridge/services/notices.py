"""How a notice ends without an SMS, waits for another try, or comes back when its SMS is withdrawn."""

import uuid
from collections.abc import Sequence
from typing import Any

from notifier import trail
from notifier.services.hooks import LiveHook
from notifier.signals import Unread
from notifier.sql import Ids, Rows, fetch, run
from smsbridge.counters import NOTICES
from smsbridge.services import counting


def decide(hook: LiveHook, unread: Sequence[Unread]) -> None:
    """One notice per recipient and bridge of the hook, in the transaction of the check. A known one stays as it is."""
    decided = run(
        "insert into smsbridge_notice"
        " (message_id, user_id, bridge_id, conversation_id, due_at, next_at, state, reason, note, attempts)"
        " select new.message_id, new.user_id, bridge.id, new.conversation_id, new.due_at, {now}, 'waiting', '', '', 0"
        " from {rows:new} join smsbridge_bridge bridge on bridge.hook_id = %(hook)s where true"
        " on conflict (message_id, user_id, bridge_id) do nothing",
        hook=hook.id,
        new=Rows(
            {"message_id": "bigint", "user_id": "text", "conversation_id": "bigint", "due_at": "timestamptz"},
            sorted((one.message, one.user_id, one.conversation, one.due_at) for one in unread),
        ),
    )
    NOTICES.add_on_commit(by=decided)


def skip(claim: uuid.UUID, skipped: Sequence[tuple[int, str, str]]) -> None:
    """End claimed notices without an SMS: (notice, reason, note). Without a new note an earlier one stays."""
    if skipped:
        ended = fetch(
            "update smsbridge_notice set state = 'skipped', reason = done.reason, claim = null,"
            " note = case when done.note = '' then smsbridge_notice.note else done.note end"
            " from {rows:done} where smsbridge_notice.id = done.id and smsbridge_notice.claim = %(claim)s"
            " returning smsbridge_notice.reason,"
            " (select m.trace from notifier_message m where m.id = smsbridge_notice.message_id)",
            done=Rows({"id": "bigint", "reason": "text", "note": "text"}, list(skipped)),
            claim=claim,
        )
        trail.note_by("reason", "not texted", [(reason, trail.name(trace)) for reason, trace in ended])
        counting.ended(reason for reason, _ in ended)


def put_off(claim: uuid.UUID, held: Sequence[tuple[int, float]], *, spend: bool = True, note: str = "") -> None:
    """Let claimed notices wait: (notice, seconds). Without `spend` the try does not count. `note` says why."""
    for wait in sorted({seconds for _, seconds in held}):
        run(
            "update smsbridge_notice set next_at = {now+wait}, claim = null, attempts = attempts - %(back)s,"
            " note = case when %(note)s = '' then note else %(note)s end"
            " where id {in:ids} and claim = %(claim)s",
            wait=wait,
            back=0 if spend else 1,
            note=note,
            ids=Ids("bigint", [notice for notice, seconds in held if seconds == wait]),
            claim=claim,
        )


def of_withdrawn(sms: Sequence[Any], reason: str, wait: float = 0.0) -> None:
    """The SMS were withdrawn: notices wait again, for `wait` seconds at least.

    Composing will find out what is to be told then, if anything.
    """
    run(
        "update smsbridge_notice set state = 'waiting', sms_id = null, next_at = {now+wait}, claim = null,"
        " note = %(reason)s where sms_id {in:sms} and state = 'in_sms'",
        sms=Ids("uuid", list(sms)),
        reason=reason,
        wait=wait,
    )


#: settings of a bridge that notices may wait for: whoever changes one need not wait as well
WAITED_FOR = frozenset(
    {"quiet_from", "quiet_until", "daily_budget", "over_budget", "when_exhausted", "one_way", "before_sending"}
)


def look_again(bridge: int | None = None, *, after: float = 0.0) -> int:
    """What waits for an hour or a day is looked at soon, of one bridge or of all, as its reason may be gone; how many.

    Soon is so many seconds from now, until all processes know of the change. A claim's own time is not touched.
    """
    return run(
        "update smsbridge_notice set next_at = {now+after} where state = 'waiting' and claim is null"
        " and next_at > {now+after} and bridge_id = coalesce(%(bridge)s, bridge_id)",
        bridge=bridge,
        after=after,
    )


def in_words(sms: Sequence[Any]) -> None:
    """Pictures of these SMS were refused: what they told is told in words if it is told again."""
    if sms:
        run("update smsbridge_notice set in_words = true where sms_id {in:sms}", sms=Ids("uuid", list(sms)))


def end_withdrawn(sms: Sequence[Any], reason: str, note: str) -> None:
    """The SMS were withdrawn, and what they told is not told at all."""
    ended = fetch(
        "update smsbridge_notice set state = 'skipped', reason = %(reason)s, sms_id = null, claim = null,"
        " note = %(note)s where sms_id {in:sms} and state = 'in_sms'"
        " returning reason, (select m.trace from notifier_message m where m.id = smsbridge_notice.message_id)",
        sms=Ids("uuid", list(sms)),
        reason=reason,
        note=note,
    )
    trail.note_by("reason", "not texted", [(reason, trail.name(trace)) for reason, trace in ended])
    counting.ended(reason for reason, _ in ended)
