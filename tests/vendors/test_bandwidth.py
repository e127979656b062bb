"""Bandwidth: texts as the genuine package sends them, answers, receipts, and proof of where calls come from."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from bandwidth import ApiClient, Configuration, MessageRequest, MessagesApi
from hypothesis import given
from hypothesis import strategies as st

from notifier.wire import Call, Failure, Forged, Request, Response, Unreadable
from smsbridge.vendors.abilities import Finder, NumberSettings
from smsbridge.vendors.bandwidth import Bandwidth
from smsbridge.vendors.base import (
    ErrorKind,
    OutcomeKind,
    OutgoingSms,
    PhoneFacts,
    PhoneStatus,
    ReceiptState,
    VendorError,
)
from tests.vendors.accounts import BANDWIDTH_OPTIONS, bandwidth, bandwidth_fixture, basic, call
from tests.vendors.contract import SMS, VendorContract, answered
from tests.vendors.sdk_contract import SdkContract
from tests.vendors.webhook_contract import BASE, NUMBER, PHONE, WORDS, Proof

ACCOUNT = BANDWIDTH_OPTIONS["account_id"]
PASSWORDS = {Proof.RIGHT: "the-callback-password", Proof.FORMER: "former", Proof.WRONG: "wrong"}


def pushed(name: str, *, message: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The recorded event of a push, with changes."""
    (event,) = json.loads(bandwidth_fixture(f"{name}.json"))
    return {**event, **changes, "message": event["message"] | (message or {})}


def by_bandwidth(*events: Any, proof: Proof = Proof.RIGHT, base: str = BASE, path: str = "inbound") -> Call:
    """The call that pushes these events."""
    headers = {"authorization": basic("bandwidth", PASSWORDS[proof])} if proof is not Proof.NONE else {}
    body = json.dumps(events, ensure_ascii=False).encode()
    url = f"{base}/webhooks/sms/bandwidth/{path}/"
    return replace(call(body=body, content_type="application/json; charset=utf-8", **headers), url=url)


class TestContract(VendorContract, SdkContract):
    SENT_ID = "1795158000000abcdefgh"
    signs_body = False

    def vendor(self, url: str | None = None) -> Bandwidth:
        return bandwidth(api_url=url) if url else bandwidth()

    def rotating(self) -> Bandwidth:
        return bandwidth(secrets={"callback_password": "the-callback-password, former"})

    def inbound_call(self, proof: Proof = Proof.RIGHT, *, base: str = BASE, age: float = 0.0) -> Call:
        event = pushed("inbound", to=NUMBER, message={"from": PHONE, "to": [NUMBER], "text": WORDS})
        return by_bandwidth(event, proof=proof, base=base)

    def receipt_call(self, state: ReceiptState, proof: Proof = Proof.RIGHT, *, reference: str = "") -> Call:
        changes = {} if state is ReceiptState.DELIVERED else {"type": "message-failed", "errorCode": 4750}
        return by_bandwidth(pushed("receipt", message={"tag": reference}, **changes), proof=proof, path="status")

    def sent(self) -> tuple[Response, str]:
        return answered(202, bandwidth_fixture("sent.json")), self.SENT_ID

    def without_id(self) -> Response:
        return answered(202, b'{"owner": "+12025550001", "segmentCount": 1}')

    def refused(self) -> tuple[Response, ErrorKind]:
        return answered(400, bandwidth_fixture("refused.json")), ErrorKind.RECIPIENT

    def refused_with_id(self) -> list[tuple[Response, str]]:
        body = b'{"type": "request-validation", "id": "17951580"}'
        return [(answered(status, body), "17951580") for status in (400, 403, 429)]

    def account_error(self) -> Response:
        return answered(401, bandwidth_fixture("unauthorised.json"))

    def send_genuinely(self, sms: OutgoingSms, url: str) -> None:
        message = MessageRequest(
            application_id=BANDWIDTH_OPTIONS["application_id"],
            to=[sms.recipient],
            var_from=sms.sender,
            text=sms.text,
            media=list(sms.media) or None,
            tag=sms.reference,
        )
        MessagesApi(genuine(f"{url}/api/v2", ca=os.environ["SSL_CERT_FILE"])).create_message(
            ACCOUNT, message, _request_timeout=5
        )


def genuine(host: str, ca: str) -> ApiClient:
    """A client of the package for a server of ours: without `ignore_operation_servers` it would go to Bandwidth."""
    known = {"username": BANDWIDTH_OPTIONS["user"], "password": "the-password"}
    return ApiClient(Configuration(host=host, ignore_operation_servers=True, ssl_ca_cert=ca, **known))


