"""A worker's thread that has platforms call us, at its start and every minute.

After an outage of the web process, or of whatever stands before it, what a platform has kept for us thus comes within
a minute, however long the platform itself would wait. A web process does not do this for itself: when it starts, it
cannot yet be called.
"""

import logging
import threading
from typing import Final

from celery.signals import celeryd_after_setup, worker_shutting_down
from django.db import connections

from notifier.services.reaching import Waker

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 60.0

_stop = threading.Event()


@celeryd_after_setup.connect
def start(**_: object) -> None:
    threading.Thread(target=wake_for_ever, args=[_stop, EVERY_SECONDS], name="waker", daemon=True).start()


@worker_shutting_down.connect
def stop(**_: object) -> None:
    _stop.set()


def wake_for_ever(stop: threading.Event, every: float) -> None:
    """A round at once, and then each so many seconds, until told to stop; a round that fails is only that."""
    waker = Waker()
    while True:
        try:
            waker.round()
        except Exception as error:  # the database may be away; the next round is soon
            log.warning("The platforms could not be asked to call us (%s); it goes on.", type(error).__name__)
        finally:
            connections.close_all()
        if stop.wait(every):
            return
