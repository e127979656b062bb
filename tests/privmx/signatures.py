"""Signatures of log-ins and of single calls, checked for real."""

import base64
import binascii
import hmac
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.privmx.codes import BAD_NONCE, BAD_SIGNATURE, BAD_TIMESTAMP, Wrong

WINDOW_SECONDS = 600.0
_HMAC_BYTES = 20


def signed_bytes(timestamp: int, nonce: str, data: str, place: str = "\n") -> bytes:
    """`place` is method, newline, path: both are empty in a log-in."""
    return f"{timestamp};{nonce};{place}\n{data}\n".encode()


def hmac_signature(secret: str, message: bytes) -> bytes:
    return hmac.new(secret.encode(), message, sha256).digest()[:_HMAC_BYTES]


class Signatures:
    """Remembers which nonces were used."""

    def __init__(self) -> None:
        self._nonces: set[str] = set()

    def check(self, secret: str, public: Ed25519PublicKey | None, given: Mapping[str, Any], place: str) -> None:
        """`given`: timestamp in ms, nonce, signature in base64, data. Raises Wrong."""
        if abs(time.time() - given["timestamp"] / 1000) > WINDOW_SECONDS:
            raise Wrong(BAD_TIMESTAMP)
        if given["nonce"] in self._nonces:
            raise Wrong(BAD_NONCE)
        message = signed_bytes(given["timestamp"], given["nonce"], given.get("data", ""), place)
        if not _holds(secret, public, message, given["signature"]):
            raise Wrong(BAD_SIGNATURE)
        self._nonces.add(given["nonce"])


def _holds(secret: str, public: Ed25519PublicKey | None, message: bytes, signature: str) -> bool:
    try:
        raw = base64.b64decode(signature, validate=True)
        if public is None:
            return hmac.compare_digest(hmac_signature(secret, message), raw)
        public.verify(raw, message)
    except (binascii.Error, InvalidSignature):
        return False
    return True
