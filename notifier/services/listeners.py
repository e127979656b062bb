"""Who listens to a hook over a connection: a lease in the hook's row of listeners, and what became of it.

A lease, not a lock of the database: it holds on every database and behind PgBouncer, and ends by itself when its holder
dies or stands still. It is taken and renewed by UPDATE ... WHERE and by the database's clock; every other change of the
row is made by its holder only, so one who was frozen and comes back too late changes nothing.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from notifier.models import Listener
from notifier.sql import run

LEASE_SECONDS = 15.0
RENEW_SECONDS = 4.0
_LONGEST_ERROR = 1000


class LostError(Exception):
    """Somebody else holds the lease now, or the hook is gone."""


class Lease:
    """One process's wish to listen to one hook. Every method may raise OperationalError."""

    def __init__(self, hook: int, holder: UUID) -> None:
        self._hook, self._holder = hook, holder

    def take(self) -> bool:
        """Take it, or keep it, for LEASE_SECONDS; False while somebody else has it."""
        if not Listener.objects.filter(hook=self._hook).exists():
            Listener.objects.bulk_create([Listener(hook_id=self._hook)], ignore_conflicts=True)
        return bool(
            run(
                "update notifier_listener set holder = %(holder)s, held_until = {now+lasts} where hook_id = %(hook)s"
                " and (holder is null or holder = %(holder)s or held_until is null or held_until < {now})",
                hook=self._hook,
                holder=self._holder,
                lasts=LEASE_SECONDS,
            )
        )

    def place(self) -> Mapping[str, Any]:
        """From where on to go, {} at the very first. Raises LostError."""
        row = self._mine.first()
        if row is None:
            raise LostError
        place: Mapping[str, Any] = row.place
        return place

    def remember(self, place: Mapping[str, Any]) -> None:
        """Go on from here next time. Raises LostError."""
        if not self._mine.update(place=dict(place)):
            raise LostError

    def renew(self, *, heard: float | None = None) -> None:
        """For another LEASE_SECONDS. `heard`: for how many seconds nothing was heard. Raises LostError."""
        if heard is None:
            self._update("held_until = {now+lasts}", lasts=LEASE_SECONDS)
        else:
            self._update("held_until = {now+lasts}, heard_at = {now+ago}", lasts=LEASE_SECONDS, ago=-heard)

    def connected(self) -> None:
        """Raises LostError."""
        self._update("connected_at = {now}, caught_up_at = null, heard_at = {now}")

    def caught_up(self, now: bool) -> None:
        """Whether all is told as it happens from now on; what was wrong before is over then. Raises LostError."""
        self._update("caught_up_at = {now}, error = ''" if now else "caught_up_at = null")

    def ended(self, error: str) -> None:
        """No connection any more, and why. Raises LostError."""
        self._update("connected_at = null, caught_up_at = null, error = %(error)s", error=error[:_LONGEST_ERROR])

    def release(self) -> None:
        """Whoever stands by may take it at once."""
        run(
            "update notifier_listener set holder = null, held_until = null, connected_at = null, caught_up_at = null"
            " where hook_id = %(hook)s and holder = %(holder)s",
            hook=self._hook,
            holder=self._holder,
        )

    @property
    def _mine(self) -> Any:
        return Listener.objects.filter(hook=self._hook, holder=self._holder)

    def _update(self, what: str, **params: Any) -> None:
        mine = "where hook_id = %(hook)s and holder = %(holder)s"
        if not run(f"update notifier_listener set {what} {mine}", hook=self._hook, holder=self._holder, **params):
            raise LostError
