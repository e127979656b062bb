"""Checked access to the fields of JSON that a platform sent. Absent and null are alike."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from notifier.texts import clean_text
from notifier.wire import Unreadable


def optional_object(parent: Mapping[str, Any], name: str, path: str = "") -> dict[str, Any] | None:
    """The object under `name`; absent and null are alike. Raises Unreadable when it is anything else."""
    value = parent.get(name)
    if value is not None and not isinstance(value, dict):
        raise Unreadable(f"{path}{name} is not an object")
    return value


def needed_object(parent: Mapping[str, Any], name: str, path: str = "") -> dict[str, Any]:
    """As `optional_object`, but absent is Unreadable too."""
    value = optional_object(parent, name, path)
    if value is None:
        raise Unreadable(f"{path}{name} is missing")
    return value


def optional_list(parent: Mapping[str, Any], name: str, path: str = "") -> list[Any] | None:
    """The list under `name`; absent and null are alike. Raises Unreadable when it is anything else."""
    value = parent.get(name)
    if value is not None and not isinstance(value, list):
        raise Unreadable(f"{path}{name} is not a list")
    return value


def optional_text(parent: Mapping[str, Any], name: str, path: str = "") -> str | None:
    """The cleaned text under `name`, None when absent, null or empty. Raises Unreadable when it is anything else."""
    value = parent.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Unreadable(f"{path}{name} is not a text")
    return clean_text(value) or None


def needed_text(parent: Mapping[str, Any], name: str, path: str = "") -> str:
    """As `optional_text`, but absent or empty is Unreadable too."""
    value = optional_text(parent, name, path)
    if value is None:
        raise Unreadable(f"{path}{name} is missing")
    return value


def moment(value: object) -> datetime | None:
    """A date in UTC, None when it cannot be read: no event is worth losing for its date."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
