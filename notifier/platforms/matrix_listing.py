"""A user's notifications: the messages that his push rules tell him of, the newest first, each read or not.

Synapse keeps ordinary ones for about a day, lists nothing of a room that he has muted, and goes by any of a room's
receipts when it says "read", be it of a thread or not. Client-server API, 13.13.1.3, "Listing Notifications".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from notifier.platforms import matrix_answers
from notifier.platforms.asking import Question, Standing, Steps
from notifier.platforms.fields import optional_list
from notifier.platforms.matrix_events import is_redacted, moment
from notifier.platforms.matrix_requests import Homeserver
from notifier.platforms.matrix_rooms import Shown, shown
from notifier.platforms.values import Done, Reading
from notifier.wire import Failure, Unreadable

PAGE: Final = 100
#: so many events of 64 kB are less than the transport takes (1 MiB)
SMALL_PAGE: Final = 10
MOST_PAGES: Final = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """One message as it is listed."""

    room: str
    read: bool
    notifies: bool
    deleted: bool
    message: Shown


@dataclass(slots=True)
class Listing:
    """What was read of it. `complete`: there is no more; else all until `oldest`."""

    entries: dict[str, Entry] = field(default_factory=dict)
    oldest: datetime | None = None
    complete: bool = False

    def standing(self, message: str) -> Standing | None:
        """None: it is not listed, or what is said of being read is not to be relied on, as the room has threads."""
        entry = self.entries.get(message)
        if entry is None:
            return None
        if entry.deleted:
            return Standing.DELETED
        if any(other.message.in_thread and other.room == entry.room for other in self.entries.values()):
            return None
        if entry.read:
            return Standing.READ
        return Standing.UNREAD if entry.notifies else Standing.MUTED

    def reaches(self, sent_at: datetime | None) -> bool:
        """Whether a message of that moment would be among the entries if there were any of it."""
        return self.complete or (sent_at is not None and self.oldest is not None and self.oldest < sent_at)


@dataclass(frozen=True, slots=True)
class _Page:
    entries: Mapping[str, Entry]
    oldest: datetime | None
    following: str


def listing(homeserver: Homeserver, user: str, asked: Sequence[Question]) -> Steps[Reading[Listing]]:
    """Page by page until all these messages are found, or would have been, or it is enough.

    A page of large messages, which anybody may write, is longer than an answer may be: then smaller ones are asked for.
    """
    found, following, size = Listing(), "", PAGE
    for _ in range(MOST_PAGES):
        more = {"from": following} if following else {}
        answer = yield homeserver.ask("v3", "notifications", as_user=user, limit=str(size), **more)
        if size > SMALL_PAGE and isinstance(answer, Failure) and answer.reached:
            size = SMALL_PAGE
            answer = yield homeserver.ask("v3", "notifications", as_user=user, limit=str(size), **more)
        page = matrix_answers.read(answer, partial(_page, size))
        if not isinstance(page, Done):
            return page
        found.entries.update(page.value.entries)
        found.oldest, following = page.value.oldest or found.oldest, page.value.following
        found.complete = not following
        if all(one.message in found.entries or found.reaches(one.sent_at) for one in asked):
            break
    return Done(found)


def _page(size: int, told: Mapping[str, Any]) -> _Page:
    """Raises Unreadable."""
    listed = optional_list(told, "notifications")
    if listed is None:
        raise Unreadable("notifications is missing")
    usable = [one for one in listed if isinstance(one, dict) and isinstance(one.get("event"), dict)]
    stamps = [stamp for one in usable if (stamp := moment(one.get("ts"))) is not None]
    token = told.get("next_token")
    return _Page(
        entries={str(one["event"].get("event_id")): _entry(one) for one in usable},
        oldest=min(stamps, default=None),
        following=token if isinstance(token, str) and len(listed) == size else "",
    )


def _entry(one: Mapping[str, Any]) -> Entry:
    event, actions = one["event"], one.get("actions")
    return Entry(
        room=str(one.get("room_id")),
        read=one.get("read") is True,
        notifies=not isinstance(actions, list) or "notify" in actions,
        deleted=is_redacted(event),
        message=shown(event),
    )
