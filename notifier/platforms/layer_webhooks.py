"""Webhooks as Layer registers and lists them: webhooks version 1.0, and the field names used before it when reading."""

from collections.abc import Mapping, Sequence
from typing import Any

from notifier.platforms.base import Registration
from notifier.platforms.fields import optional_list, optional_object, optional_text
from notifier.platforms.layer_answers import loads_list
from notifier.platforms.layer_events import canonical_name
from notifier.platforms.layer_values import needed_uuid
from notifier.texts import loads_object
from notifier.wire import Unreadable


def registration_body(*, url: str, name: str, events: Sequence[str], secret: str) -> dict[str, Any]:
    """What POST /webhooks takes. Two equal calls make two webhooks: look in the list first."""
    return {
        "version": "1.0",
        "target_url": url,
        "events": list(events),
        "secret": secret,
        "config": {"name": name},
    }


def read_registration(body: bytes) -> Registration:
    """Raises Unreadable."""
    return _registration(loads_object(body))


def read_registrations(body: bytes) -> list[Registration]:
    """Raises Unreadable, also when a single entry cannot be read: it might be ours, and would be registered again."""
    return [_registration(_as_object(entry)) for entry in loads_list(body)]


def _registration(data: Mapping[str, Any]) -> Registration:
    path = "webhook."
    events = optional_list(data, "events", path) or optional_list(data, "event_types", path) or []
    config = optional_object(data, "config", path) or optional_object(data, "target_config", path) or {}
    return Registration(
        id=needed_uuid(data.get("id"), "webhook.id"),
        url=optional_text(data, "target_url", path) or "",
        name=optional_text(config, "name", "webhook.config."),
        events=frozenset(canonical_name(event) for event in events if isinstance(event, str)),
        status=(optional_text(data, "status", path) or "unknown").lower(),
        reason=optional_text(data, "status_reason", path) or "",
    )


def _as_object(entry: object) -> Mapping[str, Any]:
    if not isinstance(entry, dict):
        raise Unreadable("the list holds something that is no webhook")
    return entry