def test_the_package_is_not_loaded_before_the_first_text() -> None:
    program = (
        "import sys; from smsbridge.vendors.registry import vendor_class; vendor = vendor_class('bandwidth'); "
        "sys.exit(any(name.partition('.')[0] == 'bandwidth' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_it_can_do_what_bandwidth_offers_and_says_no_more() -> None:
    assert not isinstance(bandwidth(), Finder)  # its list of messages proves nothing
    assert not isinstance(bandwidth(), NumberSettings)  # where texts go to is the application's


# Sending


def body_of(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(request.body)
    return body


def test_it_sends_media_and_takes_a_name_as_sender() -> None:
    sent = body_of(bandwidth().request_for(replace(SMS, sender="ACME", media=["https://a.example/1.png"])))
    assert (sent["from"], sent["media"], sent["to"]) == ("ACME", ["https://a.example/1.png"], [SMS.recipient])


@pytest.mark.parametrize(
    "change",
    [
        {"text": ""},
        {"text": "x" * 2049},
        {"text": "\ud800"},
        {"recipient": "12025550101"},
        {"recipient": "ACME"},
        {"sender": "A NAME TOO LONG"},
        {"sender": "1234"},
        {"media": ["https://a.example/1.png"] * 11},
        {"media": ["x" * 4097]},
    ],
)
def test_it_refuses_what_cannot_be_sent_without_repeating_it(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"the text|is not|neither|takes no such") as refusal:
        bandwidth().request_for(replace(SMS, **change))
    shown = f"{refusal.value!s}{refusal.value.__context__!s}"
    assert not any(fact in shown for fact in ("12025550101", "xxx", "NAME", "1.png", "Alice"))


def test_it_counts_segments() -> None:
    outcome = bandwidth().outcome(answered(202, bandwidth_fixture("sent.json")))
    assert (outcome.kind, outcome.segments) == (OutcomeKind.SENT, 2)


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("to", ErrorKind.RECIPIENT),
        ("to[0]", ErrorKind.RECIPIENT),
        ("text", ErrorKind.RECIPIENT),
        ("from", ErrorKind.ACCOUNT),
        ("applicationId", ErrorKind.ACCOUNT),
        ("priority", ErrorKind.UNKNOWN),
        ("", ErrorKind.UNKNOWN),
    ],
)
def test_it_tells_refusals_by_the_field_they_are_about(field: str, kind: ErrorKind) -> None:
    told = {"type": "request-validation", "description": "no", "fieldErrors": [{"fieldName": field}]}
    outcome = bandwidth().outcome(answered(400, json.dumps(told).encode()))
    assert outcome.error is not None
    assert (outcome.kind, outcome.error.kind) == (OutcomeKind.REFUSED, kind)


def test_it_repeats_no_words_of_a_refusal() -> None:
    assert "2025550101" not in str(bandwidth().outcome(answered(400, bandwidth_fixture("refused.json"))))


def test_it_is_uncertain_about_an_answer_that_contradicts_itself() -> None:
    outcome = bandwidth().outcome(answered(400, bandwidth_fixture("sent.json")))
    assert (outcome.kind, outcome.vendor_id) == (OutcomeKind.UNCERTAIN, "1795158000000abcdefgh")


@pytest.mark.parametrize(
    ("code", "kind", "proves"),
    [
        ("4001", ErrorKind.ACCOUNT, PhoneStatus.UNKNOWN),
        ("4432", ErrorKind.ACCOUNT, PhoneStatus.UNKNOWN),
        ("4702", ErrorKind.RECIPIENT, PhoneStatus.UNKNOWN),
        ("4720", ErrorKind.RECIPIENT, PhoneStatus.UNKNOWN),
        ("4721", ErrorKind.RECIPIENT, PhoneStatus.NOT_IN_SERVICE),
        ("4406", ErrorKind.RECIPIENT, PhoneStatus.NOT_IN_SERVICE),
        ("4775", ErrorKind.OPTED_OUT, PhoneStatus.UNKNOWN),
        ("4475", ErrorKind.OPTED_OUT, PhoneStatus.UNKNOWN),
        ("5600", ErrorKind.TEMPORARY, PhoneStatus.UNKNOWN),
        ("9902", ErrorKind.UNKNOWN, PhoneStatus.UNKNOWN),
        ("4999", ErrorKind.UNKNOWN, PhoneStatus.UNKNOWN),
    ],
)
def test_it_knows_what_codes_mean(code: str, kind: ErrorKind, proves: PhoneStatus) -> None:
    error = bandwidth().error(code)
    assert (error.kind, error.proves) == (kind, proves)
    assert error.link == "https://dev.bandwidth.com/docs/messaging/errors"


