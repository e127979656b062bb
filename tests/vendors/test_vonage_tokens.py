"""The tokens by which an application authenticates at Vonage, and the private key that signs them."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from smsbridge.vendors import vonage_tokens
from tests.vendors.contract import SMS
from tests.vendors.messages_account import messages, private_key


def test_one_token_serves_for_some_minutes_in_every_adapter_of_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    def token_at(seconds: float) -> str:
        monkeypatch.setattr(vonage_tokens, "time", lambda: 1_795_158_000 + seconds)
        return messages().request_for(SMS).headers["Authorization"]

    first = token_at(0)
    assert token_at(vonage_tokens.KEEP_SECONDS - 1) == first
    assert token_at(vonage_tokens.KEEP_SECONDS) != first
    assert vonage_tokens.KEEP_SECONDS < 15 * 60 / 2


@pytest.mark.parametrize("between", ["\n", "\\n", "\r\n", " ", ""])
def test_a_key_counts_however_its_line_breaks_came_through(between: str) -> None:
    account = messages(secrets={"private_key": private_key().replace("\n", between)})
    assert account.configured() == []
    assert account.request_for(SMS).headers["Authorization"].startswith("Bearer ")


def test_a_key_of_the_older_form_counts() -> None:
    older = private_key(PrivateFormat.TraditionalOpenSSL)
    assert "BEGIN RSA PRIVATE KEY" in older
    assert messages(secrets={"private_key": older}).configured() == []


@pytest.mark.parametrize("kind", ["path", "garbage", "cut", "curve", "locked"])
def test_what_is_no_key_is_told_and_not_shown(kind: str) -> None:
    bad = not_a_key(kind)
    (told,) = messages(secrets={"private_key": bad}).configured()
    assert "VONAGE_PRIVATE_KEY" in told
    assert bad[30:60] not in told


def not_a_key(kind: str) -> str:
    curve = ec.generate_private_key(ec.SECP256R1())
    locked = load_pem_private_key(private_key().encode(), None)
    keys = {
        "path": "/etc/ssl/private/the-private-key-of-the-application-in-a-file.pem",
        "garbage": "-----BEGIN PRIVATE KEY-----" + base64.b64encode(b"x" * 90).decode() + "-----END PRIVATE KEY-----",
        "cut": private_key()[:-200],
        "curve": curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "locked": locked.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw")).decode(),
    }
    return keys[kind]
