"""The doorbell: it tells workers to look, and carries no facts.

A ring may be lost, late or doubled; only latency changes, since the sweep rings whatever is due. What must
not happen is a request that waits for the broker, or a wake-up lost between two rings. So a ring only sets a
flag; one daemon thread per process clears it, and *then* publishes: whatever sets the flag meanwhile is
followed by another ring.
"""

import logging
import threading
import time
from collections.abc import Callable

from celery import current_app
from django.conf import settings
from django.db import transaction

log = logging.getLogger(__name__)

#: Stage name → the task that runs it. Each half adds its own (`register`), so that neither names the other.
TASKS: dict[str, str] = {}
_RING_EXPIRES = 60.0
_SILENCE_AFTER_FAILURE = 5.0


def register(stage: str, task: str) -> None:
    TASKS[stage] = task


def publish(stage: str, *, countdown: float = 0.0) -> None:
    """Send one ring. Raises whatever the broker's client raises; by name, since web processes hold no tasks."""
    current_app.send_task(TASKS[stage], countdown=countdown or None, expires=countdown + _RING_EXPIRES)


class Bell:
    """One thread that publishes rings, at most one per stage, due second and gap."""

    def __init__(
        self,
        publish: Callable[..., None] = publish,
        gap: float | None = None,
        silence: float = _SILENCE_AFTER_FAILURE,
    ) -> None:
        self._publish = publish
        self._gap = gap
        self._silence = silence
        self._pending: set[tuple[str, int]] = set()
        self._rung_ahead: set[tuple[str, int]] = set()
        self._mutex = threading.Lock()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None

    def ring(self, stage: str, at: int = 0) -> None:
        """Ring now, or at a whole second of the Unix clock. Never waits, never raises."""
        with self._mutex:
            if (stage, at) in self._rung_ahead:
                return
            self._pending.add((stage, at))
            if self._thread is None or not self._thread.is_alive():
                self._start()
        self._woken.set()

    def _start(self) -> None:
        """Lazily: a thread started before the server forks would not be there after it."""
        self._thread = threading.Thread(target=self._loop, name="doorbell", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # no thread to be had; the row is safe, and the next ring tries again
            log.warning("The doorbell could not start (%s); the sweep finds the work.", error)

    def _loop(self) -> None:
        while True:
            self._woken.wait()
            self._woken.clear()
            with self._mutex:
                rings, self._pending = sorted(self._pending), set()
                self._rung_ahead = {(stage, at) for stage, at in self._rung_ahead.union(rings) if at > time.time()}
            unrung = self._ring_all(rings)
            if unrung:
                self._put_back(unrung)
            time.sleep(self._silence if unrung else self._gap_seconds())

    def _ring_all(self, rings: list[tuple[str, int]]) -> list[tuple[str, int]]:
        """What could not be rung, the broker being away: the sweep finds the work, and hammering would help nobody."""
        for index, (stage, at) in enumerate(rings):
            try:
                self._publish(stage, countdown=max(at - time.time(), 0.0))
            except Exception as error:  # a dead bell thread would be silent for ever
                log.warning("Could not ring %s (%s); the sweep will.", stage, type(error).__name__)
                return rings[index:]
        return []

    def _put_back(self, rings: list[tuple[str, int]]) -> None:
        """They are tried again after the silence, and do not count as rung."""
        with self._mutex:
            self._pending.update(rings)
            self._rung_ahead.difference_update(rings)
        self._woken.set()

    def _gap_seconds(self) -> float:
        return float(settings.RING_GAP_MS) / 1000 if self._gap is None else self._gap


bell = Bell()


def ring(stage: str) -> None:
    """Ring a stage without waiting for the broker: the current process if it runs it, else any worker."""
    from notifier import runner

    if not runner.nudge(stage):
        bell.ring(stage)


def ring_at(stage: str, at: int) -> None:
    """Ring a stage at a whole second of the Unix clock; a nudge to this process's runner would come too early."""
    bell.ring(stage, at)


def ring_on_commit(stage: str) -> None:
    transaction.on_commit(lambda: ring(stage), robust=True)


def ring_at_on_commit(stage: str, at: int) -> None:
    transaction.on_commit(lambda: ring_at(stage, at), robust=True)