def test_an_error_about_one_destination_stops_no_other_text() -> None:
    assert bandwidth().error("4432").some_only
    assert not bandwidth().error("4452").some_only


# Incoming


def test_events_of_all_kinds_in_one_call_are_read_by_each_reader_for_its_own() -> None:
    other = pushed("receipt", type="suggestion-response")
    mixed = by_bandwidth(pushed("inbound"), pushed("receipt"), other, pushed("inbound", message={"id": "second"}))
    assert [text.vendor_id for text in bandwidth().parse_inbound(mixed)] == ["1795158000000inbound", "second"]
    assert [receipt.state for receipt in bandwidth().parse_receipts(mixed)] == [ReceiptState.DELIVERED]


def test_it_reads_pictures_without_the_slide_description() -> None:
    (text,) = bandwidth().parse_inbound(by_bandwidth(pushed("inbound")))
    (picture,) = text.media
    assert picture.endswith("/1/cat.jpg")
    assert text.at == datetime(2026, 11, 20, 7, tzinfo=UTC)


def test_a_text_from_a_short_code_is_left_out() -> None:
    assert bandwidth().parse_inbound(by_bandwidth(pushed("inbound", message={"from": "12345"}))) == []


def test_one_event_that_cannot_be_read_does_not_take_the_others_with_it() -> None:
    broken = pushed("inbound", message={"id": None})
    assert len(bandwidth().parse_inbound(by_bandwidth(broken, 7, pushed("inbound")))) == 1
    with pytest.raises(Unreadable):
        bandwidth().parse_inbound(by_bandwidth(broken))


@pytest.mark.parametrize(
    ("kind", "code", "state"),
    [
        ("message-sending", None, ReceiptState.SENT),
        ("message-sent", None, ReceiptState.SENT),
        ("message-delivered", None, ReceiptState.DELIVERED),
        ("message-read", None, ReceiptState.DELIVERED),
        ("message-failed", 4770, ReceiptState.UNDELIVERED),
        ("message-failed", None, ReceiptState.UNDELIVERED),
        ("message-failed", 9902, ReceiptState.UNKNOWN),
        ("message-pondered", None, ReceiptState.UNKNOWN),
    ],
)
def test_it_knows_the_states_of_receipts(kind: str, code: int | None, state: ReceiptState) -> None:
    (receipt,) = bandwidth().parse_receipts(by_bandwidth(pushed("receipt", type=kind, errorCode=code)))
    assert receipt.state is state
    assert (receipt.error.code if receipt.error else None) == (str(code) if code else None)


def test_a_receipt_tells_the_carrier_and_the_segments() -> None:
    (receipt,) = bandwidth().parse_receipts(by_bandwidth(pushed("receipt")))
    assert receipt.segments == 2
    assert receipt.facts == PhoneFacts(status=PhoneStatus.TEXTABLE, carrier="Verizon Wireless")
    (plain,) = bandwidth().parse_receipts(by_bandwidth(pushed("receipt", carrierName=None)))
    assert plain.facts is None


def test_it_refuses_messages_of_another_application() -> None:
    other = by_bandwidth(pushed("inbound"), pushed("inbound", message={"applicationId": "another"}))
    with pytest.raises(Forged, match="another application"):
        bandwidth().verify(other)


@pytest.mark.parametrize("header", ["", "Basic", "Basic ***", "Bearer x", "Basic \u00e9", basic("other", "wrong")])
def test_it_refuses_other_credentials_of_any_form(header: str) -> None:
    with pytest.raises(Forged, match="user or password"):
        bandwidth().verify(replace(by_bandwidth(), headers={"authorization": header}))


@pytest.mark.parametrize("code", ["4409", "4410", "4411", "4412", "4710", "4711", "4712", "request-validation:media"])
def test_it_says_that_pictures_are_the_cause(code: str) -> None:
    assert bandwidth().error(code).about_media
    assert not bandwidth().error("4720").about_media


OURS = f"https://messaging.bandwidth.com/api/v2/users/{ACCOUNT}/media/"


