"""What Twilio pushes: signed by its own package, by every way in which it can be signed."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.wire import Call, Forged, Unreadable
from smsbridge.vendors.base import ReceiptState
from smsbridge.vendors.twilio import Twilio
from tests.vendors.accounts import TWILIO_SID, TWILIO_TOKEN, twilio
from tests.vendors.contract import REFERENCE
from tests.vendors.twilio_sdk import by_form, by_get, by_json, pushed

URL = "https://bridge.example/webhooks/sms/twilio/inbound/"
SETTINGS = "x-twilio-webhooks-signature-settings"
WAYS = pytest.mark.parametrize("way", [by_form, by_get, by_json])


@WAYS
def test_it_takes_each_way_of_pushing(way: Callable[..., Call]) -> None:
    call = way(URL, pushed("inbound", Body="5 × €"))
    twilio().verify(call)
    (text,) = twilio().parse_inbound(call)
    assert (text.sender, text.recipient, text.text) == ("+12025550101", "+12025550001", "5 × €")


@WAYS
def test_it_refuses_what_another_account_signed_or_sent(way: Callable[..., Call]) -> None:
    for call in (
        way(URL, pushed("inbound"), "wrong"),
        way(URL, pushed("inbound", AccountSid=TWILIO_SID.replace("0", "f"))),
    ):
        with pytest.raises(Forged, match=r"signature is wrong|another Twilio account"):
            twilio().verify(call)


def test_it_needs_the_hash_of_a_body_that_is_no_form() -> None:
    call = by_json(URL, pushed("inbound"))
    bare = by_get(URL, {})
    for forged in (
        replace(call, body=call.body.replace(b"on my way", b"off we go")),
        replace(bare, method="POST", body=call.body, headers={**bare.headers, "content-type": "application/json"}),
        replace(bare, method="POST", body=call.body),
    ):
        with pytest.raises(Forged):
            twilio().verify(forged)


def test_a_query_counts_only_with_its_url() -> None:
    call = by_form(f"{URL}?reference={REFERENCE}", pushed("receipt"))
    with pytest.raises(Forged):
        twilio().verify(replace(call, query=f"reference={'0' * 32}"))


@pytest.mark.parametrize(("signed", "public"), [("", ":443"), (":443", ""), (":8443", ":8443")])
def test_the_port_may_be_signed_or_not(signed: str, public: str) -> None:
    call = by_form(URL.replace(".example", f".example{signed}"), pushed("inbound"))
    twilio().verify(replace(call, url=URL.replace(".example", f".example{public}")))


def test_each_field_counts_with_all_its_values() -> None:
    twice = [*pushed("inbound").items(), ("Body", "on my way")]
    twilio().verify(by_form(URL, twice))
    with pytest.raises(Forged):
        twilio().verify(replace(by_form(URL, twice), body=by_form(URL, twice).body + b"&Body=more"))


class TestSharedKey:
    key = twilio(secrets={"webhook_key": "the-key,old-key"})

    @pytest.mark.parametrize("secret", ["the-key", "old-key"])
    def test_it_counts_when_it_is_configured(self, secret: str) -> None:
        call = by_form(URL, pushed("inbound"), secret, "HMAC_SHA256")
        for settings in ({}, {SETTINGS: "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"}):
            self.key.verify(replace(call, headers={**call.headers, **settings}))

    def test_what_the_auth_token_signs_counts_meanwhile(self) -> None:
        self.key.verify(by_form(URL, pushed("inbound")))

    @pytest.mark.parametrize(
        ("account", "secret", "algorithm"),
        [
            (twilio(), TWILIO_TOKEN, "HMAC_SHA256"),
            (key, TWILIO_TOKEN, "HMAC_SHA256"),
            (key, "the-key", "HMAC_SHA1"),
            (twilio(), "the-key", "HMAC_SHA256"),
        ],
    )
    def test_the_header_alone_chooses_nothing(self, account: Twilio, secret: str, algorithm: str) -> None:
        call = by_form(URL, pushed("inbound"), secret, algorithm)
        named = replace(call, headers={**call.headers, SETTINGS: f"key=k,algorithm={algorithm}"})
        with pytest.raises(Forged):
            account.verify(named)


@given(
    signature=st.text(max_size=40),
    content_type=st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/plain", ""]),
    body=st.binary(max_size=60) | st.just(b"Body=%ff") | st.just(b"{}"),
    query=st.sampled_from(["", "bodySHA256=00", "bodySHA256=%ff&a", "\ud800"]),
)
def test_whatever_comes_is_forged_and_nothing_else(signature: str, content_type: str, body: bytes, query: str) -> None:
    headers = {"content-type": content_type, "x-twilio-signature": signature}
    with pytest.raises(Forged):
        twilio().verify(Call("POST", f"{URL}?{query}", query, headers, body))


def _inbound(**changes: str) -> Call:
    return by_form(URL, pushed("inbound", **changes))


def test_it_reads_pictures_that_came_along() -> None:
    link = f"https://api.twilio.com/2010-04-01/Accounts/{TWILIO_SID}/Messages/MM1/Media/ME1"
    (text,) = twilio().parse_inbound(_inbound(NumMedia="2", MediaUrl0=link, MediaUrl1="javascript:x", Body=""))
    assert (text.text, text.media) == ("", [link])


@pytest.mark.parametrize(
    ("told", "meaning"), [("STOP", "stop"), ("START", "start"), ("HELP", "help"), ("", ""), ("SOMETHING NEW", "")]
)
def test_it_says_what_twilio_took_a_text_for(told: str, meaning: str) -> None:
    (text,) = twilio().parse_inbound(_inbound(OptOutType=told, Body="no mas"))
    assert text.meaning == meaning
    assert [text.meaning for text in twilio().parse_inbound(_inbound())] == [""]


def test_it_cleans_texts() -> None:
    (text,) = twilio().parse_inbound(_inbound(Body="a\0b"))
    assert text.text == "ab"
    (text,) = twilio().parse_inbound(by_json(URL, pushed("inbound", Body="a\ud800b")))
    assert text.text == "a\ufffdb"


@pytest.mark.parametrize("sender", ["12345", "ACME", "whatsapp:+12025550101"])
def test_what_nobody_can_be_answered_at_is_no_text(sender: str) -> None:
    assert twilio().parse_inbound(_inbound(From=sender)) == []


@pytest.mark.parametrize("change", [{"MessageSid": ""}, {"From": ""}, {"To": ""}])
def test_it_says_what_a_text_needs(change: dict[str, str]) -> None:
    with pytest.raises(Unreadable, match="needs MessageSid"):
        twilio().parse_inbound(_inbound(**change))


def test_it_says_what_a_receipt_needs() -> None:
    with pytest.raises(Unreadable, match="needs MessageStatus"):
        twilio().parse_receipts(by_form(URL, {"AccountSid": TWILIO_SID}))
    with pytest.raises(Unreadable, match="our reference"):
        twilio().parse_receipts(by_form(f"{URL}?reference=x", {"MessageStatus": "sent"}))


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        ("queued", "", ReceiptState.QUEUED),
        ("accepted", "", ReceiptState.QUEUED),
        ("sending", "", ReceiptState.SENT),
        ("sent", "", ReceiptState.SENT),
        ("delivered", "", ReceiptState.DELIVERED),
        ("read", "", ReceiptState.DELIVERED),
        ("undelivered", "30003", ReceiptState.UNDELIVERED),
        ("failed", "30007", ReceiptState.UNDELIVERED),
        ("failed", "30036", ReceiptState.EXPIRED),
        ("canceled", "", ReceiptState.UNDELIVERED),
        ("something new", "", ReceiptState.UNKNOWN),
    ],
)
def test_it_reads_receipts(status: str, code: str, state: ReceiptState) -> None:
    (receipt,) = twilio().parse_receipts(by_form(URL, pushed("receipt", MessageStatus=status, ErrorCode=code)))
    assert receipt.state is state
    assert receipt.error == (twilio().error(code) if code else None)


MEDIA = f"https://api.twilio.com/2010-04-01/Accounts/{TWILIO_SID}/Messages/MM1/Media/ME1"


def test_it_fetches_media_with_the_credentials() -> None:
    request = twilio().media_request(MEDIA)
    assert (request.method, request.url) == ("GET", MEDIA)
    assert request.headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    "url",
    [
        MEDIA.replace("https", "http"),
        MEDIA.replace("api.twilio.com", "evil.example"),
        MEDIA.replace("api.twilio.com", "api.twilio.com@evil.example"),
        MEDIA.replace("api.twilio.com", "evil.example\\@api.twilio.com"),
        MEDIA.replace("api.twilio.com", "api.twilio.com:8443"),
        MEDIA.replace(TWILIO_SID, "AC1"),
        MEDIA.replace("/Messages", "/../../x"),
        MEDIA.partition("/MM1")[0] + ".json",
        MEDIA.replace("/Media/ME1", ".json"),
        MEDIA.replace("/Media/ME1", "/Media/%2e%2e"),
        MEDIA.replace("/Messages", "/%2e%2e/Messages"),
        MEDIA + "/",
        "https://api.twilio.com/Messages/MM1/Media/ME1",
        MEDIA + "?x=1",
        MEDIA + "#x",
        MEDIA + "\t",
        MEDIA + "\n",
        MEDIA.replace("/MM1", "\\MM1"),
        "https://[",
        "",
    ],
)
def test_the_credentials_go_nowhere_else(url: str) -> None:
    with pytest.raises(ValueError, match="not at the account's own place"):
        twilio().media_request(url)
