"""What a homeserver says of one message and of the rooms as they are for one user: who has read up to where, and how
much is unread. Also what is muted.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from notifier.platforms.fields import needed_text
from notifier.platforms.matrix_events import is_redacted, moment, relation_of
from notifier.platforms.matrix_requests import Homeserver
from notifier.wire import Request

#: Synapse deletes its list of notifications after a day; a message that is younger than this is surely still on it
_SURELY_LISTED_MS = 20 * 3600 * 1000
_MAIN = "main"


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as it is now. `thread` is the id of the thread's first one, or "main"."""

    at: datetime | None
    thread: str
    deleted: bool
    notice: bool
    young: bool

    @property
    def in_thread(self) -> bool:
        return self.thread != _MAIN


@dataclass(frozen=True, slots=True)
class Mark:
    """A receipt of the user's. `thread` is None when it is for the room and all its threads."""

    message: str
    thread: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Room:
    """A room as the user has it: how many messages that he was told of are unread, by thread, and his receipts."""

    unread: Mapping[str, int]
    marks: Sequence[Mark]


def shown(event: Mapping[str, Any]) -> Shown:
    content, unsigned = _object(event.get("content")), _object(event.get("unsigned"))
    relation, root = relation_of(content)
    age = unsigned.get("age")
    return Shown(
        at=moment(event.get("origin_server_ts")),
        thread=root if relation == "m.thread" else _MAIN,
        deleted=is_redacted(event),
        notice=content.get("msgtype") == "m.notice",
        young=type(age) is int and age < _SURELY_LISTED_MS,
    )


def rooms_request(homeserver: Homeserver, user: str, rooms: Sequence[str]) -> Request:
    """One look at these rooms. A sender whom nobody has makes it a question of its own: Synapse keeps its answer to
    the same one for two minutes (caches.sync_response_cache_duration)."""
    nothing: dict[str, Any] = {"types": []}
    timeline = {"limit": 1, "not_senders": [f"@{secrets.token_hex(8)}:nowhere"], "unread_thread_notifications": True}
    room = {
        "rooms": list(rooms),
        "timeline": timeline,
        "state": nothing,
        "account_data": nothing,
        "ephemeral": {"types": ["m.receipt"]},
    }
    looked = json.dumps({"room": room, "presence": nothing, "account_data": nothing}, separators=(",", ":"))
    return homeserver.ask("v3", "sync", as_user=user, timeout="0", set_presence="offline", filter=looked)


def rooms_in(user: str, told: Mapping[str, Any]) -> dict[str, Room]:
    """The rooms that the user takes part in. Raises Unreadable."""
    needed_text(told, "next_batch")
    joined = _object(_object(told.get("rooms")).get("join"))
    return {room: _room(user, _object(found)) for room, found in joined.items()}


def muted_rooms(told: Mapping[str, Any]) -> set[str] | None:
    """The rooms that push rules silence, in either of the ways in which clients do so; None: all of them."""
    rules = _object(told.get("global"))
    silenced = set()
    for rule in [*_enabled(rules, "override"), *_enabled(rules, "room")]:
        actions = rule.get("actions")
        if isinstance(actions, list) and "notify" in actions:
            continue
        if rule.get("rule_id") == ".m.rule.master":
            return None
        silenced.update(_rooms_of(rule))
    return silenced


def _room(user: str, told: Mapping[str, Any]) -> Room:
    threads = {root: _count(counts) for root, counts in _object(told.get("unread_thread_notifications")).items()}
    marks: list[Mark] = []
    events = _object(told.get("ephemeral")).get("events")
    for event in events if isinstance(events, list) else ():
        if _object(event).get("type") == "m.receipt":
            marks += _marks(user, _object(event.get("content")))
    return Room(unread={**threads, _MAIN: _count(told.get("unread_notifications"))}, marks=marks)


def _marks(user: str, content: Mapping[str, Any]) -> list[Mark]:
    marks = []
    for message, told in content.items():
        for kind in ("m.read", "m.read.private"):
            receipt = _object(_object(told).get(kind)).get(user)
            if isinstance(receipt, dict):
                thread = receipt.get("thread_id")
                marks.append(Mark(message, thread if isinstance(thread, str) else None, moment(receipt.get("ts"))))
    return marks


def _enabled(rules: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    listed = rules.get(kind)
    found = listed if isinstance(listed, list) else []
    return [one for one in found if isinstance(one, dict) and one.get("enabled") is not False]


def _rooms_of(rule: Mapping[str, Any]) -> list[str]:
    """A rule for a room is named after it; one that overrides others has the room as its only condition."""
    conditions = rule.get("conditions")
    if not isinstance(conditions, list) or not conditions:
        return [str(rule.get("rule_id"))]
    (first, *others) = conditions
    condition = _object(first)
    return [str(condition.get("pattern"))] if not others and condition.get("key") == "room_id" else []


def _count(told: object) -> int:
    count = _object(told).get("notification_count")
    return count if type(count) is int else 0


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
