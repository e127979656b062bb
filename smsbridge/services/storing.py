"""Writing composed texts: leases, texts and the end of their notices, in one transaction."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from notifier import doorbell, trail
from notifier.backoff import backoff
from notifier.sql import Rows, run
from smsbridge.counters import NOTICES_ENDED
from smsbridge.ids import uuid7
from smsbridge.models import Notice
from smsbridge.phones import country_of
from smsbridge.services import leases
from smsbridge.services.accounts import LiveBridge, live_numbers
from smsbridge.services.contacts import Person
from smsbridge.services.gathering import Task
from smsbridge.services.notices import put_off, skip
from smsbridge.services.quiet import zones_to_store
from smsbridge.services.sending import STAGE as SEND
from smsbridge.services.wording import Said, Wording, word


class ClaimLostError(Exception):
    """Another worker took some of the notices over, as the claim had run out: nothing of the batch is stored."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What goes into one SMS: messages of one conversation for one person.

    `opening` is what the bridge's own function introduces it with, once that was asked.
    """

    tasks: Sequence[Task]
    recipient: Person
    senders: Sequence[Person]
    opening: str | None = None

    @property
    def first(self) -> Task:
        return self.tasks[0]

    @property
    def want(self) -> leases.Want:
        return leases.Want(self.first.conversation, self.first.user_id, self.recipient.phone)

    @property
    def said(self) -> list[Said]:
        return [_said(task, sender) for task, sender in zip(self.tasks, self.senders, strict=True)]


def _said(task: Task, sender: Person) -> Said:
    return Said(
        message_key=task.message_key,
        conversation_key=task.conversation_key,
        title=task.title,
        app_name=task.bridge.app_name,
        parts=task.parts,
        sent_at=task.sent_at,
        sender=sender,
    )


def write(claim: uuid.UUID, letters: Sequence[Letter]) -> None:
    """Store these letters. Raises ClaimLostError, and then has stored nothing."""
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
        if introduce and bridge.introduction_function and letter.opening is None:
            # The link was lost while we asked, or another letter should have introduced it: the next batch asks.
            put_off(claim, [(task.notice, 0.0) for task in letter.tasks], spend=False)
            continue
        wording = word(bridge, letter.said, letter.recipient, introduce=introduce, opening=letter.opening)
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
    "country": "text",
    "zones": "text",
    "body": "text",
    "segments": "smallint",
    "ucs2": "boolean",
    "introduces": "boolean",
    "due_at": "timestamptz",
    "trace": "bigint",
}


def _store(claim: uuid.UUID, bridge: LiveBridge, drafts: Sequence[Draft]) -> None:
    """Insert the texts and end their notices in them."""
    if not drafts:
        return
    run(
        "insert into smsbridge_outboundsms (id, bridge_id, number_id, account_id, conversation_id, user_id, phone,"
        " country, zones,"
        " text, segments, unicode, introduces, due_at, trace, read_at, state, next_at, attempts, reason, code,"
        " created_at, log)"
        " select new.id, %(bridge)s, new.number_id, new.account_id, new.conversation_id, new.user_id, new.phone,"
        " new.country, new.zones, new.body, new.segments, new.ucs2, new.introduces, new.due_at, new.trace,"
        " {moment:read_at},"
        " 'ready', {now}, 0, '', '', {now}, '[]'"
        " from {rows:new} where true",
        bridge=bridge.id,
        read_at=drafts[0].letter.first.read_at,
        new=Rows(_COLUMNS, [_row(draft) for draft in drafts]),
    )
    told = [(task.notice, draft.id) for draft in drafts for task in draft.letter.tasks]
    ended = run(
        "update smsbridge_notice set state = 'in_sms', sms_id = done.sms, claim = null from {rows:done}"
        " where smsbridge_notice.id = done.id and smsbridge_notice.claim = %(claim)s"
        " and smsbridge_notice.state = 'waiting'",
        done=Rows({"id": "bigint", "sms": "uuid"}, told),
        claim=claim,
    )
    if ended != len(told):
        raise ClaimLostError
    trail.note("composed", [_name(draft) for draft in drafts])
    NOTICES_ENDED.add_on_commit("in_sms", by=ended)


def _name(draft: Draft) -> str:
    """Of a digest with all its events: later lines name the first one, and the text."""
    return "+".join(trail.name(task.trace) for task in draft.letter.tasks) + f"/{draft.id.hex}"


def _row(draft: Draft) -> tuple[Any, ...]:
    task, wording = draft.letter.first, draft.wording
    return (
        draft.id,
        draft.number,
        live_numbers()[draft.number].account,
        task.conversation,
        task.user_id,
        draft.letter.recipient.phone,
        country_of(draft.letter.recipient.phone),
        zones_to_store(task.bridge, draft.letter.recipient),
        wording.text,
        wording.segments,
        wording.unicode,
        draft.introduces,
        min(task.due_at for task in draft.letter.tasks),
        task.trace,
    )
