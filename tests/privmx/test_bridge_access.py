"""Keys, tokens and signatures at the pretended Bridge, as at a stock one."""

import base64
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.privmx import codes
from tests.privmx.access import Key
from tests.privmx.bridge import Bridge
from tests.privmx.callers import ask, call, code, hearer, log_in, post
from tests.privmx.signatures import hmac_signature, signed_bytes


def test_a_log_in_tells_its_tokens_their_lives_and_its_scope(bridge: Bridge) -> None:
    tokens = log_in(bridge, ["thread", "solution:*"])
    now = time.time() * 1000
    assert tokens["scope"] == ["thread", "solution:*"]
    assert (len(tokens["accessToken"]), len(tokens["refreshToken"])) == (216, 216)
    assert tokens["accessTokenExpiry"] - now == pytest.approx(15 * 60_000, abs=5_000)
    assert tokens["refreshTokenExpiry"] - now == pytest.approx(7 * 24 * 3_600_000, abs=5_000)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"apiKeyId": "nobody", "apiKeySecret": "S"}, codes.NO_KEY),
        ({"apiKeyId": "K", "apiKeySecret": "wrong"}, codes.BAD_CREDENTIALS),
        ({"apiKeyId": "K", "apiKeySecret": "S", "scope": ["apiKey"]}, codes.BAD_SCOPE),
        ({"apiKeyId": "K", "apiKeySecret": "S", "scope": ["solution:S1"]}, codes.BAD_SCOPE),  # only solution:* is its
        ({"apiKeyId": "K"}, codes.BAD_PARAMETERS),
    ],
)
def test_a_log_in_that_is_refused(bridge: Bridge, given: dict[str, Any], expected: int) -> None:
    assert code(ask(bridge, "manager/auth", grantType="api_key_credentials", **given)) == expected


def signature(signing: "Ed25519PrivateKey | str", key: str, **changes: Any) -> dict[str, Any]:
    """The parameters of a signed log-in."""
    given = {"apiKeyId": key, "timestamp": int(time.time() * 1000), "nonce": "n" * 32, "data": "x", **changes}
    message = signed_bytes(given["timestamp"], given["nonce"], given["data"])
    raw = hmac_signature(signing, message) if isinstance(signing, str) else signing.sign(message)
    return {"grantType": "api_key_signature", "signature": base64.b64encode(raw).decode(), **given}


def test_a_log_in_by_signature_is_good_once(bridge: Bridge) -> None:
    given = signature("S", "K")
    assert "result" in ask(bridge, "manager/auth", **given)
    assert code(ask(bridge, "manager/auth", **given)) == codes.BAD_NONCE


def test_a_log_in_by_a_key_pair(bridge: Bridge) -> None:
    private = Ed25519PrivateKey.generate()
    bridge.access.add_key(Key("pair", public_key=private.public_key()))
    assert "result" in ask(bridge, "manager/auth", **signature(private, "pair"))
    by_secret = {"grantType": "api_key_credentials", "apiKeyId": "pair", "apiKeySecret": "S"}
    assert code(ask(bridge, "manager/auth", **by_secret)) == codes.BAD_CREDENTIALS


@pytest.mark.parametrize(
    ("signing", "changes", "expected"),
    [
        ("wrong", {}, codes.BAD_SIGNATURE),
        ("S", {"timestamp": int((time.time() - 700) * 1000)}, codes.BAD_TIMESTAMP),
        ("S", {"nonce": "n" * 31}, codes.BAD_PARAMETERS),
        ("S", {"nonce": "n" * 65}, codes.BAD_PARAMETERS),
    ],
)
def test_a_signature_that_is_refused(bridge: Bridge, signing: str, changes: dict[str, Any], expected: int) -> None:
    assert code(ask(bridge, "manager/auth", **signature(signing, "K", **changes))) == expected


def test_a_refresh_ends_both_old_tokens_at_once(bridge: Bridge) -> None:
    old = log_in(bridge)
    refresh = {"grantType": "refresh_token", "refreshToken": old["refreshToken"]}
    new = ask(bridge, "manager/auth", **refresh)["result"]
    assert code(listed(bridge, old["accessToken"])) == codes.UNAUTHORIZED
    assert code(ask(bridge, "manager/auth", **refresh)) == codes.BAD_TOKEN
    assert listed(bridge, new["accessToken"])["result"]["count"] == 1


def listed(bridge: Bridge, token: str) -> dict[str, Any]:
    return ask(bridge, "context/listContexts", token=token, skip=0, limit=10, sortOrder="asc")


def test_a_token_expires(bridge: Bridge) -> None:
    bridge.access.access_seconds = 0.0
    assert code(listed(bridge, log_in(bridge)["accessToken"])) == codes.UNAUTHORIZED


def test_the_seventeenth_log_in_ends_the_first(bridge: Bridge) -> None:
    first, *others = [log_in(bridge)["accessToken"] for _ in range(17)]
    assert code(listed(bridge, first)) == codes.UNAUTHORIZED
    assert all("result" in listed(bridge, token) for token in others)


def test_single_calls_carry_credentials_in_a_header(bridge: Bridge, thread: str) -> None:
    body = call("thread/getThread", {"threadId": thread})
    now = int(time.time() * 1000)
    signed = base64.b64encode(hmac_signature("S", signed_bytes(now, "m" * 32, body, "POST\n/api"))).decode()
    for header in (
        f"Basic {base64.b64encode(b'K:S').decode()}",
        f"Bearer {log_in(bridge)['accessToken']}",
        f"pmx-hmac-sha256 K;1;{now};{'m' * 32};{signed}",
    ):
        assert post(bridge, body, Authorization=header).json()["result"]["thread"]["id"] == thread
    wrong = post(bridge, body, Authorization=f"Basic {base64.b64encode(b'K:X').decode()}")
    assert code(wrong.json()) == codes.BAD_CREDENTIALS


def test_a_token_may_be_bound_to_the_socket_that_asked_for_it(bridge: Bridge) -> None:
    with hearer(bridge) as own:
        given = {"grantType": "api_key_credentials", "apiKeyId": "K", "apiKeySecret": "S"}
        scope = ["context", "solution:*", "connection"]
        token = own.ask("manager/auth", **given, scope=scope)["result"]["accessToken"]
        assert code(listed(bridge, token)) == codes.UNAUTHORIZED
        assert own.ask("manager/bindAccessToken", accessToken=token)["result"] == "OK"
