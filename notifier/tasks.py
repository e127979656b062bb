"""What a ring does. A task carries no facts: it says "look"; twice, late or never changes only latency."""

import logging
from importlib import import_module

from celery import shared_task
from django.conf import settings

from notifier import stages
from notifier.services import retention

log = logging.getLogger(__name__)


@shared_task
def drain_inbox() -> int:
    """Merge accepted events into the chat's facts."""
    return stages.run("drain")


@shared_task
def check_receipts() -> int:
    """Tell who has not read the messages whose delay is over."""
    return stages.run("check")


@shared_task
def ask_rosters() -> int:
    """Ask platforms who takes part in conversations of which it is not known."""
    return stages.run("roster")


@shared_task
def tell_listeners() -> int:
    """Hand the events of listening hooks to the project's own code."""
    return stages.run("listen")


@shared_task
def forget_old() -> dict[str, int]:
    """Forget what is older than KEEP_TEXTS and KEEP_ROWS; how many of each kind."""
    done = retention.forget_old()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    for what, count in done.items():
        log.info("Forgotten by age: %s: %s", what, count)
    return done


@shared_task
def hear() -> None:
    """Do nothing: that it came is what a worker wants to know (see `notifier.services.heartbeats`)."""


@shared_task
def sweep() -> list[str]:
    """Ring whatever is due; the one thing that must come in the end, so beat and every worker's timer do it."""
    return stages.sweep()
