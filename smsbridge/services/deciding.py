"""What an operator decides about texts that came to no good end: send again, or close.

Every decision is kept in the row: its reason says who and why, and its history what it was before.
"""

import logging
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from notifier import doorbell
from notifier.texts import clean_text
from smsbridge.ids import uuid7
from smsbridge.models import InboundSms, Notice, OutboundSms
from smsbridge.services.composing import STAGE as COMPOSE
from smsbridge.services.sending import STAGE as SEND

log = logging.getLogger(__name__)

State = OutboundSms.State
#: what a decision may be made about
OPEN = (State.DEAD, State.UNCERTAIN, State.UNDELIVERED)
LOST = (InboundSms.State.UNROUTED, InboundSms.State.DEAD)
#: what needs one: nothing else will ever happen to it
WANTS_DECISION = (State.UNCERTAIN, State.DEAD)
#: texts that tell of no message, and may be sent again as they are: none that passes an opt-out, as it comes late
COPIED = (OutboundSms.Purpose.OPTED_IN,)


def send_again(ids: Sequence[uuid.UUID], who: str) -> list[uuid.UUID]:
    """Close these texts, and let what they told be told anew; those to which it applied.

    Their messages are due now, and composing asks everything again: read, deleted, opted out, which number. Answers to
    START tell of no message and are copied. Left alone is what has nothing to tell any more, as its messages or its
    words are gone; an answer to HELP, which would reach whoever has opted out since; and the confirmation of a STOP:
    none is wanted that comes late (47 CFR 64.1200(a)(12)).
    """
    reason = clean_text(f"Sent again by {who}.")
    with transaction.atomic():
        chosen = _open(ids)
        told = set(Notice.objects.filter(sms__in=chosen, state=Notice.State.IN_SMS).values_list("sms_id", flat=True))
        again = [sms for sms in chosen if sms.pk in told or (sms.purpose in COPIED and sms.text)]
        copies = [_copy(sms) for sms in again if sms.pk not in told]
        _close(again, reason)
        _due_now(told, reason)
        OutboundSms.objects.bulk_create(copies)
        doorbell.ring_on_commit(COMPOSE)
        doorbell.ring_on_commit(SEND)
    _note("sent again", [sms.pk for sms in again])
    return [sms.pk for sms in again]


def close(ids: Sequence[uuid.UUID], who: str, words: str) -> list[uuid.UUID]:
    """End these texts as they are; those to which it applied. A receipt that says "delivered" is still taken over."""
    with transaction.atomic():
        chosen = _open(ids)
        _close(chosen, _reason(who, words))
    _note("closed", [sms.pk for sms in chosen])
    return [sms.pk for sms in chosen]


def close_replies(ids: Sequence[int], who: str, words: str) -> list[int]:
    """End these inbound texts without posting them; those to which it applied. Why they were lost is kept."""
    with transaction.atomic():
        chosen = list(InboundSms.objects.select_for_update().filter(pk__in=ids, state__in=LOST).order_by("pk"))
        for reply in chosen:
            reply.reason = f"{_reason(who, words)} Before: {reply.reason}".strip()
            reply.state, reply.claim = InboundSms.State.CLOSED, None
        InboundSms.objects.bulk_update(chosen, ["reason", "state", "claim"])
        InboundSms.objects.filter(pk__in=[reply.pk for reply in chosen]).update(settled_at=Now())
    _note("closed", [f"inbound {reply.pk}" for reply in chosen])
    return [reply.pk for reply in chosen]


def _open(ids: Sequence[uuid.UUID]) -> list[OutboundSms]:
    """Locked, so that of two who decide at once only the first does, and a receipt comes before or after."""
    return list(OutboundSms.objects.select_for_update().filter(pk__in=ids, state__in=OPEN).order_by("pk"))


def _close(chosen: Sequence[OutboundSms], reason: str) -> None:
    """`sent_at` of an uncertain text becomes when it may have left: an answer to it must still find its conversation.

    One that is dead never left, so nobody can answer it.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    for sms in chosen:
        sms.log = [*sms.log, [now, sms.state, sms.reason], [now, State.CLOSED.value, reason]]
        if sms.state == State.UNCERTAIN:
            sms.sent_at = sms.sent_at or sms.settled_at or sms.created_at
        sms.state, sms.reason = State.CLOSED, reason
    OutboundSms.objects.bulk_update(chosen, ["log", "sent_at", "state", "reason"], batch_size=200)
    OutboundSms.objects.filter(pk__in=[sms.pk for sms in chosen]).update(settled_at=Now())


def _due_now(told: set[uuid.UUID], reason: str) -> None:
    """Due anew, as the age of a notice counts from then on; else all but the latest would be given up at once."""
    Notice.objects.filter(sms__in=told, state=Notice.State.IN_SMS).update(
        state=Notice.State.WAITING,
        sms=None,
        due_at=Now(),
        next_at=Now(),
        claim=None,
        attempts=0,
        note=reason,
    )


_SAME = (
    *("purpose", "bridge_id", "account_id", "number_id", "conversation_id", "user_id", "phone", "country", "zones"),
    *("text", "segments", "unicode", "trace"),
)


def _copy(sms: OutboundSms) -> OutboundSms:
    values: dict[str, Any] = {name: getattr(sms, name) for name in _SAME}
    return OutboundSms(id=uuid7(), due_at=Now(), next_at=Now(), **values)


def _reason(who: str, words: str) -> str:
    return clean_text(f"Closed by {who}: {words}")


def _note(what: str, rows: Sequence[object]) -> None:
    for row in rows:
        log.info("SMS %s was %s by an operator.", row, what)
