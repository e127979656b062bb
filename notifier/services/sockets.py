"""One connection to a platform: frames in and out, events into the inbox, the place remembered, the clock kept.

Events are stored before the place that lies behind them, so whatever ends the connection, the next one brings again
what may be missing; the inbox takes each event once.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection

from notifier import doorbell, websocket
from notifier.counters import DELIVERIES
from notifier.platforms.base import Conversing, Delivered
from notifier.platforms.socket import RefusedError, Taken
from notifier.services import inbox, listeners
from notifier.services.hooks import LiveHook
from notifier.services.listeners import Lease

log = logging.getLogger(__name__)

#: how long at most we wait for a frame before we look whether to end, and whether the lease is to be renewed
TICK_SECONDS = 0.25
_SHORTEST_WAIT = 0.01
_MOST_FRAMES = 100  # stored at once
_MOST_EVENTS = 500  # so many in one transaction

T = TypeVar("T")


def converse(hook: LiveHook, lease: Lease, enough: Callable[[bool], bool]) -> None:
    """Connect and listen until `enough`, which is asked again and again and told whether all is caught up.

    Raises BrokenError, RefusedError, LostError, DatabaseError, and whatever an adapter that has a fault raises.
    """
    if problems := hook.platform.configured():
        raise RefusedError(problems[0])
    conversing = hook.platform.conversing(lease.place())
    with websocket.opened(conversing.url, conversing.headers) as link:
        _Session(hook, lease, conversing, link).run(enough)
        for frame in conversing.closing():
            link.send(frame)


class _Session:
    """A connection from its opening to the wish that it end."""

    def __init__(self, hook: LiveHook, lease: Lease, conversing: Conversing, link: websocket.Link) -> None:
        self._hook, self._lease, self._conversing, self._link = hook, lease, conversing, link
        self._renewed_at = self._began = time.monotonic()
        self._caught_up, self._events = False, 0

    def run(self, enough: Callable[[bool], bool]) -> None:
        again(self._lease.connected)
        log.info("Connected to listen to %s.", self._hook.slug)
        self._follow([lambda: self._conversing.opened(time.monotonic())])
        while not enough(self._caught_up):
            self._listen()
            self._keep()

    def _listen(self) -> None:
        """Until a frame comes, or the time at which the conversation wants to be woken, or for one tick."""
        wake_at = self._conversing.wake_at()
        left = TICK_SECONDS if wake_at is None else wake_at - time.monotonic()
        frames = self._link.receive(_MOST_FRAMES, min(max(left, _SHORTEST_WAIT), TICK_SECONDS))
        self._follow([self._taking(frame) for frame in frames])
        wake_at = self._conversing.wake_at()
        if wake_at is not None and wake_at <= time.monotonic():
            self._follow([lambda: self._conversing.wake(time.monotonic())])

    def _taking(self, frame: str | bytes) -> Callable[[], Taken]:
        return lambda: self._conversing.take(frame, time.monotonic())

    def _follow(self, steps: Sequence[Callable[[], Taken]]) -> None:
        """Do what follows from these, in order: what they tell is stored first, also when a later one fails."""
        send: list[str] = []
        events: list[Delivered] = []
        place = None
        try:
            for step in steps:
                taken = step()
                events += taken.events
                send += taken.send
                place = place if taken.place is None else taken.place
        finally:
            self._store(events, place)
        for frame in send:
            self._link.send(frame)
        if self._conversing.caught_up != self._caught_up:
            self._turn()

    def _store(self, events: Sequence[Delivered], place: Any) -> None:
        for start in range(0, len(events), _MOST_EVENTS):
            portion = events[start : start + _MOST_EVENTS]
            again(lambda portion=portion: inbox.accept(self._hook, portion))  # type: ignore[misc]
        if events:
            doorbell.bell.ring(inbox.STAGE)
            DELIVERIES.add("receipts" if self._hook.receipts else "listen", "accepted", by=len(events))
            self._events += len(events)
        if place is not None:
            again(lambda: self._lease.remember(place))

    def _turn(self) -> None:
        """From catching up to what comes as it happens, or back."""
        self._caught_up = self._conversing.caught_up
        again(lambda: self._lease.caught_up(self._caught_up))
        if self._caught_up:
            taken = time.monotonic() - self._began
            log.info("Caught up with %s after %.1f s: %d events.", self._hook.slug, taken, self._events)
        else:
            self._began, self._events = time.monotonic(), 0

    def _keep(self) -> None:
        now = time.monotonic()
        if now - self._renewed_at < listeners.RENEW_SECONDS:
            return
        heard = now - self._link.heard_at
        again(lambda: self._lease.renew(heard=heard))
        self._renewed_at = now


def again(call: Callable[[], T]) -> T:
    """Call, and once more on a new connection: a kept one may be dead although the database is back.

    What is called must be safe to repeat.
    """
    try:
        return call()
    except (OperationalError, InterfaceError):
        connection.close()
        return call()
