"""A directory of the project's own, by user id."""

from collections.abc import Mapping, Sequence
from typing import Any


def identities(users: Sequence[str]) -> dict[str, Mapping[str, Any] | None]:
    """Ben-7 is on +12025551007; nobody else has a phone."""
    return {user: _identity(user) for user in users}


def _identity(user: str) -> Mapping[str, Any]:
    name, _, serial = user.partition("-")
    phone = f"+1202555{1000 + int(serial):04}" if name == "ben" else ""
    return {"name": f"{name.title()} of the directory", "phone": phone, "desk": f"desk {serial}"}


def introduction(values: Mapping[str, Any]) -> str:
    return f"For {values['recipient']['desk']}, about {values['conversation']['title']}:"
