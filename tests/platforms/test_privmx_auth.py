"""How a key proves itself. The vectors were computed from the rule by openssl: see each."""

import base64
import re

import pytest

from notifier.platforms.privmx_auth import ApiKey, fresh_nonce
from tests.platforms.privmx_cases import Talk, lunch, privmx

STAMP = 1_702_555_410_352
NONCE = "0123456789abcdef0123456789abcdef"
BODY = b'{"jsonrpc":"2.0","id":1,"method":"context/listContexts","params":{}}'
#: RFC 8032, section 7.1, test 1
PEM = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----"""


def key(secret: str = "S", *, signs: bool = False) -> ApiKey:  # noqa: S107
    return ApiKey("K", secret, signs, clock=lambda: STAMP / 1000, nonce=lambda: NONCE)


def test_a_secret_is_sent_when_logging_in() -> None:
    told = {"grantType": "api_key_credentials", "apiKeyId": "K", "apiKeySecret": "S"}
    assert key().log_in(None) == told
    assert key().log_in(["thread"]) == {**told, "scope": ["thread"]}


def test_a_secret_that_only_signs_is_never_sent() -> None:
    assert key(signs=True).log_in(["thread"]) == {
        "grantType": "api_key_signature",
        "apiKeyId": "K",
        "timestamp": STAMP,
        "nonce": NONCE,
        "signature": HMAC_LOG_IN,
        "scope": ["thread"],
    }


#: printf '1702555410352;0123456789abcdef0123456789abcdef;\n\n\n' | openssl dgst -sha256 -hmac S -binary | head -c 20
HMAC_LOG_IN = "kWsiUclc0gV6x8fAU0VtoZbuP7s="
#: the same of '...;POST\n/api\n' and the body and '\n'
HMAC_POST = "iYMGN9jND0sDuHaHQiljioDUsxY="
#: the bytes of HMAC_LOG_IN, openssl pkeyutl -sign -rawin -inkey with the key above
ED25519_LOG_IN = "ZlWzguR0pEV+rqaWkHOSuGKEkooSGuMd4BqXKyTO+akJ39m8pbchnQDRIYw7g0nsVI3NDEd9M4dYxMI+KNwSBQ=="


def test_a_private_key_signs_whatever_was_chosen() -> None:
    for signs in (True, False):
        told = key(PEM, signs=signs).log_in(None)
        assert (told["grantType"], told["signature"]) == ("api_key_signature", ED25519_LOG_IN)


def test_a_private_key_may_come_on_one_line() -> None:
    assert key(PEM.replace("\n", "\\n")).log_in(None)["signature"] == ED25519_LOG_IN


def test_a_call_over_http_carries_the_secret_or_a_signature_of_itself() -> None:
    assert key().authorization(BODY) == "Basic " + base64.b64encode(b"K:S").decode()
    assert key(signs=True).authorization(BODY) == f"pmx-hmac-sha256 K;1;{STAMP};{NONCE};{HMAC_POST}"
    assert key(PEM).authorization(BODY).startswith(f"pmx-hmac-sha256 K;1;{STAMP};{NONCE};")


def test_a_nonce_is_as_long_as_it_must_be_and_is_used_once() -> None:
    assert re.fullmatch(r"[0-9a-f]{48}", fresh_nonce())
    assert len({fresh_nonce() for _ in range(100)}) == 100


def test_each_try_to_log_in_has_a_signature_of_its_own() -> None:
    talk = Talk(privmx(auth="signature"), lunch())
    talk.world.fails("manager/auth", {"error": {"code": -32603}})
    talk.open()
    nonces = [told["nonce"] for told in talk.params if told.get("grantType") == "api_key_signature"]
    assert len(set(nonces)) == 2


def test_a_key_never_shows_its_secret() -> None:
    assert "the-secret" not in repr(key("the-secret"))


@pytest.mark.parametrize("secret", ["-----BEGIN PRIVATE KEY-----\nx", PEM[:60], "plain"])
def test_what_is_no_private_key_is_none(secret: str) -> None:
    assert key(secret).private_key is None
