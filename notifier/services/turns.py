"""Taking turns at the events of a chat app whose platform tells them in order: two workers would mix them up.

A turn is an advisory lock of the database until the transaction ends, taken without waiting. Whatever is not this
worker's turn is left out of its claim. Where no platform tells its events in order, nothing is asked of the database.
"""

from dataclasses import dataclass

from django.db import connection

from notifier.services.hooks import LiveHook, live_hooks
from notifier.sql import Rows, fetch

#: our own space of locks with two keys, the second of which is the chat app; locks with one key are never the same
_SPACE = 7_405_100


@dataclass(frozen=True, slots=True)
class Turns:
    """Which chat apps with events in order are ours until the transaction ends, and whose events are others'."""

    apps: frozenset[int] = frozenset()
    others: tuple[int, ...] = ()

    def includes(self, hook: LiveHook | None) -> bool:
        """Whether events of this hook may be merged now. One that was made just now is known at the next look."""
        return hook is None or not hook.platform.in_order or hook.chat_app in self.apps


_NONE = Turns()


def take() -> Turns:
    """Take every turn that is to be had. Inside a transaction."""
    hooks = [hook for hook in live_hooks().values() if hook.platform.in_order]
    if not hooks:
        return _NONE
    ours = _lock({hook.chat_app for hook in hooks})
    return Turns(frozenset(ours), tuple(sorted(hook.id for hook in hooks if hook.chat_app not in ours)))


def take_one(hook: LiveHook | None) -> bool:
    """Take the turn that this hook's events need, if any. Inside a transaction."""
    return hook is None or not hook.platform.in_order or bool(_lock({hook.chat_app}))


def _lock(apps: set[int]) -> set[int]:
    """SQLite has one writer at a time as it is."""
    if connection.vendor != "postgresql":
        return apps
    rows = fetch(
        "select app.id from {rows:app} where pg_try_advisory_xact_lock(%(space)s::int, app.id::int)",
        space=_SPACE,
        app=Rows({"id": "bigint"}, [(id_,) for id_ in sorted(apps)]),
    )
    return {id_ for (id_,) in rows}
