"""A worker's signs of life: a thread beside its clock writes them down, whatever the stages and the broker do.

No sign is given when the sweep itself has stopped turning: a worker is only as alive as its clock.
"""

import logging
import threading
from collections.abc import Callable

from celery.signals import celeryd_after_setup, task_prerun, worker_shutdown
from django.conf import settings
from django.db import connections

from notifier import tallies, worker  # the worker's own receivers come first: it ends its stages before it says goodbye
from notifier.services.heartbeats import Heart

log = logging.getLogger(__name__)

#: so many signs are given while a worker may be silent
_SIGNS = 12
_GOODBYE_SECONDS = 3.0

_stop = threading.Event()
_heart: Heart | None = None
_thread: threading.Thread | None = None


@celeryd_after_setup.connect
def start(sender: str = "", **_: object) -> None:
    """`sender` is the worker's node name, such as celery@host."""
    global _heart, _thread
    _heart = Heart(sender)
    _thread = threading.Thread(target=_beat_for_ever, args=[_heart], name="heart", daemon=True)
    _thread.start()


@task_prerun.connect
def hear(**_: object) -> None:
    if _heart is not None:
        _heart.hear()


@worker_shutdown.connect
def finish(**_: object) -> None:
    """A database that hangs must not keep a worker that is to go."""
    _stop.set()
    if _thread is not None:
        _thread.join(_GOODBYE_SECONDS)
    tallies.flusher.end()


def _beat_for_ever(heart: Heart) -> None:
    sign = heart.begin
    while True:
        if worker.turns():
            _give(sign)
            sign = heart.beat
        if _stop.wait(settings.WORKER_SILENT_SECONDS / _SIGNS):
            break
    _give(heart.end)


def _give(sign: Callable[[], None]) -> None:
    try:
        sign()
    except Exception as error:  # the database may be away; the next one is soon
        log.warning("This worker could not give a sign of life (%s); it goes on.", type(error).__name__)
    finally:
        connections.close_all()
