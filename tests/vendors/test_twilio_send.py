"""Twilio: it passes the contract, and every answer to a send has its meaning."""

import json
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import pytest

from notifier.wire import Call, Response
from smsbridge.vendors.base import ErrorKind, OutcomeKind, OutgoingSms, PhoneStatus, ReceiptState
from smsbridge.vendors.twilio import Twilio
from tests.vendors.accounts import TWILIO_SID, TWILIO_TOKEN, twilio
from tests.vendors.contract import REFERENCE, SMS, VendorContract, answered
from tests.vendors.finder_contract import FinderContract
from tests.vendors.sdk_contract import SdkContract
from tests.vendors.twilio_sdk import SERVICE_SID, by_form, changed, client, pushed, recorded
from tests.vendors.webhook_contract import BASE, NUMBER, PHONE, WORDS, Proof

MESSAGE = f"SM{1:032d}"
TOKENS = {Proof.RIGHT: TWILIO_TOKEN, Proof.FORMER: "former", Proof.WRONG: "wrong", Proof.NONE: ""}


class TestContract(VendorContract, FinderContract, SdkContract):
    SENT_ID = MESSAGE
    signs_url = True
    wants = ("<Response/>", "text/xml")

    def vendor(self, url: str | None = None) -> Twilio:
        return twilio(api_url=url) if url else twilio()

    def rotating(self) -> Twilio:
        return twilio(secrets={"auth_token": f"{TWILIO_TOKEN}, former"})

    def send_genuinely(self, sms: OutgoingSms, url: str) -> None:
        fields: dict[str, Any] = {"media_url": list(sms.media)} if sms.media else {}
        if sms.status_url:
            fields["status_callback"] = f"{sms.status_url}?reference={sms.reference}"
        client(url).messages.create(to=sms.recipient, from_=sms.sender, body=sms.text, **fields)

    def inbound_call(self, proof: Proof = Proof.RIGHT, *, base: str = BASE, age: float = 0.0) -> Call:
        fields = pushed("inbound", From=PHONE, To=NUMBER, Body=WORDS)
        return by_form(f"{base}/webhooks/sms/twilio/inbound/", fields, TOKENS[proof])

    def receipt_call(self, state: ReceiptState, proof: Proof = Proof.RIGHT, *, reference: str = "") -> Call:
        url = f"{BASE}/webhooks/sms/twilio/status/" + (f"?reference={reference}" if reference else "")
        failed = {} if state is ReceiptState.DELIVERED else {"MessageStatus": "undelivered", "ErrorCode": "30005"}
        return by_form(url, pushed("receipt", MessageSid=self.SENT_ID, **failed), TOKENS[proof])

    def sent(self) -> tuple[Response, str]:
        return answered(201, recorded("sent")), MESSAGE

    def without_id(self) -> Response:
        return answered(201, changed("sent", sid=None))

    def refused(self) -> tuple[Response, ErrorKind]:
        return answered(400, recorded("refused")), ErrorKind.RECIPIENT

    def refused_with_id(self) -> list[tuple[Response, str]]:
        told = ((400, 21611), (400, 21211), (429, 20429), (401, 20003))
        return [(answered(status, json.dumps({"sid": "SM1", "code": code}).encode()), "SM1") for status, code in told]

    def account_error(self) -> Response:
        return answered(401, recorded("unauthorised"))

    def found(self) -> tuple[Response, str]:
        return answered(200, recorded("messages")), MESSAGE

    def not_found(self) -> Response:
        return answered(200, changed("messages", messages=[]))


def _form(account: Twilio, sms: OutgoingSms = SMS) -> dict[str, str]:
    return dict(parse_qsl(account.request_for(sms).body.decode(), strict_parsing=True))


def test_it_loads_nothing_of_the_package_before_a_call_comes_in() -> None:
    code = "import sys, smsbridge.vendors.twilio; sys.exit('twilio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_it_puts_our_reference_into_the_receipt_url() -> None:
    assert _form(twilio())["StatusCallback"] == f"{SMS.status_url}?reference={REFERENCE}"
    with_query = replace(SMS, status_url="https://bridge.example/status/?a=%20b")
    assert _form(twilio(), with_query)["StatusCallback"] == f"{with_query.status_url}&reference={REFERENCE}"


