"""One process at a time registers a hook: a lease in the hook's row.

Not a lock of the database, for no transaction may be open during network calls, and an advisory lock of a session
does not hold behind PgBouncer. A lease holds on every database, and ends by itself when its holder dies.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from notifier.models import Hook
from notifier.sql import fetch, run

LEASE_SECONDS = 60.0
_LOOK_EVERY = 0.25


class Busy(Exception):
    """Somebody else held the lease for all the time that we waited."""


@contextmanager
def registering(hook: Hook, tick: Callable[[], object]) -> Iterator[None]:
    """Hold the hook's lease for at most LEASE_SECONDS: the work inside must end before. `tick` is called while waiting.

    Waits until a dead holder's lease has run out. Raises Busy when it is taken again and again.
    """
    taken = _take(hook, tick)
    try:
        yield
    finally:
        run(
            "update notifier_hook set registering_until = null where id = %(id)s and registering_until = %(taken)s",
            id=hook.pk,
            taken=taken,
        )


def _take(hook: Hook, tick: Callable[[], object]) -> object:
    """The lease's end as the database tells it, which is also the proof that it is ours."""
    give_up = time.monotonic() + LEASE_SECONDS + 5
    while True:
        rows = fetch(
            "update notifier_hook set registering_until = {now+lasts} where id = %(id)s"
            " and (registering_until is null or registering_until < {now}) returning registering_until",
            lasts=LEASE_SECONDS,
            id=hook.pk,
        )
        if rows:
            return rows[0][0]
        if time.monotonic() > give_up:
            raise Busy
        tick()
        time.sleep(_LOOK_EVERY)
