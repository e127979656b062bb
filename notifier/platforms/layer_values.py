"""Single values as Layer writes them: ids, users, statuses, titles.

Layer has three spellings of an id (URI, URL, bare UUID) and three versions of its payloads. Everything is brought
to one form here: ids are bare lower-case UUIDs, users are the application's own strings, dates are aware.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from notifier.platforms.base import Rank
from notifier.platforms.fields import optional_object, optional_text
from notifier.texts import clean_text
from notifier.wire import Unreadable

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_IDENTITY_PREFIX = "layer:///identities/"
_RANKS = {"sent": Rank.SENT, "delivered": Rank.DELIVERED, "read": Rank.READ}


@dataclass(frozen=True, slots=True)
class Person:
    """Who did something: a user has an id, a bot only a name."""

    user_id: str | None
    bot_name: str | None


NOBODY = Person(None, None)


def bare_uuid(value: object) -> str | None:
    """The UUID at the end of an id, whether URI, URL or bare; None when there is none."""
    if not isinstance(value, str):
        return None
    tail = value.rpartition("/")[2].lower()
    return tail if _UUID.fullmatch(tail) else None


def needed_uuid(value: object, field: str) -> str:
    """As `bare_uuid`. Raises Unreadable naming the field."""
    found = bare_uuid(value)
    if found is None:
        raise Unreadable(f"{field} does not end in a UUID")
    return found


def user_id(value: str) -> str:
    """The application's own user id; from version 2.0 on it may come wrapped in an identity id."""
    bare = unquote(value[len(_IDENTITY_PREFIX) :]) if value.startswith(_IDENTITY_PREFIX) else value
    return clean_text(bare)


def person(value: Mapping[str, Any] | None, path: str) -> Person:
    """A sender or actor: `user_id` or `name` in version 1.0, an identity since 2.0. Raises Unreadable."""
    if value is None:
        return NOBODY
    name = optional_text(value, "name", path) or optional_text(value, "display_name", path)
    found = optional_text(value, "user_id", path) or optional_text(value, "id", path)
    if value.get("identity_type") == "bot":
        return Person(None, name or (user_id(found) if found else "bot"))
    if found:
        return Person(user_id(found) or None, None)
    return Person(None, name)


def participants(value: list[Any] | None, path: str) -> tuple[str, ...] | None:
    """User ids out of a list of ids or of identities; None when none is given. Raises Unreadable."""
    if value is None:
        return None
    return tuple(_member(entry, f"{path}[{index}]") for index, entry in enumerate(value))


def _member(entry: object, path: str) -> str:
    if isinstance(entry, str):
        return user_id(entry)
    if not isinstance(entry, dict):
        raise Unreadable(f"{path} is neither a user id nor an identity")
    found = optional_text(entry, "user_id", f"{path}.") or optional_text(entry, "id", f"{path}.")
    if found is None:
        raise Unreadable(f"{path} has neither user_id nor id")
    return user_id(found)


def statuses(value: Mapping[str, Any] | None) -> dict[str, Rank]:
    """A `recipient_status` map in our words. A word that we do not know says nothing."""
    found: dict[str, Rank] = {}
    for key, word in (value or {}).items():
        rank = _RANKS.get(word) if isinstance(word, str) else None
        if rank is not None:
            user = user_id(key)
            found[user] = max(rank, found.get(user, rank))
    return found


def title_of(conversation: Mapping[str, Any], title_key: str) -> str | None:
    """The title under `metadata`, "" when the metadata hold none, None when there are no metadata to tell.

    `title_key` may lead into nested metadata with dots, as Layer's own property paths do. Raises Unreadable.
    """
    found: Any = optional_object(conversation, "metadata", "conversation.")
    if found is None:
        return None
    for name in title_key.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return clean_text(found).strip() if isinstance(found, str) else ""
