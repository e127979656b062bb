"""Due notices with the facts of their messages. Those whose reason is gone are skipped at once."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from notifier.platforms.base import Rank
from notifier.services import watermarks
from notifier.services.hooks import LiveHook
from notifier.sql import Ids, database_now, fetch, moment
from smsbridge.models import Notice
from smsbridge.services.accounts import LiveBridge
from smsbridge.services.claiming import Working, claim_due, working
from smsbridge.services.notices import skip
from smsbridge.services.pictures import usable
from smsbridge.services.wording import Picture, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A claimed notice with the facts of its message; its pictures only where its bridge sends any.

    `in_words`: they were refused before. `asked`: so often the project's own function was called and did not return.
    """

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
    pictures: Sequence[Picture] = ()
    in_words: bool = False
    asked: int = 0
    sent_at: datetime | None
    trace: int | None
    read_at: datetime


def gather(claim: uuid.UUID, limit: int) -> tuple[int, list[Task]]:
    """Claim due notices for CLAIM_SECONDS. Returns how many were claimed, and those that may still be told.

    Raises NotOurTurnError.
    """
    of = working()
    with transaction.atomic():
        claimed = claim_due(claim, limit, of)
    # Not in the claim's transaction: a worker that froze while it read all these texts would keep its locks.
    return len(claimed), _facts(claim, claimed, of)


def _facts(claim: uuid.UUID, claimed: Sequence[int], of: dict[int, Working]) -> list[Task]:
    """The claimed notices with their messages; those whose reason is gone meanwhile are skipped."""
    if not claimed:
        return []
    now = database_now()
    rows = fetch(
        "select n.id, n.bridge_id, n.conversation_id, n.user_id, n.due_at, n.attempts, m.id, m.key, c.key, c.title,"
        " m.sender_id, m.sender_name, m.text, m.parts, m.sent_at, m.trace, n.in_words, n.asked,"
        " m.deleted_at is not null or c.deleted_at is not null,"
        f" case when {watermarks.passed('m', 'n.user_id')} then {int(Rank.READ)} else coalesce(r.rank, 0) end,"
        " exists (select 1 from notifier_departure d where d.conversation_id = m.conversation_id"
        "   and d.user_id = n.user_id and d.left_at >= m.sent_at)"
        " from smsbridge_notice n join notifier_message m on m.id = n.message_id"
        " join notifier_conversation c on c.id = m.conversation_id"
        " left join notifier_receipt r on r.message_id = n.message_id and r.user_id = n.user_id"
        " where n.id {in:ids} order by m.sent_at, n.id",
        ids=Ids("bigint", claimed),
    )
    return _open(claim, rows, of, now)


def _open(claim: uuid.UUID, rows: Sequence[tuple[Any, ...]], of: dict[int, Working], now: datetime) -> list[Task]:
    tasks: list[Task] = []
    skipped: list[tuple[int, str, str]] = []
    for row in rows:
        task = _task(of[row[1]], row[:18], now)
        reason = _reason_not_to(task, now, gone=bool(row[18]), rank=row[19], left=bool(row[20]))
        if reason is None:
            tasks.append(task)
        else:
            skipped.append((task.notice, reason, ""))
    skip(claim, skipped)
    return tasks


def _task(of: Working, row: tuple[Any, ...], read_at: datetime) -> Task:
    notice, _, conversation, user, due, attempts, message, key, conversation_key, *said, in_words, asked = row
    title, sender, bot, text, parts, sent, trace = said
    rows = json.loads(parts) if parts else ()
    return Task(
        notice=notice,
        bridge=of.bridge,
        hook=of.hook,
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
        parts=[(mime, body) for mime, body, *_ in rows] if rows else [("text/plain", text)],
        pictures=usable(rows, read_at) if rows and of.bridge.sends_media else (),
        in_words=bool(in_words),
        asked=asked,
        sent_at=moment(sent) if sent else None,
        trace=trace,
        read_at=read_at,
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
