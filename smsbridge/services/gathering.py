"""Claiming due notices, with the facts of their messages. Those whose reason is gone are skipped at once."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from notifier.services.hooks import LiveHook, hooks_with
from notifier.sql import Ids, Rows, database_now, fetch, moment
from smsbridge.models import Notice
from smsbridge.services.accounts import LiveBridge, live_bridges
from smsbridge.services.notices import put_off, skip
from smsbridge.services.wording import text_of

_CLAIM_LOCK = 7_405_001  # an advisory lock's key: claims take turns, so that a digest is not split between workers
_PAUSED_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A claimed notice with the facts of its message."""

    notice: int
    bridge: LiveBridge
    hook: LiveHook
    conversation: int
    user_id: str
    due_at: datetime
    attempts: int
    message: int
    message_key: str
    conversation_key: str
    title: str
    sender_id: str | None
    sender_name: str | None
    parts: Sequence[tuple[str, str | None]]
    sent_at: datetime | None


def gather(claim: uuid.UUID, limit: int) -> tuple[int, list[Task]]:
    """Claim due notices for CLAIM_SECONDS. Returns how many were claimed, and those that may still be told."""
    with transaction.atomic():
        claimed = _claim(claim, limit)
        return len(claimed), _facts(claim, claimed)


def _claim(claim: uuid.UUID, limit: int) -> list[tuple[Any, ...]]:
    """Due notices, and with those on a bridge with digest all due ones of the same person and conversation."""
    if connection.vendor == "postgresql":
        fetch("select pg_advisory_xact_lock(%(key)s)", key=_CLAIM_LOCK)
    first = fetch(
        "update smsbridge_notice set claim = %(claim)s, next_at = {now+lasts}, attempts = attempts + 1"
        " where id in (select n.id from smsbridge_notice n where n.state = 'waiting' and n.next_at <= {now}"
        "   order by n.next_at limit %(limit)s {lock:n})"
        " returning id, bridge_id, conversation_id, user_id",
        claim=claim,
        lasts=settings.CLAIM_SECONDS,
        limit=limit,
    )
    digests = [bridge.id for bridge in live_bridges().values() if bridge.digest]
    together = sorted({row[1:] for row in first if row[1] in digests})
    if not together:
        return first
    return first + fetch(
        "update smsbridge_notice set claim = %(claim)s, next_at = {now+lasts}, attempts = attempts + 1"
        " where id in (select n.id from smsbridge_notice n join {rows:together} on n.bridge_id = together.bridge_id"
        "   and n.conversation_id = together.conversation_id and n.user_id = together.user_id"
        "   where n.state = 'waiting' and n.next_at <= {now} {lock:n})"
        " returning id, bridge_id, conversation_id, user_id",
        claim=claim,
        lasts=settings.CLAIM_SECONDS,
        together=Rows({"bridge_id": "bigint", "conversation_id": "bigint", "user_id": "text"}, together),
    )


def _facts(claim: uuid.UUID, claimed: Sequence[tuple[Any, ...]]) -> list[Task]:
    """The claimed notices with their messages; those whose reason is gone meanwhile are skipped."""
    if not claimed:
        return []
    rows = fetch(
        "select n.id, n.bridge_id, n.conversation_id, n.user_id, n.due_at, n.attempts, m.id, m.key, c.key, c.title,"
        " m.sender_id, m.sender_name, m.text, m.parts, m.sent_at,"
        " m.deleted_at is not null or c.deleted_at is not null, coalesce(r.rank, 0),"
        " exists (select 1 from notifier_departure d where d.conversation_id = m.conversation_id"
        "   and d.user_id = n.user_id and d.left_at >= m.sent_at)"
        " from smsbridge_notice n join notifier_message m on m.id = n.message_id"
        " join notifier_conversation c on c.id = m.conversation_id"
        " left join notifier_receipt r on r.message_id = n.message_id and r.user_id = n.user_id"
        " where n.id {in:ids} order by m.sent_at, n.id",
        ids=Ids("bigint", [row[0] for row in claimed]),
    )
    return _open(claim, rows)


def _open(claim: uuid.UUID, rows: Sequence[tuple[Any, ...]]) -> list[Task]:
    bridges, now = live_bridges(), database_now()
    hooks = hooks_with([bridge.hook for bridge in bridges.values()])
    tasks: list[Task] = []
    skipped: list[tuple[int, str, str]] = []
    held: list[tuple[int, float]] = []
    for row in rows:
        bridge = bridges.get(row[1])
        hook = hooks.get(bridge.hook) if bridge else None
        if bridge is None or hook is None or bridge.paused:
            held.append((row[0], _PAUSED_SECONDS))
            continue
        task = _task(bridge, hook, row[:15])
        reason = _reason_not_to(task, now, gone=bool(row[15]), rank=row[16], left=bool(row[17]))
        if reason is None:
            tasks.append(task)
        else:
            skipped.append((task.notice, reason, ""))
    skip(claim, skipped)
    put_off(claim, held, spend=False)
    return tasks


def _task(bridge: LiveBridge, hook: LiveHook, row: tuple[Any, ...]) -> Task:
    (
        notice,
        _,
        conversation,
        user,
        due,
        attempts,
        message,
        key,
        conversation_key,
        title,
        sender,
        bot,
        text,
        parts,
        sent,
    ) = row
    return Task(
        notice=notice,
        bridge=bridge,
        hook=hook,
        conversation=conversation,
        user_id=user,
        due_at=moment(due),
        attempts=attempts,
        message=message,
        message_key=key,
        conversation_key=conversation_key,
        title=title or "",
        sender_id=sender,
        sender_name=bot,
        parts=[tuple(part) for part in json.loads(parts)] if parts else [("text/plain", text)],
        sent_at=moment(sent) if sent else None,
    )


def _reason_not_to(task: Task, now: datetime, *, gone: bool, rank: int, left: bool) -> str | None:
    if gone:
        return Notice.Reason.DELETED
    if rank not in task.hook.ranks:
        return Notice.Reason.READ
    if left:
        return Notice.Reason.LEFT
    if now - task.due_at > task.bridge.max_age:
        return Notice.Reason.TOO_OLD
    if not text_of(task.parts):
        return Notice.Reason.EMPTY
    return None
