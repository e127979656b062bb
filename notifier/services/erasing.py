"""Erasing people from the chat side: what they wrote, what they were sent, where they take part, where they left.

Their messages become tombstones, as if they had deleted them: nobody is told of them any more.
"""

import json
from collections.abc import Callable, Collection, Iterator
from typing import Any
from urllib.parse import unquote

from notifier.models import InboxEvent, ListenedEvent
from notifier.services.forgetting import Kind, counts, deleted, forget_all, of_conversations, of_messages
from notifier.sql import Rows

#: a user: the primary key of his chat app, and his id there
User = tuple[int, str]

_ITS_APP = "join notifier_conversation c on c.chat_app_id = who.app_id where c.id = x.conversation_id"
_OF_HIS = (
    "x.user_id in (select who.user_id from {rows:who} join notifier_message m on m.chat_app_id = who.app_id"
    " where m.id = x.message_id)"
)

_KINDS = [
    Kind(
        what="messages that he wrote",
        table="notifier_message",
        which="exists (select 1 from {rows:who} where who.app_id = x.chat_app_id and who.user_id = x.sender_id)",
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
        which=f"exists (select 1 from {{rows:who}} {_ITS_APP} and who.user_id = x.user_id)",
        acts=(deleted("notifier_departure"),),
    ),
    *(
        of_conversations(what, table, f"exists (select 1 from {{rows:who}} {_ITS_APP} and who.user_id = x.user_id)")
        for what, table in (("read marks", "notifier_watermark"), ("participations", "notifier_participant"))
    ),
    of_messages("receipts", "notifier_receipt", _OF_HIS),
    of_messages("edits that he made", "notifier_earlyedit", _OF_HIS.replace("x.user_id", "x.editor_id")),
]


def as_rows(users: Collection[User]) -> Rows:
    """These users as the table `who`, with the columns app_id and user_id, of a statement."""
    return Rows({"app_id": "bigint", "user_id": "text"}, sorted(users))


def erase_users(users: Collection[User], *, tick: Callable[[], object] = lambda: None) -> dict[str, int]:
    """Erase these users; how many rows of each kind."""
    return forget_all(_KINDS, tick=tick, who=as_rows(users)) | _told(_events(users, delete=True))


def would_erase_users(users: Collection[User]) -> dict[str, int]:
    """How many rows of each kind `erase_users` would erase now."""
    return counts(_KINDS, who=as_rows(users)) | _told(_events(users, delete=False))


def _told(events: int) -> dict[str, int]:
    return {"events kept as they came that name him": events} if events else {}


def _events(users: Collection[User], *, delete: bool) -> int:
    """Events that wait, for an operator or to be told, are kept as they came: each has to be looked through."""
    found, apps = 0, {app for app, _ in users}
    failed = InboxEvent.objects.filter(state=InboxEvent.State.FAILED, hook__chat_app__in=apps)
    untold = ListenedEvent.objects.filter(hook__chat_app__in=apps).exclude(state=ListenedEvent.State.DONE)
    for events in (failed, untold):
        for id_, app, body in events.values_list("pk", "hook__chat_app", "body").iterator(500):
            if names(bytes(body) if isinstance(body, memoryview) else body, {user for of, user in users if of == app}):
                found += 1
                if delete:
                    events.filter(pk=id_).delete()
    return found


def names(body: bytes | str, users: Collection[str]) -> bool:
    """Whether an event names one of these users, by a whole text in its JSON or by the end of an id's path.

    Of what is no JSON, any part of it may be a name.
    """
    try:
        texts = list(_texts(json.loads(body, object_pairs_hook=list)))
    except (ValueError, RecursionError):
        written = body if isinstance(body, str) else body.decode(errors="replace")
        return any(user in written for user in users)
    return any(text == user or text.endswith(f"/{user}") for text in texts for user in users)


def _texts(tree: Any) -> Iterator[str]:
    """Every text in this JSON, names of fields too, as it is and as a path would spell it."""
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield from {one, unquote(one)}
        elif isinstance(one, list | tuple):
            waiting.extend(one)
