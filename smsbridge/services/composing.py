"""From notices to texts: who is it, may he be texted, from which number, in which words.

A claim lasts CLAIM_SECONDS; the questions to the platform lie between two transactions. The second one makes
leases, texts and ends the notices together, so a crash at any point leaves notices that are composed again.
"""

import json
import logging
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from notifier import doorbell
from notifier.backoff import backoff
from notifier.runner import Step
from notifier.services.hooks import live_hooks
from notifier.sql import Ids, Rows, database_now, fetch, moment, run, uuid_of
from notifier.transport import Exchange
from smsbridge.ids import uuid7
from smsbridge.models import Notice
from smsbridge.services import leases
from smsbridge.services.accounts import LiveBridge, live_bridges, live_numbers
from smsbridge.services.contacts import People, Person, Unavailable, people
from smsbridge.services.notices import put_off, skip
from smsbridge.services.sending import STAGE as SEND
from smsbridge.services.wording import Said, Wording, text_of, word

log = logging.getLogger(__name__)

STAGE = "compose"
_CLAIM_LOCK = 7_405_001  # an advisory lock's key: claims take turns, so that a digest is not split between workers
_PAUSED_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A claimed notice with the facts of its message."""

    notice: int
    bridge: LiveBridge
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


@dataclass(frozen=True, slots=True)
class Letter:
    """What goes into one SMS: messages of one conversation for one person."""

    tasks: Sequence[Task]
    recipient: Person
    senders: Sequence[Person]

    @property
    def first(self) -> Task:
        return self.tasks[0]

    @property
    def want(self) -> leases.Want:
        return leases.Want(self.first.conversation, self.first.user_id, self.recipient.phone)


class Composer:
    """The compose stage: one per process, as it keeps connections to the platform."""

    def __init__(self) -> None:
        self._exchange: Exchange[str] | None = None

    def step(self) -> Step:
        """Compose one batch of due notices."""
        claim = uuid.uuid4()
        with transaction.atomic():
            claimed = _claim(claim, settings.COMPOSE_BATCH)
            tasks = _facts(claim, claimed)
        letters = self._address(claim, tasks)
        if letters:
            _write(claim, letters)
        full = len(claimed) >= settings.COMPOSE_BATCH
        return Step(done=len(claimed), more=bool(claimed), busy=full, next_in=None if claimed else _seconds_to_next())

    def _address(self, claim: uuid.UUID, tasks: Sequence[Task]) -> list[Letter]:
        """Ask who the people are, and put aside whoever cannot be texted. No transaction is open."""
        if self._exchange is None:
            self._exchange = Exchange(connections=settings.CONNECTIONS_PER_STAGE, timeout=settings.HTTP_TIMEOUT_SECONDS)
        by_bridge: dict[int, list[Task]] = defaultdict(list)
        for task in tasks:
            by_bridge[task.bridge.id].append(task)
        letters: list[Letter] = []
        for of_bridge in by_bridge.values():
            bridge = of_bridge[0].bridge
            found = people(
                live_hooks()[bridge.hook],
                _asked(of_bridge),
                bridge.region,
                self._exchange,
                window=settings.CONNECTIONS_PER_STAGE,
            )
            letters += _letters(_textable(claim, of_bridge, found), found)
        return letters


def _claim(claim: uuid.UUID, limit: int) -> list[tuple[Any, ...]]:
    """Due notices, and with them all others of the same person and conversation that are due on a bridge with digest."""
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
    tasks: list[Task] = []
    skipped: list[tuple[int, str, str]] = []
    held: list[tuple[int, float]] = []
    for row in rows:
        bridge = bridges.get(row[1])
        if bridge is None or bridge.paused:
            held.append((row[0], _PAUSED_SECONDS))
            continue
        task = _task(bridge, row[:15])
        reason = _reason_not_to(task, now, gone=bool(row[15]), rank=row[16], left=bool(row[17]))
        if reason is None:
            tasks.append(task)
        else:
            skipped.append((task.notice, reason, ""))
    skip(claim, skipped)
    put_off(claim, held, spend=False)
    return tasks


def _task(bridge: LiveBridge, row: tuple[Any, ...]) -> Task:
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
    if rank not in live_hooks()[task.bridge.hook].ranks:
        return Notice.Reason.READ
    if left:
        return Notice.Reason.LEFT
    if now - task.due_at > task.bridge.max_age:
        return Notice.Reason.TOO_OLD
    if not text_of(task.parts):
        return Notice.Reason.EMPTY
    return None


def _asked(tasks: Sequence[Task]) -> list[str]:
    """Users whose identity is needed: every recipient, and the senders if the template or introduction tells them."""
    users = {task.user_id for task in tasks}
    bridge = tasks[0].bridge
    templates = [template for template in (bridge.template, bridge.introduction) if template is not None]
    if bridge.introduction_function or any("sender" in template.roots for template in templates):
        users |= {task.sender_id for task in tasks if task.sender_id is not None}
    return sorted(users)


def _textable(claim: uuid.UUID, tasks: Sequence[Task], found: People) -> list[Task]:
    """Those whose people are known and whose recipient has a phone that may be texted."""
    ready: list[Task] = []
    skipped: list[tuple[int, str, str]] = []
    later: list[tuple[int, float]] = []
    opted_out = _opted_out([person.phone for person in found.values() if isinstance(person, Person) and person.phone])
    for task in tasks:
        recipient, sender = found[task.user_id], found.get(task.sender_id or "")
        if isinstance(recipient, Unavailable) or isinstance(sender, Unavailable):
            later.append((task.notice, backoff(task.attempts)))
        elif not recipient.known:
            skipped.append((task.notice, Notice.Reason.NO_IDENTITY, ""))
        elif not recipient.phone:
            skipped.append((task.notice, Notice.Reason.NO_PHONE, ""))
        elif recipient.phone in opted_out:
            skipped.append((task.notice, Notice.Reason.OPTED_OUT, ""))
        else:
            ready.append(task)
    skip(claim, skipped)
    put_off(claim, later)
    return ready


def _opted_out(phones: Sequence[str]) -> set[str]:
    rows = fetch("select phone from smsbridge_optout where phone {in:phones}", phones=Ids("text", phones))
    return {phone for (phone,) in rows}


def _letters(tasks: Sequence[Task], found: People) -> list[Letter]:
    """One letter per person and conversation on a bridge with digest, else one per message."""
    groups: dict[tuple[object, ...], list[Task]] = defaultdict(list)
    for task in tasks:
        alone = () if task.bridge.digest else (task.notice,)
        groups[(task.conversation, task.user_id, *alone)].append(task)
    return [
        Letter(group, _known(found, group[0].user_id), [_sender(found, task) for task in group])
        for group in groups.values()
    ]


def _known(found: People, user: str) -> Person:
    person = found.get(user)
    return person if isinstance(person, Person) else Person(user, user)


def _sender(found: People, task: Task) -> Person:
    if task.sender_id is None:
        return Person("", task.sender_name or "")
    return _known(found, task.sender_id)


def _write(claim: uuid.UUID, letters: Sequence[Letter]) -> None:
    """Leases, texts and the end of the notices, in one transaction."""
    by_bridge: dict[int, list[Letter]] = defaultdict(list)
    for letter in letters:
        by_bridge[letter.first.bridge.id].append(letter)
    with transaction.atomic():
        for of_bridge in by_bridge.values():
            _write_bridge(claim, of_bridge[0].first.bridge, of_bridge)
        doorbell.ring_on_commit(SEND)


def _write_bridge(claim: uuid.UUID, bridge: LiveBridge, letters: Sequence[Letter]) -> None:
    grants = leases.allot([letter.want for letter in letters], bridge.numbers, bridge.lease_lifetime)
    introducing: dict[int, uuid.UUID] = {}
    drafts: list[Draft] = []
    failed: list[tuple[int, str, str]] = []
    for letter in letters:
        grant = grants.get(letter.want.key)
        if grant is None:
            _no_number(claim, bridge, letter)
            continue
        introduce = not grant.introduced and grant.lease not in introducing
        wording = word(bridge, _said(letter), letter.recipient, introduce=introduce)
        if wording is None:
            failed += [(task.notice, Notice.Reason.TEMPLATE, "") for task in letter.tasks]
            continue
        draft = Draft(uuid7(), letter, grant.number, wording, introduce)
        drafts.append(draft)
        if introduce:
            introducing[grant.lease] = draft.id
    skip(claim, failed)
    _store(claim, bridge, drafts)
    leases.introduced(list(introducing.items()))


def _no_number(claim: uuid.UUID, bridge: LiveBridge, letter: Letter) -> None:
    if bridge.waits_for_number:
        put_off(claim, [(task.notice, backoff(task.attempts + 4)) for task in letter.tasks])
    else:
        skip(claim, [(task.notice, Notice.Reason.POOL_USED_UP, "") for task in letter.tasks])


def _said(letter: Letter) -> list[Said]:
    return [
        Said(
            message_key=task.message_key,
            conversation_key=task.conversation_key,
            title=task.title,
            app_name=task.bridge.app_name,
            parts=task.parts,
            sent_at=task.sent_at,
            sender=sender,
        )
        for task, sender in zip(letter.tasks, letter.senders, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Draft:
    """An SMS about to be stored."""

    id: uuid.UUID
    letter: Letter
    number: int
    wording: Wording
    introduces: bool


_COLUMNS = {
    "id": "uuid",
    "number_id": "bigint",
    "account_id": "bigint",
    "conversation_id": "bigint",
    "user_id": "text",
    "phone": "text",
    "body": "text",
    "segments": "smallint",
    "ucs2": "boolean",
    "introduces": "boolean",
    "due_at": "timestamptz",
}


def _store(claim: uuid.UUID, bridge: LiveBridge, drafts: Sequence[Draft]) -> None:
    """Insert the texts and end their notices in them. Notices that another worker took meanwhile take theirs along."""
    if not drafts:
        return
    ended = fetch(
        "update smsbridge_notice set state = 'in_sms', sms_id = done.sms, claim = null from {rows:done}"
        " where smsbridge_notice.id = done.id and smsbridge_notice.claim = %(claim)s"
        " and smsbridge_notice.state = 'waiting' returning smsbridge_notice.sms_id",
        done=Rows({"id": "bigint", "sms": "uuid"}, [(t.notice, d.id) for d in drafts for t in d.letter.tasks]),
        claim=claim,
    )
    ours = {uuid_of(sms) for (sms,) in ended}
    run(
        "insert into smsbridge_outboundsms (id, bridge_id, number_id, account_id, conversation_id, user_id, phone, text,"
        " segments, unicode, introduces, due_at, state, next_at, attempts, reason, code, created_at, log)"
        " select new.id, %(bridge)s, new.number_id, new.account_id, new.conversation_id, new.user_id, new.phone,"
        " new.body, new.segments, new.ucs2, new.introduces, new.due_at, 'ready', {now}, 0, '', '', {now}, '[]'"
        " from {rows:new} where true",
        bridge=bridge.id,
        new=Rows(_COLUMNS, [_row(draft) for draft in drafts if draft.id in ours]),
    )


def _row(draft: Draft) -> tuple[Any, ...]:
    task, wording = draft.letter.first, draft.wording
    return (
        draft.id,
        draft.number,
        live_numbers()[draft.number].account,
        task.conversation,
        task.user_id,
        draft.letter.recipient.phone,
        wording.text,
        wording.segments,
        wording.unicode,
        draft.introduces,
        task.due_at,
    )


def _seconds_to_next() -> float | None:
    ((next_at, now),) = fetch("select min(next_at), {now} from smsbridge_notice where state = 'waiting'")
    return None if next_at is None else max((moment(next_at) - moment(now)).total_seconds(), 0.0)
