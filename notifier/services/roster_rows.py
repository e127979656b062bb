"""The rows of the roster stage: which conversations are to be asked about, and what became of asking.

A conversation with `roster_due_at` is to be asked about. Claiming puts that moment off in a commit of its own, and
what was learnt is stored only while it still stands there: whoever changed it meanwhile will ask again, or has asked.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction

from notifier import counters, doorbell
from notifier.backoff import backoff
from notifier.platforms.base import Later, Roster
from notifier.services import participants
from notifier.services.conversations import ROSTERS
from notifier.services.merging import CHECKS
from notifier.sql import Ids, fetch, moment, run, seconds_between
from notifier.texts import clean_text

log = logging.getLogger(__name__)

STAGE = ROSTERS
_BATCH = 50
_MOST_USERS = 20
_NEWEST_MESSAGES = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """A claimed conversation: the platform's id of it, which try this is, and the moment that marks our claim."""

    id: int
    key: str
    attempt: int
    due_at: datetime


def ask_again(conversations: Collection[int]) -> int:
    """Let those of these conversations whose roster could not be had be asked about now; how many."""
    count = run(
        "update notifier_conversation set roster_due_at = {now}, roster_attempts = 0, roster_error = ''"
        " where id {in:ids} and roster_due_at is null and roster_error <> ''",
        ids=Ids("bigint", sorted(conversations)),
    )
    if count:
        doorbell.ring_on_commit(STAGE)
    return count


def claim() -> tuple[int, list[Asked]]:
    """The due conversations of the chat app that waits longest, ours until the claim runs out."""
    rows = fetch(
        "update notifier_conversation set roster_due_at = {now+lasts}, roster_attempts = roster_attempts + 1"
        " where id in (select c.id from notifier_conversation c where c.roster_due_at <= {now} and c.chat_app_id ="
        "   (select first.chat_app_id from notifier_conversation first where first.roster_due_at <= {now}"
        "    order by first.roster_due_at limit 1)"
        "   order by c.roster_due_at limit %(limit)s {lock:c})"
        " returning chat_app_id, id, key, roster_attempts, roster_due_at",
        lasts=settings.CLAIM_SECONDS,
        limit=_BATCH,
    )
    claimed = [Asked(id_, key, attempt, moment(due)) for _, id_, key, attempt, due in rows]
    return (rows[0][0] if rows else 0), claimed


def users(conversation: int) -> list[str]:
    """Some who take part or took part: those who are still there first, and of these whoever was last heard of."""
    rows = fetch(
        "with recent as (select m.id, m.sender_id from notifier_message m where m.conversation_id = %(id)s"
        "   order by m.id desc limit %(messages)s),"
        " heard as (select r.sender_id as user_id, r.id as at from recent r where r.sender_id is not null"
        "   union all select t.user_id, t.message_id from notifier_receipt t join recent r on r.id = t.message_id"
        "   union all select p.user_id, 0 from notifier_participant p where p.conversation_id = %(id)s)"
        " select h.user_id from heard h left join notifier_departure d"
        "   on d.conversation_id = %(id)s and d.user_id = h.user_id"
        " group by h.user_id order by count(d.id) > 0, max(h.at) desc, h.user_id limit %(most)s",
        id=conversation,
        messages=_NEWEST_MESSAGES,
        most=_MOST_USERS,
    )
    return [user for (user,) in rows]


def store(one: Asked, roster: Roster) -> None:
    """Keep what was learnt."""
    title = None if roster.title is None else clean_text(roster.title)
    with transaction.atomic():
        ours = run(
            "update notifier_conversation set roster_due_at = null, roster_attempts = 0, roster_error = '',"
            " title = coalesce(%(title)s, title), encrypted = coalesce(%(encrypted)s, encrypted)"
            " where id = %(id)s and roster_due_at = {moment:due}",
            title=title,
            encrypted=roster.encrypted,
            id=one.id,
            due=one.due_at,
        )
        if ours:
            participants.replace(one.id, roster.users)
            _ended("known")


def put_off(one: Asked, reading: Later) -> None:
    """Ask again later."""
    counters.ROSTERS.add("put_off")
    run(
        "update notifier_conversation set roster_due_at = {now+wait}, roster_error = %(error)s"
        " where id = %(id)s and roster_due_at = {moment:due}",
        wait=backoff(one.attempt, reading.after),
        error=reading.reason,
        id=one.id,
        due=one.due_at,
    )


def give_up(one: Asked, why: str, *, again: float) -> None:
    """Ask no more, unless somebody wishes it, or something happens in the conversation after `again` seconds."""
    with transaction.atomic():
        ours = run(
            "update notifier_conversation set roster_due_at = null, roster_error = %(error)s,"
            " roster_again_at = {now+again}"
            " where id = %(id)s and roster_due_at = {moment:due}",
            error=why,
            again=again,
            id=one.id,
            due=one.due_at,
        )
        if ours:
            log.warning("Who takes part in conversation %s could not be learnt: %s", one.id, why)
            _ended("given_up")


def _ended(outcome: str) -> None:
    """Checks that waited for it may go on."""
    counters.ROSTERS.add_on_commit(outcome)
    doorbell.ring_on_commit(CHECKS)


def seconds_to_next() -> float | None:
    """Until a conversation is due, 0 when one is; None when none ever will be."""
    ((due, now),) = fetch("select min(roster_due_at), {now} from notifier_conversation where roster_due_at is not null")
    return None if due is None else seconds_between(now, due)
