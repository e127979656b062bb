"""JSON Web Tokens of Vonage's: ours, by which an application authenticates, and Vonage's, by which webhooks are signed.

Sources: https://developer.vonage.com/en/getting-started/concepts/authentication and
https://developer.vonage.com/en/messages/concepts/signed-webhooks.
"""

import hashlib
import hmac
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from time import time
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from vonage_jwt import JwtClient

from notifier.wire import Call, Forged
from smsbridge.vendors.vonage_signature import AHEAD_SECONDS, OLDEST_SECONDS

#: how long one token of ours is used: a part of the 15 minutes that it lives, as each costs some 40 ms of CPU to make
KEEP_SECONDS = 300

_LONGEST = 8192
_PEM = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----(.+?)-----END \1-----", re.DOTALL)


@lru_cache(maxsize=16)
def private_pem(given: str) -> str:
    """A private key in the one form that the package takes (PKCS 8 with line breaks); "" when it is no RSA key.

    `given` may be PEM as Vonage's file has it, a line of it with `\\n`, or what a form field makes of it: no breaks.
    """
    found = _PEM.search(given.replace("\\n", "\n"))
    if found is None:
        return ""
    try:
        key = serialization.load_der_private_key(b64decode("".join(found[2].split()), validate=True), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return ""
    if not isinstance(key, rsa.RSAPrivateKey):
        return ""
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def bearer(application_id: str, pem: str) -> str:
    """The Authorization header of an application, the same for some minutes."""
    return f"Bearer {_made(application_id, pem, int(time() // KEEP_SECONDS))}"


@lru_cache(maxsize=16)
def _made(application_id: str, pem: str, period: int) -> str:
    token: bytes = JwtClient(application_id, pem).generate_application_jwt()
    return token.decode()


def check(call: Call, *, secrets: Sequence[str], ours: Mapping[str, str], now: float) -> None:
    """Raise Forged unless Vonage signed the call for us, not too long before `now` (Unix seconds).

    `ours` are `api_key` and, if there is one, `application_id`: the first of them that the token names must be ours.
    """
    claims = _claims(call.headers.get("authorization", ""), secrets)
    digest, told = hashlib.sha256(call.body).hexdigest(), claims.get("payload_hash")
    if not isinstance(told, str) or not hmac.compare_digest(told.lower().encode("utf-8", "replace"), digest.encode()):
        raise Forged("the token is of another body: something between Vonage and here changes it, or it is forged")
    named = next((name for name in ("api_key", "application_id") if name in claims), "")
    if not named or not ours.get(named) or claims[named] != ours[named]:
        raise Forged("the call is of another Vonage account: compare its API key or application with this account's")
    at = claims.get("iat")
    if not isinstance(at, int | float) or not now - OLDEST_SECONDS <= at <= now + AHEAD_SECONDS:
        raise Forged("the signed call is too old or from the future: if it is genuine, check this machine's clock")


def _claims(header: str, secrets: Sequence[str]) -> Mapping[str, Any]:
    """What a token says that one of the secrets has signed. Raises Forged.

    As `vonage_jwt.verify_signature` does, which however refuses a token of a clock that is a second ahead of ours.
    """
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip() or len(token) > _LONGEST:
        raise Forged("the call is not signed: switch signed webhooks on in the Vonage dashboard")
    for secret in secrets:
        try:
            claims: dict[str, Any] = jwt.decode(
                token.strip(), secret, algorithms=["HS256"], options={"verify_iat": False, "verify_aud": False}
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            continue
        return claims
    raise Forged("the signature is wrong: compare the signature secret with the Vonage dashboard")
