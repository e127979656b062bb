"""Registering, activating and removing webhooks, with their states and the handshake."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import IntegrityError, transaction

from smsbridge.simulator import handshake
from smsbridge.simulator.deliveries import switch_off
from smsbridge.simulator.errors import invalid, missing, not_found
from smsbridge.simulator.events import EVENT_TYPES
from smsbridge.simulator.models import Webhook

VERSIONS = ("1.0",)


def register(content: dict[str, Any], key: UUID | None) -> tuple[Webhook, bool]:
    """Register anew, and whether it is new: only the same de-duplication key finds an earlier one. The id is ours."""
    if key is not None and (known := Webhook.objects.filter(dedupe_key=key).first()):
        return known, False
    fields = read_registration(content)
    try:
        with transaction.atomic():
            webhook = Webhook.objects.create(dedupe_key=key, **fields)
            handshake.start(webhook)
    except IntegrityError:
        return Webhook.objects.get(dedupe_key=key), False
    return webhook, True


def get(uid: UUID) -> Webhook:
    row = Webhook.objects.filter(uid=uid).first()
    if row is None:
        raise not_found("webhook")
    return row


def activate(uid: UUID) -> Webhook:
    """An inactive webhook becomes unverified and its handshake is made; others stay as they are."""
    with transaction.atomic():
        inactive = Webhook.objects.filter(uid=uid, status=Webhook.Status.INACTIVE)
        if inactive.update(status=Webhook.Status.UNVERIFIED, status_reason=""):
            handshake.start(get(uid))
    return get(uid)


def deactivate(uid: UUID) -> Webhook:
    switch_off(get(uid), "Deactivated by a user.")
    return get(uid)


def delete(uid: UUID) -> None:
    get(uid).delete()


def read_registration(content: dict[str, Any]) -> dict[str, Any]:
    """Raises `missing_property` (the first checked is `version`) and `invalid_property`."""
    for name in ("version", "target_url", "events", "secret"):
        if content.get(name) is None:
            raise missing(name)
    if content["version"] not in VERSIONS:
        raise invalid("version", f"must be one of {', '.join(VERSIONS)}")
    _check_target(content["target_url"])
    _check_events(content["events"])
    if not isinstance(content["secret"], str) or not content["secret"]:
        raise invalid("secret", "must be a string that is not empty")
    config = content.get("config") or {}
    if not isinstance(config, dict) or not all(isinstance(value, str) for value in config.values()):
        raise invalid("config", "must be a flat object of strings")
    names = ("version", "target_url", "events", "secret")
    return {name: content[name] for name in names} | {"config": config}


def _check_events(events: Any) -> None:
    listed = isinstance(events, list) and events and all(isinstance(event, str) for event in events)
    if not listed or not EVENT_TYPES.issuperset(events):
        raise invalid("events", f"must be an array of event types: {', '.join(sorted(EVENT_TYPES))}")


def _check_target(url: Any) -> None:
    """https, or http to this machine itself."""
    why = "must be an https URL, or http on loopback"
    try:
        target = urlsplit(url)
        host, _ = target.hostname, target.port
    except (ValueError, AttributeError, TypeError) as error:
        raise invalid("target_url", why) from error
    if not host or not (target.scheme == "https" or (target.scheme == "http" and _is_loopback(host))):
        raise invalid("target_url", why)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
