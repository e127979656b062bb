"""Sending: an SMS costs money and cannot be recalled, so each is handed to the vendor at most once.

A row goes to `sending` in a commit of its own, in the statement that tests once more whether it may be sent, right
before the vendor is called; no transaction is open meanwhile. What is certainly not accepted is tried again later;
what may have been accepted is `uncertain`, and stays so until a delivery receipt, a look-up or an operator settles it.
"""

import logging
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from notifier.runner import Step
from notifier.services.hooks import live_hooks
from notifier.sql import Ids, Rows, fetch, moment, uuid_of
from notifier.transport import Exchange
from notifier.wire import Answer
from smsbridge.services import outcomes, withdrawing
from smsbridge.services.accounts import LiveAccount, live_accounts, live_bridges, live_numbers
from smsbridge.services.outcomes import Flight, Result
from smsbridge.vendors.base import OutgoingSms

log = logging.getLogger(__name__)

STAGE = "send"
_WRITE_AT = 64
_WRITE_AFTER = 0.02
_LEAST_CLAIM = 16


class Sender:
    """The send stage: one per process, as it keeps connections to the vendors."""

    def __init__(self) -> None:
        self._exchange: Exchange[Flight] | None = None

    def step(self) -> Step:
        """Send whatever is ready, pipelined: as one answer comes, the next text goes."""
        exchange = self._opened()
        finished: list[Result] = []
        written_at, done, empty = time.monotonic(), 0, False
        while not empty or exchange.in_flight:
            if not empty and exchange.in_flight <= settings.SEND_WINDOW - _LEAST_CLAIM:
                flights = claim(settings.SEND_WINDOW - exchange.in_flight)
                empty = not flights
                finished += [result for flight in flights if (result := self._start(exchange, flight))]
                done += len(flights)
            finished += [_result(flight, answer) for flight, answer in exchange.finished(_WRITE_AFTER)]
            if finished and _is_time(len(finished), written_at, exchange.in_flight):
                outcomes.write(finished)
                finished, written_at = [], time.monotonic()
        return Step(done=done, more=bool(done), busy=done > settings.SEND_WINDOW, next_in=_seconds_to_next())

    def _opened(self) -> Exchange[Flight]:
        if self._exchange is None:
            self._exchange = Exchange(connections=settings.CONNECTIONS_PER_STAGE, timeout=settings.HTTP_TIMEOUT_SECONDS)
        return self._exchange

    def _start(self, exchange: Exchange[Flight], flight: Flight) -> Result | None:
        """Begin the call; a result at once where there is none to make."""
        bridge = live_bridges().get(flight.bridge or 0)
        if bridge is not None and bridge.dry_run:
            return outcomes.dry_run(flight)
        try:
            request = flight.account.vendor.request_for(flight.sms)
        except ValueError as error:
            return outcomes.impossible(flight, error)
        exchange.start(flight, request)
        return None


def _result(flight: Flight, answer: Answer) -> Result:
    return Result(flight, flight.account.vendor.outcome(answer))


def _is_time(count: int, written_at: float, in_flight: int) -> bool:
    return count >= _WRITE_AT or not in_flight or time.monotonic() - written_at >= _WRITE_AFTER


def claim(limit: int) -> list[Flight]:
    """Move due texts to `sending`, each tested once more in that very statement; withdraw those that fail the test."""
    token = uuid.uuid4()
    with transaction.atomic():
        ids = _due(limit)
        if not ids:
            return []
        rows = _to_sending(token, ids)
        if len(rows) < len(ids):
            taken = {uuid_of(row[0]) for row in rows}
            withdrawing.sort_out([id_ for id_ in ids if id_ not in taken])
    accounts = live_accounts()
    return [_flight(token, row, accounts[row[1]]) for row in rows]


def _due(limit: int) -> list[uuid.UUID]:
    rows = fetch(
        "select s.id from smsbridge_outboundsms s where s.state = 'ready' and s.next_at <= {now}"
        " order by s.next_at limit %(limit)s {lock:s}",
        limit=limit,
    )
    return [uuid_of(id_) for (id_,) in rows]


def _to_sending(token: uuid.UUID, ids: Sequence[uuid.UUID]) -> list[tuple[Any, ...]]:
    return fetch(
        "update smsbridge_outboundsms set state = 'sending', claim = %(token)s, attempts = attempts + 1,"
        " next_at = {now+lasts} where id {in:ids} and state = 'ready'"
        f" and not ({withdrawing.OPTED_OUT}) and not ({withdrawing.STALE}) and not ({withdrawing.UNDRAINED})"
        f" and not ({withdrawing.PAUSED}) and not ({withdrawing.TOO_OLD})"
        " returning id, account_id, number_id, bridge_id, phone, text, unicode, attempts",
        token=token,
        lasts=settings.SENDING_SECONDS,
        ids=Ids("uuid", ids),
        **held_back(),
    )


def held_back() -> dict[str, Any]:
    """What the conditions of `withdrawing` need to know of accounts, bridges and hooks."""
    hooks, bridges, now = live_hooks(), live_bridges(), datetime.now(UTC)
    ends = [(b.id, rank) for b in bridges.values() for rank in (0, 1, 2) if rank not in hooks[b.hook].ranks]
    return {
        "accounts": Ids("bigint", [account.id for account in live_accounts().values() if account.paused]),
        "bridges": Ids("bigint", [bridge.id for bridge in bridges.values() if bridge.paused]),
        "ends": Rows({"bridge_id": "bigint", "rank": "smallint"}, ends),
        "oldest": Rows(
            {"bridge_id": "bigint", "due_at": "timestamptz"}, [(b.id, now - b.max_age) for b in bridges.values()]
        ),
    }


def _flight(token: uuid.UUID, row: tuple[Any, ...], account: LiveAccount) -> Flight:
    id_, _, number, bridge, phone, text, unicode, attempts = row
    sms = OutgoingSms(
        sender=live_numbers()[number].e164,
        recipient=phone,
        text=text,
        reference=uuid_of(id_).hex,
        unicode=bool(unicode),
        status_url=account.status_url,
    )
    return Flight(uuid_of(id_), token, account, bridge, attempts, sms)


def lose_track() -> int:
    """Sends whose worker vanished between the call and its outcome: perhaps sent. Returns how many."""
    rows = fetch(
        "update smsbridge_outboundsms set state = 'uncertain', settled_at = {now},"
        " reason = 'The process that sent it ended before the vendor''s answer was stored.'"
        " where id in (select s.id from smsbridge_outboundsms s where s.state = 'sending' and s.next_at <= {now}"
        "   {lock:s}) returning id"
    )
    if rows:
        log.warning("%s texts became uncertain: their worker ended while sending.", len(rows))
        outcomes.introduce_again([uuid_of(id_) for (id_,) in rows])
    return len(rows)


def _seconds_to_next() -> float | None:
    ((next_at, now),) = fetch("select min(next_at), {now} from smsbridge_outboundsms where state = 'ready'")
    return None if next_at is None else max((moment(next_at) - moment(now)).total_seconds(), 0.0)
