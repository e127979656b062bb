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
        self._busy: dict[str, Thread] = {}
        self._stopping = False

    def ring(self) -> None:
        """Have the queue looked at now; returns at once. Nothing happens where deliveries are switched off."""
        self.start()
        self._wake.set()

    def start(self) -> None:
        """Have the thread running, so that rows left by an earlier process go out too."""
        if not conf.deliver():
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="simulator-deliveries", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End all threads after the calls they are making; the next ring starts anew."""
        with self._lock:
            thread, self._thread, self._stopping = self._thread, None, True
        if thread is not None:
            self._wake.set()
            thread.join()
        for lane in list(self._busy.values()):
            lane.join()
        self._stopping = False

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping:
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
            self._busy[lane] = thread = Thread(target=self._lane, args=[lane], name=f"simulator {lane}", daemon=True)
            thread.start()

    def _lane(self, lane: str) -> None:
        from smsbridge.simulator import deliveries  # it imports this module's users

        try:
            while not self._stopping and _guarded(lambda: deliveries.deliver_lane(lane), default=0):
                pass
        finally:
            with self._lock:
                self._busy.pop(lane, None)
            self._wake.set()  # a row that came while this lane was ending must not wait


def _guarded(step: Callable[[], _T], default: _T) -> _T:
    """One step, and its connections closed; a failure (the database away) is logged and must not end the thread."""
    try:
        return step()
    except Exception:
        log.exception("a simulator delivery step failed; it is tried again")
        return default
    finally:
        connections.close_all()


pump = Pump()
