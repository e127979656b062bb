"""Texts of which nobody knows whether they were sent, or that were given up: how they come to an end."""

import logging
import uuid

from django.db import transaction

from notifier.sql import fetch, uuid_of
from smsbridge.services import withdrawing

log = logging.getLogger(__name__)


def lose_track() -> int:
    """Sends whose worker vanished between the call and its outcome: perhaps sent. Returns how many."""
    with transaction.atomic():
        rows = _lost()
        withdrawing.introduce_again(rows)
    if rows:
        log.warning("%s texts became uncertain: their worker ended while sending.", len(rows))
    return len(rows)


def _lost() -> list[uuid.UUID]:
    rows = fetch(
        "update smsbridge_outboundsms set state = 'uncertain', settled_at = {now},"
        " reason = 'The process that sent it ended before the vendor''s answer was stored.'"
        " where id in (select s.id from smsbridge_outboundsms s where s.state = 'sending' and s.next_at <= {now}"
        "   {lock:s}) returning id"
    )
    return [uuid_of(id_) for (id_,) in rows]
