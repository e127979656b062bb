"""Sending: an SMS costs money and cannot be recalled, so each is handed to the vendor at most once.

A row goes to `sending` in a commit of its own, in the statement that tests once more whether it may be sent, right
before the vendor is called; no transaction is open meanwhile. What is certainly not accepted is tried again later;
what may have been accepted is `uncertain`, and stays so until a delivery receipt, a look-up or an operator settles it.
"""

import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from notifier import runner
from notifier.runner import Step
from notifier.services.hooks import LiveHook, hooks_with
from notifier.sql import Ids, Rows, fetch, moment, uuid_of
from notifier.transport import Exchange
from notifier.wire import Answer
from smsbridge.services import outcomes, withdrawing
from smsbridge.services.accounts import (
    LiveAccount,
    LiveBridge,
    forget_accounts,
    held_accounts,
    held_bridges,
    live_accounts,
    live_bridges,
    live_numbers,
)
from smsbridge.services.outcomes import Flight, Result
from smsbridge.vendors.base import OutgoingSms

log = logging.getLogger(__name__)

STAGE = "send"
_WRITE_AT = 64
_WRITE_AFTER = 0.02
_LONGEST_STEP = 10.0  # then what flies lands, and the runner looks at its own time and at the stop flag


class Sender:
    """The send stage: one per process, as it keeps connections to the vendors."""

    def __init__(self) -> None:
        self._exchange: Exchange[Flight] | None = None
        self._finished: list[Result] = []  # kept over a database that goes away: the vendor will not tell again

    def step(self) -> Step:
        """Send whatever is ready, pipelined: as one answer comes, the next text goes."""
        exchange = self._opened()
        try:
            return self._work(exchange)
        except Exception:  # what flies lands: a database that is away must not cost an answer that the vendor gives
            while exchange.in_flight:
                self._finished += _results(exchange)
            raise

    def _work(self, exchange: Exchange[Flight]) -> Step:
        finished = self._finished
        written_at, done, empty = time.monotonic(), 0, False
        until = written_at + _LONGEST_STEP
        while not empty or exchange.in_flight:
            over = runner.stopping() or time.monotonic() > until
            empty = empty or over
            # What is answered but not stored counts as well: it is what a crash makes uncertain.
            room = settings.SEND_WINDOW - exchange.in_flight - len(finished)
            if not empty and room >= settings.SEND_WINDOW // 2:
                flights = claim(room)
                empty = not flights
                finished += [result for flight in flights if (result := self._start(exchange, flight))]
                done += len(flights)
            finished += _results(exchange)
            if finished and _is_time(len(finished), written_at, exchange.in_flight):
                outcomes.write(finished)
                finished.clear()
                # A text that left lets the next one of its thread be claimed.
                written_at, empty = time.monotonic(), over
        return Step(done=done, more=bool(done), busy=done > settings.SEND_WINDOW, next_in=_seconds_to_next())

    def _opened(self) -> Exchange[Flight]:
        if self._exchange is None:
            self._exchange = Exchange(connections=settings.CONNECTIONS_PER_STAGE, timeout=settings.HTTP_TIMEOUT_SECONDS)
        return self._exchange

    def _start(self, exchange: Exchange[Flight], flight: Flight) -> Result | None:
        """Begin the call; a result at once where there is none to make."""
        if flight.dry_run:
            return outcomes.dry_run(flight)
        if flight.account.problem:
            return outcomes.not_called(flight, flight.account.problem)
        # The other half of the time is the call's own, before others count it as lost.
        if time.monotonic() - flight.claimed_at > settings.SENDING_SECONDS / 2:
            return outcomes.not_called(flight, "The process stood still before the call; nothing was sent.")
        try:
            exchange.start(flight, flight.account.vendor.request_for(flight.sms))
        except Exception as error:  # an adapter's mistake costs this text, not those that were claimed with it
            return outcomes.impossible(flight, error)
        return None


def _results(exchange: Exchange[Flight]) -> list[Result]:
    """What has landed, after a moment's wait if nothing has."""
    return [_result(flight, answer) for flight, answer in exchange.finished(_WRITE_AFTER)]


def _result(flight: Flight, answer: Answer) -> Result:
    try:
        return Result(flight, flight.account.vendor.outcome(answer))
    except Exception as error:  # as above, and it may have been sent
        return outcomes.unreadable(flight, error)


def _is_time(count: int, written_at: float, in_flight: int) -> bool:
    return count >= _WRITE_AT or not in_flight or time.monotonic() - written_at >= _WRITE_AFTER


def claim(limit: int) -> list[Flight]:
    """Move due texts to `sending`, each tested once more in that very statement; withdraw those that fail the test."""
    token, claimed_at = uuid.uuid4(), time.monotonic()
    with transaction.atomic():
        due = _due(limit)
        if not due:
            return []
        ids, facts = _usable(due), held_back(moment(due[0][4]))
        rows = _to_sending(token, ids, facts)
        if len(rows) < len(ids):
            taken = {uuid_of(row[0]) for row in rows}
            withdrawing.sort_out([id_ for id_ in ids if id_ not in taken], facts)
        # Before the commit: a row of which no flight can be made must not stay in `sending`.
        return [_flight(token, row, live_accounts()[row[1]], claimed_at) for row in rows]


