"""Reading the body of a message or announcement before anything is stored."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from smsbridge.simulator.errors import invalid, missing
from smsbridge.simulator.operations import user_ids

#: Layer's limit for one part, counted after base64 decoding
MAX_PART_BYTES = 2048
MAX_DELAY_SECONDS = 300


@dataclass(frozen=True, slots=True)
class DraftPart:
    mime_type: str
    body: str
    encoding: str = ""

    def json(self) -> dict[str, str]:
        shown = {"mime_type": self.mime_type, "body": self.body}
        return shown | ({"encoding": self.encoding} if self.encoding else {})


@dataclass(frozen=True, slots=True)
class Draft:
    """Exactly one of `user` (a participant) and `name` (a bot) is set."""

    user: str | None
    name: str | None
    parts: tuple[DraftPart, ...]
    delay_seconds: int = 0


def text_draft(*, user: str | None = None, name: str | None = None, text: str) -> Draft:
    """A plain text message. Raises `invalid_property` when it is longer than one part may be."""
    return Draft(user, name, (_part({"mime_type": "text/plain", "body": text}),))


def read_draft(content: dict[str, Any]) -> Draft:
    """Raises LayerError: `missing_property`, `invalid_property` (all 422)."""
    user, name = _sender(content.get("sender"))
    _check_notification(content.get("notification"))
    return Draft(user, name, _parts(content.get("parts")), _delay(content.get("schedule")))


def read_announcement(content: dict[str, Any]) -> dict[str, Any]:
    """An announcement's content as it is kept and shown again. Raises as `read_draft`."""
    recipients = user_ids("recipients", content.get("recipients"))
    draft = read_draft(content)
    return {
        "recipients": recipients,
        "sender": {"user_id": draft.user, "name": draft.name},
        "parts": [part.json() for part in draft.parts],
    }


def _sender(given: Any) -> tuple[str | None, str | None]:
    if given is None:
        raise missing("sender")
    if not isinstance(given, dict):
        raise invalid("sender", "must be an object")
    user, name = given.get("user_id"), given.get("name")
    if user is None and name is None:
        raise missing("sender")
    if user is not None and name is not None:
        raise invalid("sender", "must have either user_id or name, not both")
    if not isinstance(user or name, str) or not (user or name):
        raise invalid("sender", "must have a string that is not empty")
    return user, name


def _parts(given: Any) -> tuple[DraftPart, ...]:
    if given is None:
        raise missing("parts")
    if not isinstance(given, list) or not given or not all(isinstance(part, dict) for part in given):
        raise invalid("parts", "must be an array with at least one part")
    return tuple(_part(part) for part in given)


def _part(given: dict[str, Any]) -> DraftPart:
    for name in ("mime_type", "body"):
        if given.get(name) is None:
            raise missing(f"parts.{name}")
        if not isinstance(given[name], str):
            raise invalid(f"parts.{name}", "must be a string")
    encoding = given.get("encoding") or ""
    if "/" not in given["mime_type"]:
        raise invalid("parts.mime_type", "must be a mime type")
    if encoding not in ("", "base64"):
        raise invalid("parts.encoding", "must be base64")
    if len(_decoded(given["body"], encoding)) > MAX_PART_BYTES:
        raise invalid("parts.body", f"must be at most {MAX_PART_BYTES} bytes")
    return DraftPart(given["mime_type"], given["body"], encoding)


def _decoded(body: str, encoding: str) -> bytes:
    if not encoding:
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("parts.body", "must be valid base64") from error


def _check_notification(given: Any) -> None:
    """Push notifications go nowhere here; their form is checked, and they are not echoed."""
    if given is None:
        return
    if not isinstance(given, dict):
        raise invalid("notification", "must be an object")
    for name in ("text", "title", "sound"):
        if not isinstance(given.get(name), str | None):
            raise invalid(f"notification.{name}", "must be a string")
    if not isinstance(given.get("recipients"), list | None):
        raise invalid("notification.recipients", "must be an array")


def _delay(given: Any) -> int:
    if given is None:
        return 0
    delay = given.get("delay_in_seconds") if isinstance(given, dict) else None
    if isinstance(delay, bool) or not isinstance(delay, int) or not 1 <= delay <= MAX_DELAY_SECONDS:
        raise invalid("schedule.delay_in_seconds", f"must be a number from 1 to {MAX_DELAY_SECONDS}")
    return delay
