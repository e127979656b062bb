"""Celery's consumer, made for a broker that goes away, hangs, and comes back.

Workers do not talk to each other, whatever their command line says: nobody listens (their signs of life are in the
database), and Celery's own worker heartbeat is published from the consumer's one loop, where it waits for a broker that
is away, with pauses that grow to half a minute: until then the worker neither takes work nor ends on SIGTERM.
"""

from functools import partial
from typing import Any

from celery.worker import consumer

_SILENT = {"without_heartbeat": True, "without_gossip": True, "without_mingle": True}
#: Seconds between two looks for the broker: 1, 2, then always 3. Celery's own grow to 32, and for so long a worker
#: would stay deaf after an outage.
_PAUSES = {"interval_start": 1, "interval_step": 1, "interval_max": 2}


class Consumer(consumer.Consumer):
    """Named in CELERY_WORKER_CONSUMER."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["worker_options"] = {**(kwargs.get("worker_options") or {}), **_SILENT}
        super().__init__(*args, **kwargs)
        # A lost connection is taken apart at once; whatever still holds a part of it, such as the late acknowledgement
        # of a task, meets None in kombu's transport. To Celery that is a fault of its own, at which the worker ends.
        self.connection_errors = (*self.connection_errors, AttributeError)  # type: ignore[has-type]

    def ensure_connected(self, conn: Any) -> Any:
        conn.ensure_connection = partial(conn.ensure_connection, **_PAUSES)
        return super().ensure_connected(conn)