def test_it_fetches_the_accounts_media_with_its_credentials() -> None:
    request = bandwidth().media_request(f"{OURS}abc/1/a%20cat.jpg")
    assert request is not None
    assert request.headers["Authorization"] == basic("api-user", "the-password")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/api/v2/users/5500001/media/a.jpg",
        f"http://messaging.bandwidth.com/api/v2/users/{ACCOUNT}/media/a.jpg",
        "https://messaging.bandwidth.com/api/v2/users/other/media/a.jpg",
        "https://messaging.bandwidth.com.evil.example/a.jpg",
        f"{OURS}../../other/media/a.jpg",
        f"{OURS}%2e%2e/%2e%2e/messages",
        f"{OURS}a.jpg?next=1",
        f"{OURS}a\r\nX-Other: 1",
        f"{OURS}%252e%252e/x",
        f"{OURS}a%25",
        f"{OURS}a%5c..",
        f"{OURS}a%5Cb",
        f"{OURS}a%00",
        f"{OURS}a%0d%0aX-Other:1",
        OURS.replace("messaging", "me@messaging") + "a.jpg",
        OURS,
        "",
    ],
)
def test_its_credentials_go_nowhere_else(url: str) -> None:
    with pytest.raises(ValueError, match="credentials go nowhere else"):
        bandwidth().media_request(url)


# The account


def test_it_checks_the_credentials_that_sending_needs() -> None:
    request = bandwidth().check_request()
    assert (request.method, request.url) == ("GET", OURS.rstrip("/"))
    assert request.headers["Authorization"] == bandwidth().request_for(SMS).headers["Authorization"]
    assert bandwidth().checked(answered(200, b"[]"))


@pytest.mark.parametrize(("status", "remedy"), [(401, "user and password"), (403, "may use"), (500, "Bandwidth App")])
def test_it_names_the_remedy_for_credentials_that_are_wrong(status: int, remedy: str) -> None:
    with pytest.raises(VendorError, match=remedy):
        bandwidth().checked(answered(status, b"the-password"))
    with pytest.raises(VendorError, match="did not answer"):
        bandwidth().checked(Failure(reached=True, detail="reset"))


@pytest.mark.parametrize(
    ("secrets", "options", "remedy"),
    [
        ({}, {"account_id": ""}, "BANDWIDTH_ACCOUNT_ID"),
        ({}, {"account_id": "55/01"}, "account_id"),
        ({}, {"user": ""}, "BANDWIDTH_USER"),
        ({}, {"user": "a:b"}, "colon"),
        ({"password": ""}, {}, "BANDWIDTH_PASSWORD"),
        ({}, {"application_id": ""}, "BANDWIDTH_APPLICATION_ID"),
        ({"callback_password": " , "}, {}, "BANDWIDTH_CALLBACK_PASSWORD"),
        ({}, {"callback_user": ""}, "BANDWIDTH_CALLBACK_USER"),
        ({}, {"api_url": "messaging.bandwidth.com"}, "api_url"),
        ({}, {"numbers_url": "https://u:p@dashboard.bandwidth.com"}, "numbers_url"),
        ({}, {"api_url": "http://["}, "api_url"),
    ],
)
def test_it_names_what_is_missing_and_the_remedy(secrets: dict[str, str], options: dict[str, str], remedy: str) -> None:
    (problem,) = bandwidth(secrets=secrets, **options).configured()
    assert remedy in problem


def test_it_says_when_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsbridge.vendors.bandwidth.find_spec", lambda name: None)
    (problem,) = bandwidth().configured()
    assert "pip install" in problem


EVENTS = st.lists(
    st.none()
    | st.fixed_dictionaries(
        {"type": st.sampled_from(["message-received", "message-failed", "message-sent", "other"]) | st.integers()},
        optional={
            "to": st.text(max_size=5) | st.just(NUMBER) | st.integers(),
            "time": st.text(max_size=12) | st.sampled_from(["0001-01-01", "9999-12-31T23:59:59+14:00"]),
            "errorCode": st.integers() | st.text(max_size=4) | st.booleans() | st.none(),
            "carrierName": st.text(max_size=5) | st.integers(),
            "message": st.none()
            | st.dictionaries(
                st.sampled_from(
                    ["id", "from", "owner", "text", "tag", "media", "segmentCount", "time", "applicationId"]
                ),
                st.text(max_size=8) | st.just(PHONE) | st.integers() | st.lists(st.text(max_size=9) | st.none()),
            ),
        },
    ),
    max_size=4,
)


@given(body=st.binary(max_size=60) | EVENTS.map(lambda events: json.dumps(events).encode()) | st.just(b"[" * 9000))
def test_whatever_is_pushed_is_read_or_unreadable(body: bytes) -> None:
    given_call = replace(by_bandwidth(), body=body)
    with suppress(Forged):
        bandwidth().verify(given_call)
    with suppress(Unreadable):
        assert all(text.sender == PHONE for text in bandwidth().parse_inbound(given_call))
    with suppress(Unreadable):
        assert all(one.vendor_id or one.reference for one in bandwidth().parse_receipts(given_call))
