"""Proving that a webhook's target wants it: a GET with a challenge that must be echoed. Made once, never repeated."""

import secrets
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from smsbridge.simulator import queue
from smsbridge.simulator.models import Delivery, Webhook


def start(webhook: Webhook) -> None:
    """Queue the verification of an unverified webhook, in the caller's transaction; the target's own query is kept."""
    target = urlsplit(webhook.target_url)
    challenge = urlencode({"verification_challenge": secrets.token_urlsafe(24)})
    query = f"{target.query}&{challenge}" if target.query else challenge
    queue.put(
        Delivery(
            kind=Delivery.Kind.HANDSHAKE,
            lane=f"handshake {webhook.uid}",
            webhook=webhook,
            method="GET",
            url=urlunsplit(target._replace(query=query, fragment="")),
        )
    )


def mismatch(row: Delivery, status: int, content: bytes) -> str:
    """Empty when the target answered 200 with exactly the challenge, whatever the content type."""
    challenge = parse_qs(urlsplit(row.url).query)["verification_challenge"][-1]
    if status != 200:
        return f"answered with status {status}"
    return "" if content == challenge.encode() else "did not answer with the challenge"


def finish(row: Delivery, failure: str) -> None:
    """Settle the webhook: active or inactive, unless somebody deactivated or deleted it meanwhile."""
    status = Webhook.Status.INACTIVE if failure else Webhook.Status.ACTIVE
    reason = f"Verification failed: the target {failure}." if failure else ""
    unverified = Webhook.objects.filter(deliveries=row, status=Webhook.Status.UNVERIFIED)
    unverified.update(status=status, status_reason=reason)
    row.delete()
