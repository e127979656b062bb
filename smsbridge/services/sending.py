"""Sending: an SMS costs money and cannot be recalled, so each is handed to the vendor at most once.

A row goes to `sending` in a commit of its own, in the statement that tests once more whether it may be sent, right
before the vendor is called; no transaction is open meanwhile. What is certainly not accepted is tried again later;
what may have been accepted is `uncertain`, and stays so until a delivery receipt, a look-up or an operator settles it.
"""

import logging
import time

from django.conf import settings

from notifier import runner
from notifier.runner import Step
from notifier.transport import Exchange
from notifier.wire import Answer
from smsbridge.services import outcomes
from smsbridge.services.clearance import claim, seconds_to_next
from smsbridge.services.outcomes import Flight, Result

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
        return Step(done=done, more=bool(done), busy=done > settings.SEND_WINDOW, next_in=seconds_to_next())

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
