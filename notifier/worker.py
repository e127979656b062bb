"""A worker's own clockwork: a sweep at its start and every SWEEP_SECONDS, whatever beat and the broker do."""

import logging
import threading

from celery.signals import worker_ready, worker_shutting_down
from django.conf import settings
from django.db import connections

from notifier import runner, stages

log = logging.getLogger(__name__)

_stop = threading.Event()


def _sweep_for_ever() -> None:
    while True:
        try:
            stages.sweep()
        except Exception as error:  # the database may be away; the next round is soon
            log.warning("This worker's sweep failed (%s); it goes on.", type(error).__name__)
        finally:
            connections.close_all()
        if _stop.wait(settings.SWEEP_SECONDS):
            return


@worker_ready.connect
def start(**_: object) -> None:
    threading.Thread(target=_sweep_for_ever, name="sweep", daemon=True).start()


@worker_shutting_down.connect
def stop(**_: object) -> None:
    _stop.set()
    runner.stop_all()
