"""The workers' signs of life, so that one that stands still, or no longer hears the broker, is seen from outside.

Each worker writes down every few seconds that its clock runs, and when it last began a task that came by the broker.
So that silence means trouble, a worker that heard nothing for a while knocks: it sends tasks that do nothing to all,
twice as many as there are workers, since a broker hands them out in turn.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from celery import current_app
from django.conf import settings

from notifier.doorbell import Bell
from notifier.services.findings import Finding, good, note, wrong
from notifier.sql import fetch, run, seconds_between

TASK = "notifier.tasks.hear"
_FORGOTTEN_SECONDS = 24 * 3600.0
_MOST_KNOCKS = 20
_LONGEST_NAME = 120


class State(StrEnum):
    WORKING = "working"  # its clock runs, and it hears the broker
    DEAF = "deaf"  # its clock runs, but nothing comes by the broker
    GONE = "gone"  # no sign of life, and it did not say goodbye


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker as the database knows it: seconds since its clock's last sign, and since it last heard the broker."""

    name: str
    seen: float
    heard: float

    def state(self, within: float | None = None) -> State:
        """`within` seconds count as fresh; WORKER_SILENT_SECONDS unless told."""
        fresh = settings.WORKER_SILENT_SECONDS if within is None else within
        if self.seen > fresh:
            return State.GONE
        return State.DEAF if self.heard > fresh else State.WORKING


class Heart:
    """This process's own signs of life, if it is a worker."""

    def __init__(self, name: str) -> None:
        self.name = name[:_LONGEST_NAME]
        self._heard_at = self._knock_at = time.monotonic()
        self._heard = False
        self._bell, self._knocks = Bell(publish=self._knock), 0

    def hear(self) -> None:
        """A task that came by the broker begins."""
        self._heard, self._heard_at = True, time.monotonic()

    def begin(self) -> None:
        """The first sign, in place of what an earlier process of this name left. Forgets workers of days ago."""
        run("delete from notifier_heartbeat where seen_at < {now+ago}", ago=-_FORGOTTEN_SECONDS)
        run(
            "insert into notifier_heartbeat (worker, started_at, seen_at) values (%(worker)s, {now}, {now})"
            " on conflict (worker) do update set started_at = {now}, seen_at = {now}, consumed_at = null",
            worker=self.name,
        )

    def beat(self) -> None:
        """A further sign; and a knock, if nothing was heard for a while."""
        silence = time.monotonic() - self._heard_at
        changed = run(
            "update notifier_heartbeat set seen_at = {now},"
            " consumed_at = case when %(heard)s then {now+ago} else consumed_at end where worker = %(worker)s",
            heard=self._heard,
            ago=-silence,
            worker=self.name,
        )
        if not changed:
            self.begin()
        self._knock_if_silent(silence)

    def end(self) -> None:
        """Goodbye: whoever leaves in order is not missed."""
        run("delete from notifier_heartbeat where worker = %(worker)s", worker=self.name)

    def _knock_if_silent(self, silence: float) -> None:
        """More and more rarely: what nobody takes stays in the queue."""
        shortest, now = settings.WORKER_SILENT_SECONDS / 4, time.monotonic()
        if silence < shortest or now < self._knock_at:
            return
        self._knock_at = now + min(max(shortest, silence / 4), settings.WORKER_SILENT_SECONDS)
        self._knocks = min(2 * len(workers()), _MOST_KNOCKS)
        self._bell.ring(TASK)

    def _knock(self, task: str, *, countdown: float) -> None:
        """In the bell's thread, which may wait for a broker that hangs."""
        for _ in range(self._knocks):
            current_app.send_task(task, expires=settings.WORKER_SILENT_SECONDS)


def workers() -> list[Worker]:
    """Those that did not say goodbye, and were seen within a day."""
    rows = fetch(
        "select worker, seen_at, coalesce(consumed_at, started_at), {now} from notifier_heartbeat"
        " where seen_at >= {now+ago} order by worker",
        ago=-_FORGOTTEN_SECONDS,
    )
    return [Worker(name, seconds_between(seen, now), seconds_between(heard, now)) for name, seen, heard, now in rows]


def worker_findings() -> Iterable[Finding]:
    """What the workers' signs of life tell."""
    found = workers()
    for worker in found:
        if worker.state() is State.DEAF:
            yield wrong(
                f"The worker {worker.name} runs, but has heard nothing from the broker for {worker.heard:.0f} s.",
                "If the broker answers, restart that worker.",
            )
        elif worker.state() is State.GONE:
            yield note(
                f"The worker {worker.name} gave its last sign of life {worker.seen:.0f} s ago.",
                "If it was not replaced, see whether it stands still, and start it again.",
            )
    working = [worker for worker in found if worker.state() is State.WORKING]
    if working:
        yield good(f"Workers that take work from the broker: {len(working)}.")