def test_it_sends_by_a_messaging_service_and_still_from_our_number() -> None:
    form = _form(twilio(messaging_service=SERVICE_SID))
    assert (form["MessagingServiceSid"], form["From"]) == (SERVICE_SID, SMS.sender)


@pytest.mark.parametrize("code", ["11751", "12300", "21620", "21621", "21623", "30011", "30019"])
def test_it_says_that_pictures_are_the_cause(code: str) -> None:
    assert twilio().error(code).about_media
    assert not twilio().error("21211").about_media


def test_it_says_for_how_long_a_text_may_wait() -> None:
    assert _form(twilio(validity_period="600"))["ValidityPeriod"] == "600"
    assert "ValidityPeriod" not in _form(twilio())


def test_it_sends_each_picture_and_at_most_ten() -> None:
    urls = [f"https://chat.example/{number}.png?a=b&c" for number in range(11)]
    form = parse_qs(twilio().request_for(replace(SMS, media=urls[:10])).body.decode())
    assert form["MediaUrl"] == urls[:10]
    with pytest.raises(ValueError, match="10 media"):
        twilio().request_for(replace(SMS, media=urls))


def test_it_sends_with_the_first_of_several_tokens() -> None:
    rotating = twilio(secrets={"auth_token": f"{TWILIO_TOKEN},former"})
    assert rotating.request_for(SMS).headers == twilio().request_for(SMS).headers


@pytest.mark.parametrize(
    "change",
    [{"text": ""}, {"text": "x" * 1601}, {"text": "\ud800"}, {"recipient": "12025550101"}, {"sender": "ACME"}],
)
def test_it_refuses_what_cannot_be_sent(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"the text|phone number") as refusal:
        twilio().request_for(replace(SMS, **change))
    shown = f"{refusal.value!s}{refusal.value.__context__!r}"
    assert not [fact for fact in ("2025550101", "xxx", "ACME", "ud800") if fact in shown]


def test_it_reads_what_a_text_is_billed_as() -> None:
    told = changed("sent", num_segments="2", price="-0.01500", price_unit="usd")
    outcome = twilio().outcome(answered(201, told))
    assert (outcome.segments, outcome.price, outcome.currency) == (2, Decimal("0.01500"), "USD")


@pytest.mark.parametrize("change", [{"num_segments": "0"}, {"num_segments": 7}, {"price": "-"}, {"price": "NaN"}])
def test_it_does_without_what_is_not_told(change: dict[str, object]) -> None:
    outcome = twilio().outcome(answered(201, changed("sent", price_unit="USD", **{"num_segments": None} | change)))
    assert (outcome.kind, outcome.segments, outcome.price, outcome.currency) == (OutcomeKind.SENT, None, None, "")


@pytest.mark.parametrize("sid", ["", "x" * 101, "SM 1", 7, None, TWILIO_SID])
def test_it_takes_only_the_id_of_a_message_for_one(sid: object) -> None:
    assert twilio().outcome(answered(201, changed("sent", sid=sid))).kind is OutcomeKind.UNCERTAIN


def _refused(code: object, status: int = 400, **headers: str) -> Response:
    return answered(
        status, json.dumps({"code": code, "message": "no +12025550101", "status": status}).encode(), **headers
    )


