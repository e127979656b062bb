"""Signatures of Standard Webhooks (standardwebhooks.com, specification 1.0.0), both ways.

A secret is `whsec_` and base64, or any other text, whose UTF-8 bytes are then the key. The specification signs
webhooks, which have a body; a call of ours without one is signed over its method and path instead, so that its
signature is of no use for another question.
"""

import hmac
import time
from base64 import b64decode, b64encode
from binascii import Error as NotBase64Error
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from notifier.wire import Call, Forged, Request

PREFIX: Final = "whsec_"
#: how far the clocks of the two sides may be apart, in seconds, as the specification's own libraries have it
TOLERANCE: Final = 300
_LONGEST_ID: Final = 200


def key_of(secret: str) -> bytes:
    """The key that a secret stands for. Raises ValueError when it stands for none."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        key = b64decode(secret.removeprefix(PREFIX).encode(), validate=True)
    except NotBase64Error:
        raise ValueError("what follows whsec_ is not base64") from None
    if not key:  # anybody could sign with it
        raise ValueError("nothing follows whsec_")
    return key


def sign(secret: str, message_id: str, timestamp: int, content: bytes) -> str:
    """One signature, as the header webhook-signature lists it."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), content))
    return f"v1,{b64encode(hmac.digest(key_of(secret), signed, 'sha256')).decode()}"


def verify(call: Call, secrets: Sequence[str], now: float | None = None) -> None:
    """Raises Forged unless one of the signatures is made with one of the secrets, and lately."""
    message_id, stamp = call.headers.get("webhook-id", ""), call.headers.get("webhook-timestamp", "")
    told = call.headers.get("webhook-signature", "").split()
    if not message_id or not stamp or not told:
        raise Forged("a header is missing: webhook-id, webhook-timestamp and webhook-signature are needed")
    if len(message_id) > _LONGEST_ID or not (message_id.isascii() and message_id.isprintable()):
        raise Forged(f"webhook-id is not up to {_LONGEST_ID} printable characters of ASCII")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise Forged("webhook-timestamp is not a whole number of seconds")
    if abs((time.time() if now is None else now) - int(stamp)) > TOLERANCE:
        raise Forged(f"webhook-timestamp is more than {TOLERANCE} seconds from our clock: set yours, and sign each try")
    wanted = [_signature_or_none(secret, message_id, int(stamp), call.body) for secret in secrets if secret]
    if not any(hmac.compare_digest(one.encode(errors="replace"), ours) for one in told for ours in wanted if ours):
        raise Forged("webhook-signature fits none of our secrets")


def signed(secret: str, method: str, url: str, body: bytes, message_id: str) -> Request:
    """A request of ours, signed now. Raises ValueError for a secret that is none."""
    stamp = int(time.time())
    headers: Mapping[str, str] = {
        "Accept": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign(secret, message_id, stamp, body or target(method, url)),
        **({"Content-Type": "application/json"} if body else {}),
    }
    return Request(method, url, headers, body)


def target(method: str, url: str) -> bytes:
    """What is signed of a call without a body: `GET /users/ann?x=y`, percent codes as they are sent."""
    parts = urlsplit(url)
    return f"{method} {parts.path or '/'}{'?' + parts.query if parts.query else ''}".encode()


def _signature_or_none(secret: str, message_id: str, timestamp: int, content: bytes) -> bytes | None:
    """None for a secret that is none: the others may fit."""
    try:
        return sign(secret, message_id, timestamp, content).encode()
    except ValueError:
        return None
