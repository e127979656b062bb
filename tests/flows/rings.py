"""Rings that a worker holds back until their time, and what a ring leads to."""

from celery import Celery
from kombu import pools

from notifier.models import InboxEvent
from tests.flows.town import awaited

_LONG = 600


def hold(app: Celery, number: int) -> None:
    """Give the workers so many tasks that are not due for long, and wait until they have taken them."""
    pools.reset()  # of an outage before this one: what it cut would break again
    for _ in range(number):
        app.send_task("notifier.tasks.sweep", countdown=_LONG)
    awaited(lambda: held(app) >= number, "the tasks to be taken")


def held(app: Celery) -> int:
    """How many tasks the workers hold back."""
    told = app.control.inspect(timeout=1).scheduled() or {}
    return sum(len(tasks) for tasks in told.values())


def drained() -> bool:
    """Whether every accepted event has been worked on."""
    return not InboxEvent.objects.filter(state=0).exists()
