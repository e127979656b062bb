"""What Vonage's Messages API pushes: which tokens count, and what is read."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from time import time
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vonage_jwt import verify_signature

from notifier.wire import Call, Forged, Unreadable
from smsbridge.vendors.base import DeliveryReceipt, InboundText, ReceiptState
from tests.vendors.accounts import call
from tests.vendors.messages_account import SECRET, claims, messages, pushed
from tests.vendors.test_vonage_messages import INBOUND, RECEIPT, SENT_ID
from tests.vendors.webhook_contract import NUMBER, PHONE, WORDS

BODY = json.dumps(INBOUND).encode()


def refused(incoming: Call) -> str:
    """Why a call is refused; fails when it is not."""
    with pytest.raises(Forged) as refusal:
        messages().verify(incoming)
    return str(refusal.value)


def with_token(token: str) -> Call:
    return call(body=BODY, content_type="application/json", authorization=f"Bearer {token}")


def token(**changes: object) -> str:
    return jwt.encode(claims(BODY, **changes), SECRET, algorithm="HS256")


class TestVerify:
    def test_it_takes_what_the_genuine_package_takes(self) -> None:
        genuine = token()
        assert verify_signature(genuine, SECRET)
        messages().verify(with_token(genuine))

    @pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
    def test_the_scheme_is_read_in_any_case(self, scheme: str) -> None:
        messages().verify(call(body=BODY, authorization=f"{scheme} {token()}"))

    def test_an_application_will_do_without_an_api_key(self) -> None:
        messages().verify(with_token(token(api_key=None)))

    def test_a_clock_ahead_of_ours_will_do(self) -> None:
        messages().verify(with_token(token(iat=int(time()) + 30)))

    @pytest.mark.parametrize(
        "changes",
        [
            {"payload_hash": None},
            {"payload_hash": hashlib.sha256(b"other").hexdigest()},
            {"payload_hash": ["x"]},
            {"payload_hash": "\ud800"},
            {"api_key": "other"},
            {"api_key": ["x"]},
            {"api_key": None, "application_id": None},
            {"api_key": None, "application_id": "other"},
            {"iat": None},
            {"iat": "soon"},
            {"iat": True},
            {"iat": float("inf")},
            {"iat": int(time()) + 7200},
            {"iat": int(time()) - 26 * 3600},
            {"exp": int(time()) - 60},
            {"exp": "never"},
            {"nbf": int(time()) + 3600},
        ],
    )
    def test_a_signed_token_that_says_something_else_is_refused(self, changes: dict[str, object]) -> None:
        body = claims(BODY, **changes)
        made = jwt.PyJWS().encode(json.dumps(body).encode(), SECRET, algorithm="HS256")
        assert refused(with_token(made))

    @pytest.mark.parametrize("algorithm", ["none", "HS384", "HS512"])
    def test_no_other_algorithm_counts(self, algorithm: str) -> None:
        key = "" if algorithm == "none" else SECRET * 2
        call = with_token(jwt.encode(claims(BODY), key, algorithm=algorithm))
        with pytest.raises(Forged):
            messages(secrets={"signature_secret": SECRET * 2}).verify(call)

    def test_a_token_counts_for_its_own_body_only(self) -> None:
        assert "another body" in refused(replace(with_token(token()), body=BODY + b" "))

    @pytest.mark.parametrize(
        "header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", "Bearer " + "a" * 9000, "Bearer \ud800.\xff."]
    )
    def test_what_is_no_token_is_refused(self, header: str) -> None:
        assert refused(call(body=BODY, authorization=header))
        assert SECRET not in refused(call(body=BODY))

    def test_a_huge_token_is_refused_though_it_is_rightly_signed(self) -> None:
        assert refused(with_token(token(more="x" * 9000)))

    def test_claims_nested_too_deeply_are_refused(self) -> None:
        nested = b'{"a":' * 1000 + b"1" + b"}" * 1000
        assert refused(with_token(jwt.PyJWS().encode(nested, SECRET, algorithm="HS256")))

    @given(header=st.text(max_size=80) | st.text(alphabet="ey.JhA-_=", max_size=80).map(lambda text: f"Bearer {text}"))
    def test_any_header_is_refused_and_nothing_else_is_raised(self, header: str) -> None:
        assert refused(call(body=BODY, authorization=header))


def inbound(**changes: object) -> InboundText:
    (text,) = messages().parse_inbound(pushed(INBOUND | changes))
    return text


class TestInbound:
    def test_it_reads_a_text(self) -> None:
        assert inbound() == InboundText(
            vendor_id="cccccccc-bbbb-4ccc-8ddd-0123456789ab",
            sender=PHONE,
            recipient=NUMBER,
            text=WORDS,
            at=datetime(2026, 11, 20, 7, tzinfo=UTC),
        )

    @pytest.mark.parametrize("kind", ["image", "audio", "video", "file", "vcard"])
    def test_media_come_as_links_with_their_caption(self, kind: str) -> None:
        sent = {"url": "https://api-us.nexmo.com/v3/media/1b456509", "name": "cat", "caption": "look"}
        text = inbound(channel="mms", message_type=kind, text=None, **{kind: sent})
        assert (text.text, text.media) == ("look", ("https://api-us.nexmo.com/v3/media/1b456509",))

    def test_several_media_come_as_several_links(self) -> None:
        content = [{"type": "image", "url": "https://a.example/1"}, {"type": "file", "url": "https://a.example/2"}, 7]
        assert inbound(message_type="content", content=content).media == ("https://a.example/1", "https://a.example/2")

    @pytest.mark.parametrize(
        "url", ["javascript:alert(1)", "https://a.example/ \n", "https://a/" + "x" * 2000, 7, None]
    )
    def test_what_is_no_link_is_left_out(self, url: object) -> None:
        text = inbound(message_type="image", text=None, image={"url": url})
        assert (text.text, text.media) == ("", ())

    def test_it_reads_the_older_form(self) -> None:
        older = {
            "message_uuid": "u-1",
            "from": {"type": "sms", "number": PHONE[1:]},
            "to": {"type": "sms", "number": NUMBER[1:]},
            "timestamp": "2026-11-20T07:00:00.000Z",
            "direction": "inbound",
            "message": {"content": {"type": "text", "text": "hello"}},
        }
        (text,) = messages().parse_inbound(pushed(older))
        assert (text.sender, text.recipient, text.text) == (PHONE, NUMBER, "hello")
        older["message"] = {"content": {"type": "image", "image": {"url": "https://a.example/1", "caption": "c"}}}
        (text,) = messages().parse_inbound(pushed(older))
        assert (text.text, text.media) == ("c", ("https://a.example/1",))

    def test_what_is_neither_words_nor_media_is_seen_as_an_empty_text(self) -> None:
        assert inbound(message_type="location", text=None, location={"lat": 1}).text == ""

    def test_a_sender_that_is_a_name_is_in_no_conversation(self) -> None:
        assert messages().parse_inbound(pushed(INBOUND | {"from": "ACME"})) == []

    @pytest.mark.parametrize("name", ["message_uuid", "from", "to"])
    def test_what_misses_something_is_unreadable(self, name: str) -> None:
        with pytest.raises(Unreadable):
            messages().parse_inbound(pushed({key: value for key, value in INBOUND.items() if key != name}))

    def test_what_the_database_cannot_hold_is_left_out(self) -> None:
        assert inbound(text="a\0b\ud800").text == "ab\ufffd"


def receipt(**changes: Any) -> DeliveryReceipt:
    (read,) = messages().parse_receipts(pushed(RECEIPT | changes))
    return read


class TestReceipts:
    def test_it_reads_state_price_and_segments(self) -> None:
        assert receipt(client_ref="n-42") == DeliveryReceipt(
            vendor_id=SENT_ID,
            reference="n-42",
            state=ReceiptState.DELIVERED,
            at=datetime(2026, 11, 20, 7, tzinfo=UTC),
            price=Decimal("0.0333"),
            currency="EUR",
            segments=2,
        )

    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("submitted", ReceiptState.SENT),
            ("delivered", ReceiptState.DELIVERED),
            ("read", ReceiptState.DELIVERED),
            ("rejected", ReceiptState.UNDELIVERED),
            ("undeliverable", ReceiptState.UNDELIVERED),
            ("anything new", ReceiptState.UNKNOWN),
            (7, ReceiptState.UNKNOWN),
        ],
    )
    def test_it_knows_each_state(self, status: object, state: ReceiptState) -> None:
        assert receipt(status=status).state is state

    @pytest.mark.parametrize(
        "error",
        [
            {"type": "https://developer.vonage.com/api-errors/messages#1240", "title": 1240, "detail": "STOP"},
            {"type": "https://developer.vonage.com/api-errors/messages#1240", "title": "Illegal number"},
            {"code": 1240, "reason": "STOP"},
        ],
    )
    def test_it_reads_the_error_of_either_form(self, error: dict[str, object]) -> None:
        assert receipt(status="rejected", error=error).error == messages().error("1240")

    def test_what_was_not_delivered_in_time_has_expired(self) -> None:
        assert receipt(status="rejected", error={"title": "1360"}).state is ReceiptState.EXPIRED

    @pytest.mark.parametrize("usage", [None, [], {"price": "a lot"}, {"price": None, "currency": 7}])
    def test_it_does_without_a_price_that_is_none(self, usage: object) -> None:
        assert (receipt(usage=usage).price, receipt(usage=usage).currency) == (None, "")

    @pytest.mark.parametrize("total", [None, "0", "-1", "many", True, "9" * 9])
    def test_it_does_without_a_count_that_is_none(self, total: object) -> None:
        assert receipt(sms={"count_total": total}).segments is None

    def test_one_without_any_id_is_unreadable(self) -> None:
        with pytest.raises(Unreadable):
            messages().parse_receipts(pushed({"status": "delivered"}))


class TestMedia:
    @pytest.mark.parametrize("url", ["https://api-us.nexmo.com/v3/media/1", "https://messages-sandbox.vonage.com/1"])
    def test_credentials_go_with_a_link_to_vonage(self, url: str) -> None:
        request = messages().media_request(url)
        assert request is not None
        assert (request.method, request.url) == ("GET", url)
        assert request.headers["Authorization"].startswith("Bearer ")

    def test_without_an_application_the_api_secret_goes(self) -> None:
        request = messages(application_id="", secrets={"private_key": ""}).media_request("https://api.nexmo.com/v3/m")
        assert request is not None
        assert request.headers["Authorization"].startswith("Basic ")

    @pytest.mark.parametrize(
        "url",
        [
            "https://evil.example/v3/media/1",
            "https://api.nexmo.com.evil.example/",
            "https://evilnexmo.com/",
            "http://api.nexmo.com/v3/media/1",
            "https://api.nexmo.com@evil.example/",
            "https://evil.example@api.nexmo.com/",
            "https://127.0.0.1\\.nexmo.com/",
            "https://127.0.0.1\\@api.nexmo.com/",
            "https://127.0.0.1/\t.nexmo.com/",
            "https://api.nexmo.com/v3/media/1\r\nX-Other: 1",
            "https://127.0.0.1%2f.nexmo.com/",
            "https://api.nexmo.com:8443/",
            "http://[",
            "",
        ],
    )
    def test_credentials_go_nowhere_else(self, url: str) -> None:
        with pytest.raises(ValueError, match=r"not to Vonage|Invalid"):
            messages().media_request(url)
