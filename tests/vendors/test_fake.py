"""The vendor that needs no account, held to the contract of its pretend network."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from time import time
from typing import Any

import pytest

from notifier.wire import Answer, Call, Failure, Forged, Response, Unreadable
from smsbridge.vendors.base import (
    AskAgain,
    DeliveryReceipt,
    ErrorKind,
    Found,
    InboundText,
    OutcomeKind,
    OwnedNumber,
    ReceiptState,
    VendorError,
)
from smsbridge.vendors.fake import Fake
from smsbridge.vendors.fake_inbound import signature
from tests.vendors.accounts import FAKE_SIGNING_SECRET, FAKE_URL, call, fake
from tests.vendors.contract import LOST, REFERENCE, SMS, VendorContract, answered
from tests.vendors.finder_contract import FinderContract
from tests.vendors.webhook_contract import BASE, NUMBER, PHONE, WORDS, Proof

NOW = 1795158000
TEXT = {"id": "fake-in-1", "from": "+12025550101", "to": "+12025550001", "text": "hello", "at": "2026-11-20T07:00:00Z"}
RECEIPT = {"id": "fake-1", "reference": REFERENCE, "status": "delivered", "code": None}


def pushed(content: object, *, at: int = NOW, secret: str = FAKE_SIGNING_SECRET) -> Call:
    body = json.dumps(content).encode()
    return call(body=body, x_fake_signature=f"t={at},v1={signature(secret, str(at), body)}")


class TestContract(VendorContract, FinderContract):
    window = 25 * 3600.0
    SENT_ID = "fake-1"

    def vendor(self, url: str | None = None) -> Fake:
        return fake(url=url or FAKE_URL)

    def sent(self) -> tuple[Response, str]:
        return answered(202, b'{"id": "fake-1", "segments": 2}'), "fake-1"

    def without_id(self) -> Response:
        return answered(202, b'{"segments": 2}')

    def refused(self) -> tuple[Response, ErrorKind]:
        return answered(400, b'{"error": {"code": "30007", "message": "filtered"}}'), ErrorKind.RECIPIENT

    def refused_with_id(self) -> list[tuple[Response, str]]:
        body = b'{"id": "m-1", "error": {"code": "30006", "message": "no"}}'
        return [(answered(status, body), "m-1") for status in (400, 429)]

    def account_error(self) -> Response:
        return answered(401, b'{"error": {"code": "20003", "message": "token"}}')

    def found(self) -> tuple[Response, str]:
        return answered(200, json.dumps({"messages": [RECEIPT]}).encode()), "fake-1"

    def not_found(self) -> Response:
        return answered(200, b'{"messages": []}')

    def rotating(self) -> Fake:
        return fake(signing_secret=f"{FAKE_SIGNING_SECRET},former")

    def inbound_call(self, proof: Proof = Proof.RIGHT, *, base: str = BASE, age: float = 0.0) -> Call:
        content = {"id": "fake-in-1", "from": PHONE, "to": NUMBER, "text": WORDS, "at": "2026-11-20T07:00:00Z"}
        return proven(proof, f"{base}/webhooks/sms/fake/inbound/", content, int(time() - age))

    def receipt_call(self, state: ReceiptState, proof: Proof = Proof.RIGHT, *, reference: str = "") -> Call:
        code = None if state is ReceiptState.DELIVERED else "30005"
        content = {"id": "fake-1", "reference": reference, "status": state.name.lower(), "code": code}
        return proven(proof, f"{BASE}/webhooks/sms/fake/status/", content, int(time()))


SECRETS = {Proof.RIGHT: FAKE_SIGNING_SECRET, Proof.FORMER: "former", Proof.WRONG: "wrong", Proof.NONE: ""}


def proven(proof: Proof, url: str, content: object, at: int) -> Call:
    signed = replace(pushed(content, at=at, secret=SECRETS[proof]), url=url)
    return replace(signed, headers={}) if proof is Proof.NONE else signed


def test_it_posts_json_with_its_token() -> None:
    request = fake().request_for(SMS)
    assert (request.method, request.url) == ("POST", f"{FAKE_URL}/messages")
    assert request.headers["Authorization"] == "Bearer the-token"
    assert json.loads(request.body) == {
        "from": SMS.sender,
        "to": SMS.recipient,
        "text": SMS.text,
        "reference": SMS.reference,
        "status_url": SMS.status_url,
    }


def test_it_asks_for_no_receipts_without_a_url() -> None:
    assert "status_url" not in json.loads(fake().request_for(replace(SMS, status_url="")).body)


@pytest.mark.parametrize("change", [{"text": ""}, {"text": "x" * 1601}, {"recipient": "12025550101"}])
def test_it_refuses_what_cannot_be_sent(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"the text is|is not a phone number"):
        fake().request_for(replace(SMS, **change))


def test_it_counts_segments() -> None:
    assert fake().outcome(answered(202, b'{"id": "fake-1", "segments": 2}')).segments == 2


def _refusal(code: str) -> Response:
    return answered(400, json.dumps({"error": {"code": code, "message": "as asked"}}).encode())


@pytest.mark.parametrize(
    ("code", "kind", "outcome"),
    [
        ("30003", ErrorKind.TEMPORARY, OutcomeKind.THROTTLED),
        ("20429", ErrorKind.TEMPORARY, OutcomeKind.THROTTLED),
        ("30004", ErrorKind.RECIPIENT, OutcomeKind.REFUSED),
        ("30005", ErrorKind.RECIPIENT, OutcomeKind.REFUSED),
        ("30006", ErrorKind.RECIPIENT, OutcomeKind.REFUSED),
        ("30007", ErrorKind.RECIPIENT, OutcomeKind.REFUSED),
        ("21610", ErrorKind.OPTED_OUT, OutcomeKind.REFUSED),
        ("20003", ErrorKind.ACCOUNT, OutcomeKind.REFUSED),
        ("1", ErrorKind.UNKNOWN, OutcomeKind.REFUSED),
    ],
)
def test_it_acts_on_each_code(code: str, kind: ErrorKind, outcome: OutcomeKind) -> None:
    read = fake().outcome(_refusal(code))
    assert read.kind is outcome
    assert read.error is not None
    assert (read.error.code, read.error.kind) == (code, kind)
    assert read.error == fake().error(code)


def test_it_waits_as_long_as_it_is_told_though_there_is_a_code() -> None:
    outcome = fake().outcome(answered(429, _refusal("20429").body, retry_after="3"))
    assert (outcome.kind, outcome.retry_after) == (OutcomeKind.THROTTLED, 3.0)


@pytest.fixture
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsbridge.vendors.fake.time", lambda: NOW + 0.5)


@pytest.mark.usefixtures("_now")
class TestVerify:
    def test_it_accepts_what_is_signed(self) -> None:
        fake().verify(pushed(TEXT))

    def test_it_knows_the_signature_of_the_contract(self) -> None:
        body = b'{"id": "fake-in-1"}'
        v1 = "6b9657fc170943002f1982e457cbb080cb61a8462132d2c42143c19ab9697903"
        fake().verify(call(body=body, x_fake_signature=f"t={NOW},v1={v1}"))

    def test_it_accepts_either_secret_during_rotation(self) -> None:
        rotating = fake(signing_secret=f"new, {FAKE_SIGNING_SECRET}")
        rotating.verify(pushed(TEXT))
        rotating.verify(pushed(TEXT, secret="new"))

    def test_it_accepts_the_repeats_of_a_day_and_nothing_older(self) -> None:
        fake().verify(pushed(TEXT, at=NOW - 24 * 3600))
        for at in (NOW - 25 * 3600 - 1, NOW + 25 * 3600 + 1):
            with pytest.raises(Forged, match="too old"):
                fake().verify(pushed(TEXT, at=at))

    def test_it_refuses_another_body_stamp_or_secret(self) -> None:
        good = pushed(TEXT)
        header = good.headers["x-fake-signature"]
        for forged in (
            replace(good, body=good.body + b" "),
            replace(good, headers={"x-fake-signature": header.replace(f"t={NOW}", f"t={NOW + 1}")}),
            pushed(TEXT, secret="other"),
        ):
            with pytest.raises(Forged, match="signature is wrong"):
                fake().verify(forged)

    @pytest.mark.parametrize(
        "header", ["", "t=1", "v1=00", "t=,v1=00", "t=x,v1=00", "t=-1,v1=ß", "t=" + "9" * 5000 + ",v1=0"]
    )
    def test_it_refuses_what_is_not_signed(self, header: str) -> None:
        with pytest.raises(Forged, match="not signed"):
            fake().verify(call(body=b"{}", x_fake_signature=header))

    def test_it_refuses_everything_while_no_secret_is_configured(self) -> None:
        with pytest.raises(Forged, match="set signing_secret"):
            fake(signing_secret="").verify(pushed(TEXT, secret=""))


def test_it_reads_a_text() -> None:
    assert fake().parse_inbound(pushed(TEXT)) == [
        InboundText(
            vendor_id="fake-in-1",
            sender="+12025550101",
            recipient="+12025550001",
            text="hello",
            at=datetime(2026, 11, 20, 7, 0, tzinfo=UTC),
        )
    ]


def test_it_cleans_texts_and_does_without_a_time() -> None:
    (text,) = fake().parse_inbound(pushed({**TEXT, "text": "a\0\ud800b", "at": "noon"}))
    assert (text.text, text.at) == ("a\ufffdb", None)


@pytest.mark.parametrize("change", [{"id": ""}, {"from": "12025550101"}, {"to": None}, {"text": 7}])
def test_it_says_what_a_text_needs(change: dict[str, object]) -> None:
    with pytest.raises(Unreadable, match="needs id, text"):
        fake().parse_inbound(pushed({**TEXT, **change}))


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("queued", ReceiptState.QUEUED),
        ("sent", ReceiptState.SENT),
        ("delivered", ReceiptState.DELIVERED),
        ("undelivered", ReceiptState.UNDELIVERED),
        ("expired", ReceiptState.EXPIRED),
        ("unknown", ReceiptState.UNKNOWN),
        ("new", ReceiptState.UNKNOWN),
    ],
)
def test_it_reads_receipts(status: str, state: ReceiptState) -> None:
    assert fake().parse_receipts(pushed({**RECEIPT, "status": status})) == [
        DeliveryReceipt(vendor_id="fake-1", reference=REFERENCE, state=state)
    ]


def test_it_explains_why_a_text_was_not_delivered() -> None:
    (receipt,) = fake().parse_receipts(pushed({**RECEIPT, "status": "undelivered", "code": "30003"}))
    assert receipt.error == fake().error("30003")


@pytest.mark.parametrize("change", [{"status": None}, {"id": "", "reference": None}])
def test_it_says_what_a_receipt_needs(change: dict[str, object]) -> None:
    with pytest.raises(Unreadable, match="needs status"):
        fake().parse_receipts(pushed({**RECEIPT, **change}))


def test_it_tells_texts_from_receipts() -> None:
    assert fake().parse_inbound(pushed(RECEIPT)) == []
    assert fake().parse_receipts(pushed(TEXT)) == []


def test_it_lists_numbers() -> None:
    request = fake().numbers_request(1)
    assert (request.method, request.url) == ("GET", f"{FAKE_URL}/numbers")
    body = b'{"numbers": [{"number": "+12025550001", "inbound_url": null}]}'
    assert fake().numbers(answered(200, body)) == ([OwnedNumber(e164="+12025550001", inbound_url="")], False)


def test_it_sets_an_inbound_url() -> None:
    request = fake().set_inbound_url_request(OwnedNumber(e164="+12025550001", inbound_url=""), "https://b.example/in")
    assert (request.method, request.url) == ("PUT", f"{FAKE_URL}/numbers/%2B12025550001")
    assert json.loads(request.body) == {"inbound_url": "https://b.example/in"}
    fake().inbound_url_set(answered(200, b"{}"))


@pytest.mark.parametrize(
    "bad",
    [Failure(reached=False, detail="refused"), answered(401), answered(200, b"[]"), answered(200, b'{"numbers": [1]}')],
)
def test_it_says_what_to_do_when_it_gets_no_list(bad: Answer) -> None:
    with pytest.raises(VendorError, match=r"check url|Start it"):
        fake().numbers(bad)


@pytest.mark.parametrize("bad", [Failure(reached=True, detail="reset"), answered(404)])
def test_it_says_what_to_do_when_the_url_was_not_set(bad: Answer) -> None:
    with pytest.raises(VendorError, match=r"check url|Start it"):
        fake().inbound_url_set(bad)


@pytest.mark.parametrize(
    ("account", "remedy"),
    [
        (fake(url=""), "URL is missing"),
        (fake(url="simulator/fake"), "base URL"),
        (fake(token=""), "token is missing"),
        (fake(signing_secret=""), "set signing_secret"),
    ],
)
def test_it_names_what_is_missing_and_the_remedy(account: Fake, remedy: str) -> None:
    (problem,) = account.configured()
    assert remedy in problem


def test_it_looks_a_text_up_by_our_reference() -> None:
    request = fake().find_request(LOST)
    assert (request.method, request.url) == ("GET", f"{FAKE_URL}/messages?reference={REFERENCE}")
    assert request.headers["Authorization"] == "Bearer the-token"


def test_it_says_what_came_of_it() -> None:
    listed = json.dumps({"messages": [{**RECEIPT, "status": "undelivered", "code": "30003"}]}).encode()
    found = fake().found(LOST, answered(200, listed))
    told = DeliveryReceipt(
        vendor_id="fake-1", reference=REFERENCE, state=ReceiptState.UNDELIVERED, error=fake().error("30003")
    )
    assert found == Found([told])


@pytest.mark.parametrize(
    "listed",
    [
        b'{"messages": null}',
        b'{"messages": [7]}',
        b'{"messages": [{"id": "fake-9", "reference": "n-9", "status": "sent"}]}',
    ],
    ids=["no list", "no message", "another text's"],
)
def test_a_list_that_cannot_be_right_does_not_mean_that_there_is_none(listed: bytes) -> None:
    assert isinstance(fake().found(LOST, answered(200, listed)), AskAgain)
