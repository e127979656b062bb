"""What became of inbound texts, written in batches and fenced by the claim."""

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction

from notifier import trail
from notifier.backoff import backoff
from notifier.platforms.base import Can, Later, No, Reading
from notifier.services.asking import note_read
from notifier.sql import Rows, run
from smsbridge.models import InboundSms
from smsbridge.services import counting, leases, refusing

if TYPE_CHECKING:
    from smsbridge.services.routing import Reply

log = logging.getLogger(__name__)

_GIVE_UP_AFTER = timedelta(hours=24)

#: whatever else becomes of a text, parts that did not come in time are told of
_REASON = "trim(new.reason || ' ' || part_note)"


@dataclass(frozen=True, slots=True)
class Filed:
    """The end of one try. `wait` counts only while the state is waiting. `spent`: the try counts."""

    reply: "Reply"
    state: str
    reason: str = ""
    wait: float = 0.0
    spent: bool = True


def posted(reply: "Reply") -> Filed:
    return Filed(reply, "posted", reply.note)


def blocked(reply: "Reply", reason: str) -> Filed:
    """By the project's own function: it is not posted, or not any more."""
    return Filed(reply, "blocked", reason + _perhaps_posted(reply))


def refused(reply: "Reply") -> Filed:
    """It cannot be posted, and was seen by whoever is to see it."""
    could = Can.POST_AS_USER in reply.hook.platform.can
    return Filed(reply, "refused", reply.refused + (_perhaps_posted(reply) if could else ""))


def given_up(reply: "Reply", reason: str) -> Filed:
    """No other try would help, unless an operator changes something first."""
    log.error("Inbound SMS %s is given up: %s", reply.id, reason)
    return Filed(reply, "dead", reason + _perhaps_posted(reply))


def _perhaps_posted(reply: "Reply") -> str:
    return " (It may have been posted before: an earlier try got no answer.)" if reply.began else ""


def too_late(reply: "Reply") -> Filed:
    """There was no time for it in this claim: it is due again at once, and no try is spent."""
    return Filed(reply, "waiting", spent=False)


def not_posted(reply: "Reply", reading: Reading[str]) -> Filed:
    """The platform refused, or could not be reached: tried again for a day, as posting twice is impossible."""
    if isinstance(reading, Later) and reply.age < _GIVE_UP_AFTER:
        return Filed(reply, "waiting", reading.reason, backoff(reply.attempts, reading.after))
    reason = reading.reason if isinstance(reading, Later | No) else ""
    log.warning("Inbound SMS %s could not be posted: %s", reply.id, reason)
    return Filed(reply, "dead", reason)


def file(filed: Sequence[Filed]) -> None:
    """Store the ends of these tries, with all that follows from a posted one: messages read, lease renewed."""
    with transaction.atomic():
        told = _told([one.reply for one in filed if one.state == "refused"])
        rows = sorted((_row(one, told) for one in filed), key=lambda row: row[0])
        run(
            f"update smsbridge_inboundsms set state = new.state, reason = {_REASON}, next_at = {{now+zero}},"
            " conversation_id = new.conversation_id, user_id = new.user_id, posted_as = new.posted_as,"
            " trace = new.trace, attempts = attempts - new.back, post_began = new.began,"
            " settled_at = case when new.state = 'waiting' then null else {now} end, claim = null"
            " from {rows:new} where smsbridge_inboundsms.id = new.id and smsbridge_inboundsms.claim = new.claim",
            zero=0,
            new=Rows(
                {
                    "id": "bigint",
                    "claim": "uuid",
                    "state": "text",
                    "reason": "text",
                    "conversation_id": "bigint",
                    "user_id": "text",
                    "posted_as": "text",
                    "trace": "bigint",
                    "back": "smallint",
                    "began": "boolean",
                },
                rows,
            ),
        )
        _let_wait([one for one in filed if one.state == "waiting"])
        done = [one.reply for one in filed if one.state == "posted"]
        _read(done)
        _renew(done)
        _tag([one.reply for one in filed])
        trail.note_by("state", "reply", [(one.state, _name(one.reply)) for one in filed])
        counting.filed(one.state for one in filed)


def end(claim: uuid.UUID, ended: Sequence[tuple[int, str, str]]) -> None:
    """End claimed texts that are not posted: (id, state, reason)."""
    if ended:
        run(
            f"update smsbridge_inboundsms set state = new.state, reason = {_REASON}, settled_at = {{now}},"
            " claim = null"
            " from {rows:new} where smsbridge_inboundsms.id = new.id and smsbridge_inboundsms.claim = %(claim)s",
            claim=claim,
            new=Rows({"id": "bigint", "state": "text", "reason": "text"}, list(ended)),
        )
        trail.note_by("state", "reply", [(state, f"i{id_}") for id_, state, _ in ended])
        counting.filed(state for _, state, _ in ended)


def _name(reply: "Reply") -> str:
    return trail.name(reply.link.trace, f"i{reply.id}")


def _told(refused: Sequence["Reply"]) -> dict[int, str]:
    """What became of the answers to these texts; those that another worker took over are its own to answer."""
    if not refused:
        return {}
    claims = {reply.id: reply.claim for reply in refused}
    held = InboundSms.objects.select_for_update().filter(pk__in=claims, state="waiting").order_by("pk")
    ours = {id_ for id_, claim in held.values_list("pk", "claim") if claim == claims[id_]}
    return refusing.tell([reply for reply in refused if reply.id in ours])


def _row(one: Filed, told: Mapping[int, str]) -> tuple[Any, ...]:
    reply, link = one.reply, one.reply.link
    found = (link.conversation, link.user_id, reply.posted, link.trace)
    reason = f"{one.reason} {told.get(reply.id, '')}".strip()
    return reply.id, reply.claim, one.state, reason, *found, int(not one.spent), reply.began


def _let_wait(waiting: Sequence[Filed]) -> None:
    for one in waiting:
        run(
            "update smsbridge_inboundsms set next_at = {now+wait} where id = %(id)s and state = 'waiting'"
            " and claim is null",
            id=one.reply.id,
            wait=one.wait,
        )


def _read(done: Sequence["Reply"]) -> None:
    note_read([(message, reply.link.user_id) for reply in done for message, _ in reply.unread])


def _tag(replies: Sequence["Reply"]) -> None:
    for reply in replies:
        if reply.tags:
            InboundSms.objects.filter(pk=reply.id).update(tags=list(reply.tags))


def _renew(done: Sequence["Reply"]) -> None:
    """A reply keeps the link alive as a text does."""
    by_lifetime: dict[timedelta, set[int]] = {}
    for reply in done:
        by_lifetime.setdefault(reply.lifetime, set()).add(reply.link.lease)
    for lifetime, ids in sorted(by_lifetime.items()):
        leases.renew(ids, lifetime)
