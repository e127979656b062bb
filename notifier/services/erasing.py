"""Erasing a person from the chat side: what he wrote, what he was sent, where he left.

His messages become tombstones, as if he had deleted them: nobody is told of them any more.
"""

from collections.abc import Callable, Collection

from notifier.models import InboxEvent, ListenedEvent
from notifier.services.forgetting import Kind, counts, deleted, forget_all
from notifier.sql import Ids, fetch, run

_IN_APPS = "exists (select 1 from notifier_conversation c where c.id = x.conversation_id and c.chat_app_id {in:apps})"

_KINDS = [
    Kind(
        what="messages that he wrote",
        table="notifier_message",
        which="x.sender_id {in:users} and x.chat_app_id {in:apps}",
        acts=(
            (
                "update notifier_message set text = '', parts = null, sender_id = null, changed_at = {now},"
                " deleted_at = coalesce(deleted_at, {now}) where id {in:ids}"
            ),
        ),
    ),
    Kind(
        what="departures",
        table="notifier_departure",
        which=f"x.user_id {{in:users}} and {_IN_APPS}",
        acts=(deleted("notifier_departure"),),
    ),
]

_RECEIPTS = (
    " from notifier_receipt where user_id {in:users}"
    " and message_id in (select m.id from notifier_message m where m.chat_app_id {in:apps})"
)


def erase_users(
    users: Collection[str], apps: Collection[int], *, tick: Callable[[], object] = lambda: None
) -> dict[str, int]:
    """Erase these users of these chat apps; how many rows of each kind."""
    params = _params(users, apps)
    done = forget_all(_KINDS, tick=tick, **params)
    receipts = run(f"delete{_RECEIPTS}", **params)
    events = _raw(users, apps, delete=True)
    return done | _told(receipts, events)


def would_erase_users(users: Collection[str], apps: Collection[int]) -> dict[str, int]:
    """How many rows of each kind `erase_users` would erase now."""
    params = _params(users, apps)
    receipts = int(fetch(f"select count(*){_RECEIPTS}", **params)[0][0])
    return counts(_KINDS, **params) | _told(receipts, _raw(users, apps, delete=False))


def _told(receipts: int, events: int) -> dict[str, int]:
    told = {"receipts": receipts, "events set aside that name him": events}
    return {what: count for what, count in told.items() if count}


def _params(users: Collection[str], apps: Collection[int]) -> dict[str, Ids]:
    return {"users": Ids("text", sorted(users)), "apps": Ids("bigint", sorted(apps))}


def _raw(users: Collection[str], apps: Collection[int], *, delete: bool) -> int:
    """Events that wait for an operator are kept as they came, so each has to be looked through."""
    names, found = [user.encode() for user in users], 0
    for event in InboxEvent.objects.filter(state=InboxEvent.State.FAILED, hook__chat_app__in=apps).iterator(500):
        if any(name in bytes(event.body) for name in names):
            found += 1
            if delete:
                event.delete()
    for told in ListenedEvent.objects.filter(state=ListenedEvent.State.DEAD, hook__chat_app__in=apps).iterator(500):
        if any(user in told.body for user in users):
            found += 1
            if delete:
                told.delete()
    return found
