"""Sending: an SMS costs money and cannot be recalled, so each is handed to the vendor at most once.

A row goes to `sending` in a commit of its own, in the statement that tests once more whether it may be sent, right
before the vendor is called; no transaction is open meanwhile. What is certainly not accepted is tried again later;
what may have been accepted is `uncertain`, and stays so until a delivery receipt, a look-up or an operator settles it.
"""

import logging
import math
import time

from django.conf import settings

from notifier import doorbell, runner
from notifier.runner import Step
from notifier.transport import Exchange
from notifier.wire import Answer
from smsbridge.services import outcomes
from smsbridge.services.clearance import claim
from smsbridge.services.outcomes import Flight, Result
from smsbridge.services.queue import seconds_to_next
from smsbridge.services.vendor_watch import Watch

log = logging.getLogger(__name__)

STAGE = "send"
_WRITE_AT = 64
_WRITE_AFTER = 0.02
_LOOKS_AGAIN = 0.2  # seconds: what is made while a vendor takes its time does not wait for it
_LONGEST_STEP = 10.0  # then what flies lands, and the runner looks at its own time and at the stop flag


class Sender:
    """The send stage: one per process, as it keeps connections to the vendors."""

    def __init__(self) -> None:
        self._exchange: Exchange[Flight] | None = None
        self._watch = Watch()
        self._finished: list[Result] = []  # kept over a database that goes away: the vendor will not tell again

    def step(self) -> Step:
        """Send whatever is ready, pipelined: as one answer comes, the next text goes."""
        exchange = self._opened()
        try:
            return self._work(exchange)
        except Exception:  # what flies lands: a database that is away must not cost an answer that the vendor gives
            while exchange.in_flight:
                self._finished += self._landed(exchange)
            raise

    def _work(self, exchange: Exchange[Flight]) -> Step:
        finished = self._finished
        written_at, done, empty = time.monotonic(), 0, False
        began = looked_at = written_at
        while not empty or exchange.in_flight:
            over = self._is_over(time.monotonic() - began)
            empty = over or (empty and time.monotonic() - looked_at < _LOOKS_AGAIN)
            room = 0 if empty else self._watch.room(len(finished))
            if room:
                flights = claim(room, self._watch.silent())
                empty, looked_at = not flights, time.monotonic()
                finished += [result for flight in flights if (result := self._start(exchange, flight))]
                done += len(flights)
            finished += self._landed(exchange)
            self._watch.tell()  # before the next claim: a breaker that opens is to spare the texts behind
            if finished and _is_time(len(finished), written_at, exchange.in_flight):
                outcomes.write(finished)
                finished.clear()
                # A text that left lets the next one of its thread be claimed.
                written_at, empty = time.monotonic(), over
        next_in = None if done else seconds_to_next()
        _ring_in(next_in)
        return Step(done=done, more=bool(done), busy=done > settings.SEND_WINDOW, next_in=next_in)

    def _is_over(self, lasts: float) -> bool:
        """Whether nothing more is claimed. A vendor that hangs, for which all would wait, puts that off a while."""
        longest = _LONGEST_STEP + (settings.HTTP_TIMEOUT_SECONDS if self._watch.silent() else 0)
        return runner.stopping() or lasts > longest

    def _opened(self) -> Exchange[Flight]:
        if self._exchange is None:
            self._exchange = Exchange(connections=settings.CONNECTIONS_PER_STAGE, timeout=settings.HTTP_TIMEOUT_SECONDS)
        return self._exchange

    def _landed(self, exchange: Exchange[Flight]) -> list[Result]:
        """What has come back, after a moment's wait if nothing has."""
        results = [_result(flight, answer) for flight, answer in exchange.finished(_WRITE_AFTER)]
        for result in results:
            self._watch.ended(result)
        return results

    def _start(self, exchange: Exchange[Flight], flight: Flight) -> Result | None:
        """Begin the call; a result at once where there is none to make."""
        result = _reason_not_to(flight)
        if result is None:
            try:
                exchange.start(flight, flight.account.vendor.request_for(flight.sms))
            except Exception as error:  # an adapter's mistake costs this text, not those that were claimed with it
                result = outcomes.impossible(flight, error)
        if result is None:
            self._watch.started(flight)
        else:
            self._watch.not_called(flight)
        return result


def _reason_not_to(flight: Flight) -> Result | None:
    """The result of a text whose vendor is not called."""
    if flight.dry_run:
        return outcomes.dry_run(flight)
    if flight.account.problem:
        return outcomes.not_called(flight, flight.account.problem)
    # The other half of the time is the call's own, before others count it as lost.
    if time.monotonic() - flight.claimed_at > settings.SENDING_SECONDS / 2:
        return outcomes.not_called(flight, "The process stood still before the call; nothing was sent.")
    return None


def _ring_in(seconds: float | None) -> None:
    """The runner waits for what is due in a moment, the sweep finds what is due later; what lies between is rung."""
    if seconds is not None and 1 < seconds <= settings.SWEEP_SECONDS:
        doorbell.ring_at(STAGE, math.ceil(time.time() + seconds))


def _result(flight: Flight, answer: Answer) -> Result:
    try:
        return Result(flight, flight.account.vendor.outcome(answer))
    except Exception as error:  # as above, and it may have been sent
        return outcomes.unreadable(flight, error)


def _is_time(count: int, written_at: float, in_flight: int) -> bool:
    return count >= _WRITE_AT or not in_flight or time.monotonic() - written_at >= _WRITE_AFTER
