"""Signatures of Standard Webhooks, both ways: what proves who called, and what does not."""

import hmac
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from notifier.platforms import generic_signing
from notifier.wire import Forged
from tests.platforms.generic_cases import SECRET, delivery, generic


@given(body=st.text(max_size=60), message_id=st.text("abc_123", min_size=1, max_size=20))
def test_its_calls_are_signed_as_the_library_of_the_standard_does(body: str, message_id: str) -> None:
    call = delivery(body.encode(), message_id=message_id)
    at = datetime.fromtimestamp(int(call.headers["webhook-timestamp"]), UTC)
    assert call.headers["webhook-signature"] == Webhook(SECRET).sign(message_id, at, body)
    generic().verify(call, [SECRET])


@pytest.mark.parametrize("away", [-301, 301])
def test_an_old_call_cannot_be_played_again(away: int) -> None:
    call = delivery(b"{}", at=1_000_000)
    with pytest.raises(Forged, match="300 seconds"):
        generic_signing.verify(call, [SECRET], now=1_000_000 + away)


def test_one_of_several_signatures_suffices() -> None:
    call = delivery(b"{}")
    call.headers["webhook-signature"] = f"v1,AAAA v2,BBBB {call.headers['webhook-signature']}"  # type: ignore[index]
    generic().verify(call, ["whsec_not base64", SECRET])


@pytest.mark.parametrize("empty", ["whsec_", "whsec_ "])
def test_a_secret_of_nothing_signs_nothing(empty: str) -> None:
    call = delivery(b"{}")
    stamp = call.headers["webhook-timestamp"]
    signed = f"{call.headers['webhook-id']}.{stamp}.{{}}".encode()
    forged = f"v1,{b64encode(hmac.digest(b'', signed, 'sha256')).decode()}"
    call.headers["webhook-signature"] = forged  # type: ignore[index]
    with pytest.raises(Forged):
        generic().verify(call, [empty, SECRET])


@pytest.mark.parametrize(("header", "value"), [("webhook-signature", "v1,\ud800"), ("webhook-id", "evt\x00")])
def test_odd_characters_are_refused(header: str, value: str) -> None:
    call = delivery(b"{}", message_id=value) if header == "webhook-id" else delivery(b"{}")
    call.headers[header] = value  # type: ignore[index]
    with pytest.raises(Forged):
        generic().verify(call, [SECRET])


@pytest.mark.parametrize("stamp", ["", "soon", "-5", "1e9", "٣", "9" * 30])
def test_a_stamp_that_is_none_is_refused(stamp: str) -> None:
    call = delivery(b"{}")
    call.headers["webhook-timestamp"] = stamp  # type: ignore[index]
    with pytest.raises(Forged):
        generic().verify(call, [SECRET])


def test_a_question_is_signed_over_its_method_and_path() -> None:
    request = generic().identity_request("a/b")
    headers = request.headers
    ours = generic_signing.sign(
        SECRET, headers["webhook-id"], int(headers["webhook-timestamp"]), b"GET /bridge/users/a%2Fb"
    )
    assert headers["webhook-signature"] == ours
