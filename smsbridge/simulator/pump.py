"""The delivery thread: started at first use, woken after commits, one worker thread per receiver with something due."""

import logging
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import TypeVar

from django.db import connections

from smsbridge.simulator import conf

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
MAX_LANES = 16
_T = TypeVar("_T")


class Pump:
    """Runs `lanes()` to find receivers with due calls and `work(lane)` until it returns 0, each lane in its thread.

    Nothing is kept in memory that a crash could lose: the rows are the queue, the event only saves waiting.
    """

    def __init__(self) -> None:
        self._wake = Event()
        self._lock = Lock()
        self._thread: Thread | None = None
        self._busy: set[str] = set()

    def ring(self) -> None:
        """Have the queue looked at now; returns at once. Does nothing where deliveries are switched off."""
        if conf.deliver():
            self._start()
            self._wake.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="simulator-deliveries", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        pause = 0.0
        while True:
            self._wake.wait(pause)
            self._wake.clear()
            pause = _guarded(self._pass, default=POLL_SECONDS)

    def _pass(self) -> float:
        """Start what is due; how many seconds to wait for the next."""
        from smsbridge.simulator import queue  # it imports this module to ring

        for lane in queue.due_lanes():
            self._start_lane(lane)
        return queue.seconds_to_next(POLL_SECONDS)

    def _start_lane(self, lane: str) -> None:
        with self._lock:
            if lane in self._busy or len(self._busy) >= MAX_LANES:
                return
            self._busy.add(lane)
        Thread(target=self._lane, args=[lane], name=f"simulator {lane}", daemon=True).start()

    def _lane(self, lane: str) -> None:
        from smsbridge.simulator import deliveries  # it imports this module's users

        try:
            while _guarded(lambda: deliveries.deliver_lane(lane), default=0):
                pass
        finally:
            with self._lock:
                self._busy.discard(lane)
            self._wake.set()  # a row that came while this lane was ending must not wait


def _guarded(step: Callable[[], _T], default: _T) -> _T:
    """One step whose failure (say, the database away) is logged and must not end the thread; its connections are closed."""
    try:
        return step()
    except Exception:
        log.exception("a simulator delivery step failed; it is tried again")
        return default
    finally:
        connections.close_all()


pump = Pump()