@pytest.mark.parametrize(
    ("code", "kind", "outcome"),
    [
        (21211, ErrorKind.RECIPIENT, OutcomeKind.REFUSED),
        (21614, ErrorKind.RECIPIENT, OutcomeKind.REFUSED),
        (21610, ErrorKind.OPTED_OUT, OutcomeKind.REFUSED),
        (21408, ErrorKind.ACCOUNT, OutcomeKind.REFUSED),
        (21606, ErrorKind.ACCOUNT, OutcomeKind.REFUSED),
        (20003, ErrorKind.ACCOUNT, OutcomeKind.REFUSED),
        ("30034", ErrorKind.ACCOUNT, OutcomeKind.REFUSED),
        (21611, ErrorKind.TEMPORARY, OutcomeKind.THROTTLED),
        (20429, ErrorKind.TEMPORARY, OutcomeKind.THROTTLED),
        (30001, ErrorKind.TEMPORARY, OutcomeKind.UNCERTAIN),
        (30008, ErrorKind.TEMPORARY, OutcomeKind.UNCERTAIN),
        (99999, ErrorKind.UNKNOWN, OutcomeKind.REFUSED),
    ],
)
def test_it_acts_on_each_code(code: int | str, kind: ErrorKind, outcome: OutcomeKind) -> None:
    read = twilio().outcome(_refused(code))
    assert read.kind is outcome
    assert read.error == twilio().error(str(code))
    assert read.error is not None
    assert read.error.kind is kind
    assert "2025550101" not in f"{read}"


def test_it_waits_as_long_as_it_is_told_though_there_is_a_code() -> None:
    outcome = twilio().outcome(_refused(20429, 429, retry_after="3"))
    assert (outcome.kind, outcome.retry_after) == (OutcomeKind.THROTTLED, 3.0)


@pytest.mark.parametrize(("code", "status"), [(True, 400), ("x", 400), (0, 400), ("9" * 5000, 400), (21211, 408)])
def test_it_takes_no_other_thing_for_a_code(code: object, status: int) -> None:
    outcome = twilio().outcome(_refused(code, status))
    assert outcome.error is None or outcome.error.code == "http:400"


def test_it_links_each_code_to_its_page() -> None:
    error = twilio().error("30007")
    assert error.link == "https://www.twilio.com/docs/api/errors/30007"
    assert "30007" in error.text


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("30006", PhoneStatus.UNKNOWN),
        ("21614", PhoneStatus.LANDLINE),
        ("21635", PhoneStatus.LANDLINE),
        ("30005", PhoneStatus.NOT_IN_SERVICE),
        ("21211", PhoneStatus.UNKNOWN),
        ("30003", PhoneStatus.UNKNOWN),
    ],
)
def test_it_says_what_a_code_proves_of_the_phone(code: str, status: PhoneStatus) -> None:
    assert twilio().error(code).proves is status


def test_it_tells_what_holds_up_the_account_from_what_holds_up_some_texts() -> None:
    assert twilio().error("21408").some_only
    assert not twilio().error("20003").some_only


@pytest.mark.parametrize(
    ("secrets", "options", "remedy"),
    [
        ({}, {"account_sid": ""}, "TWILIO_ACCOUNT_SID"),
        ({}, {"account_sid": "SK0123456789abcdef0123456789abcdef"}, "AC and 32"),
        ({"auth_token": " , "}, {}, "TWILIO_AUTH_TOKEN"),
        ({}, {"messaging_service": "MG1"}, "messaging_service"),
        ({}, {"validity_period": "99999"}, "36000"),
        ({}, {"lookups_url": "https://user:pw@lookups.twilio.com"}, "lookups_url"),
        ({}, {"messaging_url": "http://["}, "messaging_url"),
    ],
)
def test_it_names_what_is_missing_and_the_remedy(secrets: dict[str, str], options: dict[str, str], remedy: str) -> None:
    (problem,) = twilio(secrets=secrets, **options).configured()
    assert remedy in problem
    assert "pw" not in problem


def test_it_says_when_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsbridge.vendors.twilio_account.find_spec", lambda name: None)
    (problem,) = twilio().configured()
    assert "pip install" in problem


def test_an_imitation_serves_everything_unless_told_otherwise() -> None:
    here = twilio(api_url="http://127.0.0.1:9/t/")
    assert here.look_up_request("+12025550101").url.startswith("http://127.0.0.1:9/t/v2/")
    assert here.services_request(1).url.startswith("http://127.0.0.1:9/t/v1/")
    regional = twilio(api_url="https://api.dublin.ie1.twilio.com")
    assert regional.look_up_request("+12025550101").url.startswith("https://lookups.twilio.com/v2/")
    assert twilio(messaging_url="http://127.0.0.1:8").services_request(1).url.startswith("http://127.0.0.1:8/v1/")
