"""Texts of which nobody knows whether they were sent, and how that shows: at once, or when they are looked up."""

import logging
import uuid
from collections.abc import Sequence

from django.db import transaction

from notifier import doorbell, trail
from notifier.backoff import MAX_ATTEMPTS
from notifier.sql import Ids, fetch, run, uuid_of
from smsbridge.services import counting, history, withdrawing
from smsbridge.services.sending import STAGE as SEND

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
        "   {lock:s}) returning id, account_id"
    )
    counting.lost([account for _, account in rows])
    return [uuid_of(id_) for id_, _ in rows]


def not_accepted(id_: uuid.UUID, lookups: int, attempts: int) -> str:
    """The vendor certainly has not accepted it: ready for another try, or given up after the last. The new state.

    Nothing, and '', unless it is still as uncertain as when this look-up began: no later one, no try since.
    """
    words = "The vendor was asked, and does not know it: it was not accepted."
    with transaction.atomic():
        rows = fetch(
            "update smsbridge_outboundsms set next_at = {now}, reason = %(words)s,"
            " state = case when attempts < %(most)s then 'ready' else 'dead' end,"
            " settled_at = case when attempts < %(most)s then null else {now} end,"
            f" log = {history.appended('cast(%(entry)s as text)')}"
            " where id = %(id)s and state = 'uncertain' and lookups = %(lookups)s and attempts = %(attempts)s"
            " returning state, trace",
            id=id_,
            lookups=lookups,
            attempts=attempts,
            most=MAX_ATTEMPTS,
            words=words,
            entry=history.entry("ready" if attempts < MAX_ATTEMPTS else "dead", words),
        )
        trail.note_by("state", "look-up", [(state, trail.name(trace, id_.hex)) for state, trace in rows])
        withdrawing.withdraw(_unintroduced([id_]), "The introduction before it did not arrive.")
        doorbell.ring_on_commit(SEND)
    return str(rows[0][0]) if rows else ""


def _unintroduced(ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Ready texts that count on an introduction that was lost meanwhile: they are composed anew, with one."""
    rows = fetch(
        "select s.id from smsbridge_outboundsms s join smsbridge_lease l on l.phone = s.phone"
        "  and l.number_id = s.number_id and l.conversation_id = s.conversation_id and l.user_id = s.user_id"
        " join smsbridge_bridge b on b.id = s.bridge_id and (b.introduction <> '' or b.introduction_function <> '')"
        " where s.id {in:ids} and s.state = 'ready' and not s.introduces and l.introduced_by_id is null",
        ids=Ids("uuid", list(ids)),
    )
    return [uuid_of(id_) for (id_,) in rows]


def put_off(id_: uuid.UUID, lookups: int, wait: float, words: str = "") -> None:
    """Look again so many seconds later, or never when that was the last time; `words` for the history."""
    run(
        "update smsbridge_outboundsms set next_at = {now+wait},"
        f" log = {history.appended('cast(%(entry)s as text)')}"
        " where id = %(id)s and state = 'uncertain' and lookups = %(lookups)s",
        id=id_,
        lookups=lookups,
        wait=wait,
        entry=history.entry("uncertain", words) if words else None,
    )
