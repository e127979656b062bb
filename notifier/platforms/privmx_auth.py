"""Who we are at a Bridge: an API key with a secret, or one with a private key, and how each proves itself.

The signed bytes are `timestamp;nonce;METHOD`, the path and the data, each of these ended by a newline; method and
path are empty in a log-in (PrivMX Bridge API, "Authorization", and its method manager/auth). A key with a secret signs
by the first 20 bytes of HMAC-SHA256, a key with a public key by Ed25519 (RFC 8032).
"""

import hmac
import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_HMAC_BYTES: Final = 20
_NONCE_BYTES: Final = 24  # 48 characters, of the 32 to 64 that are asked for
_PEM: Final = "-----BEGIN"


def fresh_nonce() -> str:
    return secrets.token_hex(_NONCE_BYTES)


@dataclass(frozen=True)
class ApiKey:
    """An API key. `clock` gives seconds since 1970; the Bridge takes stamps that are off by at most 10 minutes."""

    id: str
    secret: str = field(repr=False)
    signs: bool = False
    clock: Callable[[], float] = time.time
    nonce: Callable[[], str] = fresh_nonce

    @property
    def is_pem(self) -> bool:
        return self.secret.startswith(_PEM)

    @cached_property
    def private_key(self) -> Ed25519PrivateKey | None:
        """None unless the secret is the PEM of an Ed25519 private key without a password."""
        try:
            key = load_pem_private_key(self.secret.replace("\\n", "\n").encode(errors="replace"), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return None
        return key if isinstance(key, Ed25519PrivateKey) else None

    def log_in(self, scope: Sequence[str] | None) -> Mapping[str, Any]:
        """What manager/auth is told, good for one call; without a scope the key's own one is asked for."""
        asked = {} if scope is None else {"scope": list(scope)}
        if not (self.signs or self.is_pem):
            return {"grantType": "api_key_credentials", "apiKeyId": self.id, "apiKeySecret": self.secret, **asked}
        stamp, nonce = self._stamp(), self.nonce()
        return {
            "grantType": "api_key_signature",
            "apiKeyId": self.id,
            "timestamp": stamp,
            "nonce": nonce,
            "signature": self.signature(stamp, nonce),
            **asked,
        }

    def authorization(self, body: bytes, path: str = "/api") -> str:
        """The Authorization header of one POST."""
        if not (self.signs or self.is_pem):
            return "Basic " + b64encode(f"{self.id}:{self.secret}".encode(errors="replace")).decode()
        stamp, nonce = self._stamp(), self.nonce()
        return f"pmx-hmac-sha256 {self.id};1;{stamp};{nonce};{self.signature(stamp, nonce, 'POST', path, body)}"

    def signature(self, stamp: int, nonce: str, method: str = "", path: str = "", data: bytes = b"") -> str:
        """In base64."""
        signed = f"{stamp};{nonce};{method}\n{path}\n".encode() + data + b"\n"
        if self.private_key is not None:
            return b64encode(self.private_key.sign(signed)).decode()
        return b64encode(hmac.digest(self.secret.encode(errors="replace"), signed, "sha256")[:_HMAC_BYTES]).decode()

    def _stamp(self) -> int:
        return int(self.clock() * 1000)
