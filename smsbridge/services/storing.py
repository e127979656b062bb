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
from smsbridge.models import Notice, OutboundSms
from smsbridge.phones import country_of
from smsbridge.services import choosing, leases
from smsbridge.services.accounts import LiveBridge, live_numbers
from smsbridge.services.contacts import Person
from smsbridge.services.gathering import Task
from smsbridge.services.notices import put_off, skip
from smsbridge.services.pictures import going_along
from smsbridge.services.quiet import zones_to_store
from smsbridge.services.sending import STAGE as SEND
from smsbridge.services.wording import Said, Wording, word


class ClaimLostError(Exception):
    """Another worker took some of the notices over, as the claim had run out: nothing of the batch is stored."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What goes into one SMS: messages of one conversation for one person.

    `opening` is what the bridge's own function introduces it with, once that was asked. `lines` are what is said of the
    messages, and `tags` what it is tagged with, once the function that sees texts before they are sent was asked.
    """

    tasks: Sequence[Task]
    recipient: Person
    senders: Sequence[Person]
    opening: str | None = None
    lines: Sequence[str] | None = None
    tags: tuple[str, ...] = ()

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
    grants = _grants(bridge, [letter.want for letter in letters])
    senders = _one_way_senders(bridge, [letter for letter in letters if letter.want.key not in grants])
    introducing: dict[int, uuid.UUID] = {}
    drafts: list[Draft] = []
    failed: list[tuple[int, str, str]] = []
    for letter in letters:
        grant = grants.get(letter.want.key)
        number = grant.number if grant else senders.get(letter.recipient.phone)
        if number is None:
            _no_number(claim, bridge, letter)
            continue
        introduce = grant is not None and not grant.introduced and grant.lease not in introducing
        if introduce and bridge.introduction_function and letter.opening is None:
            # The link was lost while we asked, or another letter should have introduced it: the next batch asks.
            put_off(claim, [(task.notice, 0.0) for task in letter.tasks], spend=False)
            continue
        wording = _worded(bridge, letter, number, introduce=introduce, answerable=grant is not None)
        if wording is None:
            failed += [(task.notice, Notice.Reason.TEMPLATE, "") for task in letter.tasks]
            continue
        draft = Draft(uuid7(), letter, number, wording, introduce, answerable=grant is not None)
        drafts.append(draft)
        if grant is not None and introduce:
            introducing[grant.lease] = draft.id
    skip(claim, failed)
    _store(claim, bridge, drafts)
    leases.introduced(list(introducing.items()))


def _grants(bridge: LiveBridge, wants: Sequence[leases.Want]) -> leases.Grants:
    """Numbers of accounts that send, as far as there are any; else a conversation waits with its own account's."""
    lineup = bridge.lineup
    first, lifetime = lineup.preferred, bridge.lease_lifetime
    grants = leases.allot(wants, first.ids, lifetime, first.near)
    if lineup.working is None or lineup.senders.ids:
        return grants
    missing = [want for want in wants if want.key not in grants]
    return grants | leases.allot(missing, lineup.numbers.ids, lifetime, lineup.numbers.near)


def _one_way_senders(bridge: LiveBridge, letters: Sequence[Letter]) -> dict[str, int | None]:
    """By phone what these letters leave from: none that still stands for a conversation there, of an earlier time."""
    senders, phones = bridge.lineup.senders, {letter.recipient.phone for letter in letters}
    if not phones or not senders.ids:
        return {}
    held = choosing.held(phones)
    return {phone: choosing.pick(phone, senders.near(phone), held.get(phone, {})) for phone in phones}


def _worded(bridge: LiveBridge, letter: Letter, number: int, *, introduce: bool, answerable: bool) -> Wording | None:
    said = letter.said
    if bridge.sends_media and answerable and _may_carry(bridge, letter):
        said = going_along(said, [task.pictures for task in letter.tasks], number, letter.recipient.phone)
    return word(
        bridge,
        said,
        letter.recipient,
        introduce=introduce,
        opening=letter.opening,
        lines=letter.lines,
        end="" if answerable else bridge.one_way_end,
    )


def _may_carry(bridge: LiveBridge, letter: Letter) -> bool:
    """Words only where the project's own function has seen words, and to whom pictures were refused already."""
    return not bridge.before_sending and not any(task.in_words for task in letter.tasks)


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
    answerable: bool = True


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
    _mark(drafts)
    trail.note("composed", [_name(draft) for draft in drafts])
    NOTICES_ENDED.add_on_commit("in_sms", by=ended)


def _mark(drafts: Sequence[Draft]) -> None:
    """What is true of few texts: for most batches this is nothing to do."""
    one_way = [draft.id for draft in drafts if not draft.answerable]
    if one_way:
        OutboundSms.objects.filter(pk__in=one_way).update(answerable=False)
    tagged: dict[tuple[str, ...], list[uuid.UUID]] = defaultdict(list)
    for draft in drafts:
        if draft.letter.tags:
            tagged[draft.letter.tags].append(draft.id)
    for tags, ids in tagged.items():
        OutboundSms.objects.filter(pk__in=ids).update(tags=list(tags))
    pictured = [_pictured(draft) for draft in drafts if draft.wording.media]
    if pictured:
        OutboundSms.objects.bulk_update(pictured, ["media", "media_until"])


def _pictured(draft: Draft) -> OutboundSms:
    media = draft.wording.media
    ends = [picture.until for picture in media if picture.until is not None]
    told = [[picture.url, picture.mime_type] for picture in media]
    return OutboundSms(pk=draft.id, media=told, media_until=min(ends, default=None))


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