#: nothing that was made before it for the same thread on a phone is still to be sent
_IS_FIRST = (
    "s.id = (select e.id from smsbridge_outboundsms e where e.phone = s.phone and e.number_id = s.number_id"
    " and e.state in ('ready', 'sending') and coalesce(e.bridge_id, 0) = coalesce(s.bridge_id, 0)"
    " order by e.id limit 1)"
)


def _due(limit: int) -> list[tuple[Any, ...]]:
    """Due texts, of each thread on a phone only the oldest: what was said first arrives first.

    What is held back is not even looked at: a backlog that cannot be sent does not stand in the way of what can.
    """
    return fetch(
        "select s.id, s.account_id, s.number_id, s.bridge_id, {now} from smsbridge_outboundsms s"
        f" where s.state = 'ready' and s.next_at <= {{now}} and not ({withdrawing.HELD}) and {_IS_FIRST}"
        " order by s.next_at limit %(limit)s {lock:s}",
        limit=limit,
        **_held(),
    )


def _held() -> dict[str, Ids]:
    """What `withdrawing.HELD` needs to know."""
    bridges = live_bridges()
    hooks = hooks_with([bridge.hook for bridge in bridges.values()])
    return {"held": Ids("bigint", held_accounts()), "unusable": _unusable(bridges, hooks)}


def _unusable(bridges: Mapping[int, LiveBridge], hooks: Mapping[int, LiveHook]) -> Ids:
    """Bridges that cannot work, by themselves or by their hook."""
    return Ids("bigint", [*held_bridges(), *(id_ for id_, bridge in bridges.items() if bridge.hook not in hooks)])


def _usable(due: Sequence[tuple[Any, ...]]) -> list[uuid.UUID]:
    """Those whose account, number and bridge are known here; another process may have learnt of new ones first."""
    if not all(map(_is_known, due)):
        forget_accounts()
    known = [row for row in due if _is_known(row)]
    if len(known) < len(due):
        withdrawing.hold([uuid_of(row[0]) for row in due if not _is_known(row)])
    return [uuid_of(row[0]) for row in known]


def _is_known(row: tuple[Any, ...]) -> bool:
    _, account, number, bridge, _ = row
    return account in live_accounts() and number in live_numbers() and (bridge is None or bridge in live_bridges())


def _to_sending(token: uuid.UUID, ids: Sequence[uuid.UUID], facts: dict[str, Any]) -> list[tuple[Any, ...]]:
    return fetch(
        "update smsbridge_outboundsms set state = 'sending', claim = %(token)s, attempts = attempts + 1,"
        " next_at = {now+lasts} where id {in:ids} and state = 'ready'"
        f" and not ({withdrawing.OPTED_OUT}) and not ({withdrawing.STALE}) and not ({withdrawing.UNDRAINED})"
        f" and not ({withdrawing.PAUSED}) and not ({withdrawing.TOO_OLD}) and not ({withdrawing.UNLINKED})"
        " returning id, account_id, number_id, bridge_id, phone, text, unicode, attempts,"
        " (select b.dry_run from smsbridge_bridge b where b.id = bridge_id)",
        token=token,
        lasts=settings.SENDING_SECONDS,
        ids=Ids("uuid", ids),
        **facts,
    )


def held_back(now: datetime) -> dict[str, Any]:
    """What the conditions of `withdrawing` need to know of accounts, bridges and hooks. `now` is the database's."""
    bridges = live_bridges()
    hooks = hooks_with([bridge.hook for bridge in bridges.values()])
    usable = [bridge for bridge in bridges.values() if bridge.hook in hooks]
    ends = [(b.id, rank) for b in usable for rank in (0, 1, 2) if rank not in hooks[b.hook].ranks]
    return {
        "unusable": _unusable(bridges, hooks),
        "ends": Rows({"bridge_id": "bigint", "rank": "smallint"}, ends),
        "oldest": Rows(
            {"bridge_id": "bigint", "due_at": "timestamptz"}, [(b.id, now - b.max_age) for b in bridges.values()]
        ),
    }


def _flight(token: uuid.UUID, row: tuple[Any, ...], account: LiveAccount, claimed_at: float) -> Flight:
    id_, _, number, _, phone, text, unicode, attempts, dry_run = row
    sms = OutgoingSms(
        sender=live_numbers()[number].e164,
        recipient=phone,
        text=text,
        reference=uuid_of(id_).hex,
        unicode=bool(unicode),
        status_url=account.status_url,
    )
    return Flight(uuid_of(id_), token, account, attempts, sms, claimed_at, dry_run=bool(dry_run))


def lose_track() -> int:
    """Sends whose worker vanished between the call and its outcome: perhaps sent. Returns how many."""
    with transaction.atomic():
        rows = _lost()
        outcomes.introduce_again(rows)
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


def _seconds_to_next() -> float | None:
    """Of those that wait for an earlier one of their thread nobody knows when they are due."""
    rows = fetch(
        f"select s.next_at, {{now}} from smsbridge_outboundsms s where s.state = 'ready'"
        f" and not ({withdrawing.HELD}) and {_IS_FIRST} order by s.next_at limit 1",
        **_held(),
    )
    return max((moment(rows[0][0]) - moment(rows[0][1])).total_seconds(), 0.0) if rows else None
