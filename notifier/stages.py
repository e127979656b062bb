"""The stages of the work by name: what a ring runs, and what the sweep looks for.

Each half registers its own stages when the apps are ready, so that the chat side names nothing of the SMS side.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from notifier import doorbell, runner
from notifier.sql import fetch
from notifier.traces import trace

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Registered:
    """A stage, the Celery task that runs it, and an SQL condition that is true when something is due.

    {now+ahead} in the condition is the time of the next sweep: a stage rung a little early waits for its row.
    """

    stage: runner.Stage
    task: str
    due: str


STAGES: dict[str, Registered] = {}
#: Called by every sweep, before the rings: repairs such as claims that ran out. Each is cheap when there is nothing.
REPAIRS: list[Callable[[], object]] = []


def register(stage: runner.Stage, *, task: str, due: str) -> None:
    STAGES[stage.name] = Registered(stage, task, due)
    doorbell.register(stage.name, task)


def run(name: str) -> int:
    """Run a stage in this process until nothing is due; returns how many rows it did.

    A stage that stumbles over what it did not foresee is logged, and begun again by the next ring or sweep.
    """
    try:
        return runner.run(STAGES[name].stage)
    except Exception as error:  # not left to Celery, whose log would hold the exception's words
        log.error("%s failed; the next ring or sweep tries again.\n%s", name, trace(error))
        return 0


def sweep(ring: Callable[[str], object] = doorbell.ring) -> list[str]:
    """Repair what a dead worker left, and ring every stage that has something due. Returns the stages rung."""
    for repair in REPAIRS:
        try:
            repair()
        except Exception as error:  # one that fails must not keep the others, and all work, from being seen to
            log.warning("A repair failed (%s); the next sweep tries again.", type(error).__name__)
    ahead = float(settings.SWEEP_SECONDS)
    rung = [name for name, registered in STAGES.items() if fetch(f"select {registered.due}", ahead=ahead)[0][0]]
    for name in rung:
        ring(name)
    return rung
