"""Runs a stage of the work in this process: batch after batch until nothing is due, one runner per stage.

A ring that arrives while the stage runs sets its flag. "Nothing left" and "no longer running" are decided under
the mutex that guards "is it running?", so no ring falls between the two.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, close_old_connections

from notifier import doorbell

log = logging.getLogger(__name__)

_LONGEST_RUN = 30.0  # a task that never ends is never acknowledged
_WORTH_WAITING = 1.5
_TICK = 0.02
_AFTER_ERROR = 1.0
_STREAM = 24  # rows in one batch that tell of more to come
_GATHER = 6  # so many times the pause then


@dataclass(frozen=True, slots=True)
class Step:
    """What one step of a stage did.

    `more`: there is more to do right now. `busy`: that much more that another process should join in.
    `next_in`: seconds until the next row is due, None when none is known.
    """

    done: int = 0
    more: bool = False
    busy: bool = False
    next_in: float | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """`step` does one batch in its own transactions. `pause` gathers a fuller batch after a small one, in seconds."""

    name: str
    step: Callable[[], Step]
    pause: float = 0.0


class _Running:
    def __init__(self) -> None:
        self.flag = threading.Event()


_mutex = threading.Lock()
_running: dict[str, _Running] = {}
_stopping = threading.Event()


def nudge(stage: str) -> bool:
    """Wake the stage's runner in this process; False when there is none."""
    with _mutex:
        running = _running.get(stage)
        if running is None:
            return False
        running.flag.set()
        return True


def stop_all() -> None:
    """The process is going down: runners end after their current step, and start no more."""
    _stopping.set()
    with _mutex:
        for running in _running.values():
            running.flag.set()


def stopping() -> bool:
    """Whether the process is going down: a long step begins nothing new."""
    return _stopping.is_set()


def run(stage: Stage) -> int:
    """Run the stage until nothing is due; at once when it already runs here (it is nudged). Returns rows done."""
    with _mutex:
        running = _running.get(stage.name)
        if running is not None:
            running.flag.set()
            return 0
        running = _running[stage.name] = _Running()
    try:
        return _loop(stage, running)
    except BaseException:
        _leave(stage.name)
        raise


def _loop(stage: Stage, running: _Running) -> int:
    total, deadline = 0, time.monotonic() + _LONGEST_RUN
    while True:
        running.flag.clear()
        step = _step(stage)
        total += step.done
        if _stopping.is_set() or time.monotonic() > deadline:  # what is left is another's, or this one's next run
            _leave(stage.name)
            doorbell.bell.ring(stage.name)
            return total
        if step.busy:
            doorbell.bell.ring(stage.name)  # an idle process joins in; ours goes on whatever becomes of the ring
        pause = _pause(stage, step)
        if step.more:
            if pause:
                time.sleep(pause)
            continue
        if not _wait(running, step.next_in, pause) and _left_quietly(stage.name, running):
            return total


def _step(stage: Stage) -> Step:
    """A database that went away is met again in a second; the rows wait, and nothing is lost."""
    try:
        return stage.step()
    except (OperationalError, InterfaceError, InternalError) as error:  # the last: a transaction that was ended for us
        log.warning("%s: the database failed (%s); trying again.", stage.name, type(error).__name__)
        close_old_connections()
        time.sleep(_AFTER_ERROR)
        return Step(more=not _stopping.is_set())


def _pause(stage: Stage, step: Step) -> float:
    """A batch costs much the same whether it holds one row or fifty, so a stream of rows is let gather."""
    if step.busy or not step.done:
        return 0.0
    return stage.pause * (_GATHER if step.done >= _STREAM else 1)


def _wait(running: _Running, next_in: float | None, pause: float) -> bool:
    """Wait for the next due moment or a ring, whichever is first. True: look again."""
    if next_in is not None and next_in < _WORTH_WAITING:
        running.flag.wait(max(next_in, pause, _TICK))
        return True
    return running.flag.wait(float(settings.LINGER_MS) / 1000)


def _left_quietly(name: str, running: _Running) -> bool:
    with _mutex:
        if running.flag.is_set():
            return False
        del _running[name]
        return True


def _leave(name: str) -> None:
    with _mutex:
        _running.pop(name, None)
