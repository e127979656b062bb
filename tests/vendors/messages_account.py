"""The test account at Vonage's Messages API, and calls that come from there, signed."""

import hashlib
import json
from functools import cache
from time import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from notifier.wire import Call
from smsbridge.vendors.base import AccountConfig
from smsbridge.vendors.vonage_messages import VonageMessages
from tests.vendors.accounts import API_KEY, API_SECRET, call

APPLICATION = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
SECRET = "the-signature-secret-of-32-bytes"


@cache
def private_key(form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def messages(*, secrets: dict[str, str] | None = None, **options: str) -> VonageMessages:
    """The test account's adapter, which authenticates with a JWT, with changes."""
    known = {"api_secret": API_SECRET, "private_key": private_key(), "signature_secret": SECRET}
    given = {"api_key": API_KEY, "application_id": APPLICATION} | options
    kept = {name: secret for name, secret in (known | (secrets or {})).items() if secret}
    return VonageMessages(AccountConfig(options=given, secrets=kept))


def claims(body: bytes, **changes: object) -> dict[str, Any]:
    """What Vonage says in its tokens; a change to None leaves the claim out."""
    usual = {
        "iat": int(time()),
        "jti": "1b2c3d4e",
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": API_KEY,
        "application_id": APPLICATION,
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def pushed(content: object, *, secret: str = SECRET, **changes: object) -> Call:
    """A call as Vonage makes it, signed with `secret`; "" leaves it unsigned."""
    body = json.dumps(content).encode()
    if not secret:
        return call(body=body, content_type="application/json")
    token = jwt.encode(claims(body, **changes), secret, algorithm="HS256")
    return call(body=body, content_type="application/json", authorization=f"Bearer {token}")
