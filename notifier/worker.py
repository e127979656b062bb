"""A worker's own clockwork: a sweep at its start and every SWEEP_SECONDS, whatever beat and the broker do.

What is due is run right here instead of being rung for: while the broker is away, no ring would arrive.
"""

import logging
import threading
import time

from celery.signals import celeryd_after_setup, worker_shutdown, worker_shutting_down
from django.conf import settings
from django.db import connections

from notifier import runner, stages

log = logging.getLogger(__name__)

_stop = threading.Event()
_look = threading.Event()  # set when the sweep is to come now
_runs: list[threading.Thread] = []
_turned_at = time.monotonic()


def turns() -> bool:
    """Whether the clock turns as it should: a sweep that hangs is none."""
    return time.monotonic() - _turned_at < settings.SWEEP_SECONDS + settings.WORKER_SILENT_SECONDS


def _sweep_for_ever() -> None:
    global _turned_at
    while True:
        _turned_at = time.monotonic()
        _look.clear()
        try:
            stages.sweep(_run_here)
        except Exception as error:  # the database may be away; the next round is soon
            log.warning("This worker's sweep failed (%s); it goes on.", type(error).__name__)
        finally:
            connections.close_all()
        _look.wait(settings.SWEEP_SECONDS)
        if _stop.is_set():
            return


def _run_here(stage: str) -> None:
    """Run the stage in a thread of its own, unless it runs in this process already: then it looks once more."""
    if runner.nudge(stage) or _stop.is_set():
        return
    thread = threading.Thread(target=_run, args=[stage], name=f"stage {stage}", daemon=True)
    _runs[:] = [run for run in _runs if run.is_alive()] + [thread]
    thread.start()


def _run(stage: str) -> None:
    try:
        if stages.run(stage):
            _look.set()  # what it did may be work for the next stage, whose ring may not arrive
    except Exception as error:  # the rows wait, and the clock must go on
        log.warning("%s failed (%s); the next sweep tries again.", stage, type(error).__name__)
    finally:
        connections.close_all()


@celeryd_after_setup.connect
def start(**_: object) -> None:
    """Before the broker is looked for: a worker that is started while it is away works all the same."""
    threading.Thread(target=_sweep_for_ever, name="sweep", daemon=True).start()


@worker_shutting_down.connect
def stop(**_: object) -> None:
    _stop.set()
    _look.set()
    runner.stop_all()


@worker_shutdown.connect
def finish(**_: object) -> None:
    """Let the stages end their current step, as Celery does with its tasks: a send that is cut off is uncertain."""
    for run in _runs:
        run.join()
