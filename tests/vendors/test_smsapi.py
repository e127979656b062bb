"""SMSAPI: what we send equals the genuine package's, every answer has its meaning, and only our key lets calls in."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from smsapi.client import Client

from notifier.wire import Answer, Call, Failure, Forged, Request, Response, Unreadable
from smsbridge.vendors.base import (
    AccountConfig,
    AskAgain,
    ErrorKind,
    OutcomeKind,
    OutgoingSms,
    PhoneFacts,
    PhoneStatus,
    ReceiptState,
    VendorError,
)
from smsbridge.vendors.smsapi import Smsapi
from tests.notifier.servers import Received, Server, answer
from tests.vendors.contract import REFERENCE, SMS, VendorContract, answered
from tests.vendors.sdk_contract import SdkContract
from tests.vendors.webhook_contract import BASE, NUMBER, PHONE, WORDS, Proof

TOKEN, SECRET = "the-token", "the key & more"
SENT_ID = "5F5E1A2B3C4D5E6F7A8B9C0D"
ROW = {
    "id": SENT_ID,
    "points": 0.32,
    "number": "12025550101",
    "date_sent": 1795158000,
    "submitted_number": "12025550101",
    "status": "QUEUE",
    "error": None,
    "idx": REFERENCE,
    "parts": 2,
}
TEXT = {"MsgId": "IN1", "sms_from": PHONE[1:], "sms_to": NUMBER[1:], "sms_text": WORDS, "sms_date": "1795158000"}
KEYS = {Proof.RIGHT: SECRET, Proof.FORMER: "former", Proof.WRONG: "wrong", Proof.NONE: None}


def smsapi(*, secrets: dict[str, str] | None = None, **options: str) -> Smsapi:
    """The test account's adapter, with changes."""
    known = {"token": TOKEN, "callback_secret": SECRET}
    return Smsapi(AccountConfig(options=options, secrets=known | (secrets or {})))


def listed(*rows: object, **beside: object) -> Response:
    return answered(200, json.dumps({"count": len(rows), "list": rows, **beside}).encode())


def refusal(code: object, status: int = 200) -> Response:
    return answered(status, json.dumps({"error": code, "message": "No", "invalid_numbers": None}).encode())


def pushed(method: str, kind: str, fields: dict[str, str], key: str | None = SECRET, base: str = BASE) -> Call:
    """A call to our URL, which carries the key; of a GET, SMSAPI appends its fields to it."""
    query = urlencode(({"key": key} if key is not None else {}) | (fields if method == "GET" else {}))
    body = urlencode(fields).encode() if method == "POST" else b""
    headers = {"content-type": "application/x-www-form-urlencoded"} if body else {}
    return Call(method, f"{base}/webhooks/sms/smsapi/{kind}/?{query}", query, headers, body)


class TestContract(VendorContract, SdkContract):
    signs_body = False
    wants = ("OK", "text/plain")
    SENT_ID = SENT_ID

    def vendor(self, url: str | None = None) -> Smsapi:
        return smsapi(api_url=url) if url else smsapi()

    def send_genuinely(self, sms: OutgoingSms, url: str) -> None:
        Client(f"{url}/", access_token=TOKEN).sms.send(
            to=sms.recipient[1:],
            from_=sms.sender[1:],
            message=sms.text,
            encoding="utf-8",
            idx=sms.reference,
            check_idx=1,
            timeout=5,
            **({"notify_url": sms.status_url} if sms.status_url else {}),
        )

    def sent(self) -> tuple[Response, str]:
        return listed(ROW), SENT_ID

    def without_id(self) -> Response:
        return listed({**ROW, "id": None})

    def refused(self) -> tuple[Response, ErrorKind]:
        return refusal(13), ErrorKind.RECIPIENT

    def refused_with_id(self) -> list[tuple[Response, str]]:
        return [(listed({**ROW, "error": code}), SENT_ID) for code in (13, 203)] + [(listed(ROW, error=52), SENT_ID)]

    def account_error(self) -> Response:
        return refusal(101)

    def rotating(self) -> Smsapi:
        return smsapi(secrets={"callback_secret": f"{SECRET}, former"})

    def inbound_call(self, proof: Proof = Proof.RIGHT, *, base: str = BASE, age: float = 0.0) -> Call:
        return pushed("POST", "inbound", TEXT, KEYS[proof], base)

    def receipt_call(self, state: ReceiptState, proof: Proof = Proof.RIGHT, *, reference: str = "") -> Call:
        status = "404" if state is ReceiptState.DELIVERED else "407"
        told = {"MsgId": SENT_ID, "status": status, "idx": reference, "donedate": "1795158000"}
        return pushed("GET", "status", told, KEYS[proof])


def body_of(request: Request | Received) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


def test_a_text_may_come_from_a_name() -> None:
    assert body_of(smsapi().request_for(replace(SMS, sender="ACME")))["from"] == "ACME"
    assert body_of(smsapi().request_for(SMS))["from"] == "12025550001"


@pytest.mark.parametrize("sender", ["", "12025550001", "AVeryLongName", "A\nB", "ACM\u0395"])
def test_it_takes_no_other_sender(sender: str) -> None:
    with pytest.raises(ValueError, match="the sender is not a phone number"):
        smsapi().request_for(replace(SMS, sender=sender))


def test_it_repeats_nothing_of_a_text_that_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="no character") as problem:
        smsapi().request_for(replace(SMS, text="secret\ud800"))
    assert problem.value.__cause__ is None
    assert problem.value.__context__ is None
    assert "secret" not in str(problem.value)


def test_every_send_asks_not_to_be_taken_twice() -> None:
    told = body_of(smsapi().request_for(SMS))
    assert (told["idx"], told["check_idx"]) == (REFERENCE, "1")


def test_a_text_that_was_accepted_before_is_settled_by_its_receipt_and_never_sent_again() -> None:
    outcome = smsapi().outcome(refusal(53))
    assert (outcome.kind, outcome.vendor_id) == (OutcomeKind.UNCERTAIN, None)
    assert "accepted this text before" in outcome.reason


def test_it_tells_price_and_segments() -> None:
    outcome = smsapi(currency="PLN").outcome(listed(ROW))
    assert (outcome.price, outcome.currency, outcome.segments) == (Decimal("0.32"), "PLN", 2)
    assert smsapi().outcome(listed({**ROW, "points": "0.16"})).currency == "EUR"
    silent = smsapi().outcome(listed({"id": SENT_ID}))
    assert (silent.kind, silent.price, silent.currency, silent.segments) == (OutcomeKind.SENT, None, "", None)


@pytest.mark.parametrize(
    ("code", "kind", "outcome"),
    [
        (11, ErrorKind.RECIPIENT, OutcomeKind.REFUSED),
        (12, ErrorKind.RECIPIENT, OutcomeKind.REFUSED),
        ("13", ErrorKind.RECIPIENT, OutcomeKind.REFUSED),
        (14, ErrorKind.ACCOUNT, OutcomeKind.REFUSED),
        (52, ErrorKind.TEMPORARY, OutcomeKind.THROTTLED),
        (57, ErrorKind.OPTED_OUT, OutcomeKind.REFUSED),
        (101, ErrorKind.ACCOUNT, OutcomeKind.REFUSED),
        (103, ErrorKind.ACCOUNT, OutcomeKind.REFUSED),
        (105, ErrorKind.ACCOUNT, OutcomeKind.REFUSED),
        (110, ErrorKind.ACCOUNT, OutcomeKind.REFUSED),
        (200, ErrorKind.UNKNOWN, OutcomeKind.UNCERTAIN),
        (201, ErrorKind.UNKNOWN, OutcomeKind.UNCERTAIN),
        (202, ErrorKind.TEMPORARY, OutcomeKind.THROTTLED),
        (203, ErrorKind.TEMPORARY, OutcomeKind.THROTTLED),
        (999, ErrorKind.UNKNOWN, OutcomeKind.UNCERTAIN),
        (4711, ErrorKind.UNKNOWN, OutcomeKind.REFUSED),
    ],
)
def test_it_acts_on_each_code(code: object, kind: ErrorKind, outcome: OutcomeKind) -> None:
    read = smsapi().outcome(refusal(code))
    assert read.kind is outcome
    assert read.error == smsapi().error(str(code))
    assert read.error is not None
    assert (read.error.kind, read.error.link) == (kind, "https://www.smsapi.com/docs")


def test_too_many_to_one_phone_wait_a_minute() -> None:
    assert smsapi().outcome(refusal(52)).retry_after == 60.0


def test_an_invalid_number_is_known_to_be_none() -> None:
    assert smsapi().error("13").proves is PhoneStatus.NOT_KNOWN


@pytest.mark.parametrize(
    "odd",
    [
        listed(ROW, error=13),
        listed(ROW, error="odd"),
        listed({**ROW, "error": 13}),
        listed(ROW, {**ROW, "id": "second"}),
        replace(listed(ROW), status=400),
    ],
    ids=["code", "odd code", "code of the text", "two texts", "status"],
)
def test_an_answer_that_contradicts_itself_is_uncertain_and_keeps_the_id(odd: Response) -> None:
    outcome = smsapi().outcome(odd)
    assert (outcome.kind, outcome.vendor_id) == (OutcomeKind.UNCERTAIN, SENT_ID)


def test_a_code_beside_the_text_refuses_it() -> None:
    assert smsapi().outcome(listed({"error": 13})).kind is OutcomeKind.REFUSED


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [b'{"error": "authorization_failed", "code": 401}', b"", b"<html>"])
def test_it_blames_the_account_when_it_is_not_let_in(status: int, body: bytes) -> None:
    outcome = smsapi().outcome(answered(status, body))
    assert outcome.error is not None
    assert (outcome.kind, outcome.error.kind) == (OutcomeKind.REFUSED, ErrorKind.ACCOUNT)


def test_our_urls_carry_the_first_key_and_such_a_call_is_verified() -> None:
    rotating = smsapi(secrets={"callback_secret": f"next?&=\u017c, {SECRET}"})
    query = rotating.callback_query("status")
    assert query.startswith("key=next")
    rotating.verify(Call("GET", f"{BASE}/?{query}", f"{query}&MsgId=1", {}, b""))
    assert smsapi(secrets={"callback_secret": ""}).callback_query("status") == ""


@pytest.mark.parametrize("joint", ["&", "?"])
def test_it_reads_receipts_however_they_are_joined_to_the_query_of_our_url(joint: str) -> None:
    query = f"{smsapi().callback_query('status')}{joint}MsgId=A&status=404&idx={REFERENCE}&username=who?"
    call = Call("GET", f"{BASE}/webhooks/sms/smsapi/status/?{query}", query, {}, b"")
    smsapi().verify(call)
    (receipt,) = smsapi().parse_receipts(call)
    assert (receipt.vendor_id, receipt.reference, receipt.state) == ("A", REFERENCE, ReceiptState.DELIVERED)


@pytest.mark.parametrize("end", ["%3FMsgId=A", "x?MsgId=A", "?key=other", "?MsgId=A&key=the+key+%26+more"])
def test_only_a_question_mark_of_the_url_ends_the_key(end: str) -> None:
    query = f"{smsapi().callback_query('status')}{end}"
    with pytest.raises(Forged, match="as the admin shows it"):
        smsapi().verify(Call("GET", f"{BASE}/?{query}", query, {}, b""))


@pytest.mark.parametrize("query", ["", "key=", "KEY=the-key", "key=%ff", "&".join(["key=the+key+%26+more"] * 2)])
def test_it_takes_no_other_key(query: str) -> None:
    with pytest.raises(Forged, match="as the admin shows it"):
        smsapi().verify(Call("GET", f"{BASE}/?{query}", query, {}, b""))


def test_it_reads_up_to_five_receipts_at_once() -> None:
    told = {
        "MsgId": "A,B,C,D,E",
        "status": "404,405,402,412,409",
        "idx": f"{REFERENCE},,,,",
        "donedate": "1795158000,,x,1795158060,1795158061",
        "username": "acme",
    }
    receipts = smsapi().parse_receipts(pushed("GET", "status", told))
    assert [(one.vendor_id, one.state) for one in receipts] == [
        ("A", ReceiptState.DELIVERED),
        ("B", ReceiptState.UNDELIVERED),
        ("C", ReceiptState.EXPIRED),
        ("D", ReceiptState.UNDELIVERED),
        ("E", ReceiptState.QUEUED),
    ]
    assert (receipts[0].reference, receipts[0].at) == (REFERENCE, datetime(2026, 11, 20, 7, 0, tzinfo=UTC))
    assert receipts[3].error == smsapi().error("status:412")
    assert receipts[3].error is not None
    assert receipts[3].error.kind is ErrorKind.OPTED_OUT


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("401", ReceiptState.UNKNOWN),
        ("403", ReceiptState.SENT),
        ("406", ReceiptState.UNDELIVERED),
        ("407", ReceiptState.UNDELIVERED),
        ("408", ReceiptState.UNKNOWN),
        ("410", ReceiptState.SENT),
        ("411", ReceiptState.QUEUED),
        ("DELIVERED", ReceiptState.DELIVERED),
        ("999", ReceiptState.UNKNOWN),
    ],
)
def test_it_reads_each_status(status: str, state: ReceiptState) -> None:
    (receipt,) = smsapi().parse_receipts(pushed("GET", "status", {"MsgId": "A", "status": status}))
    assert (receipt.state, receipt.error is not None) == (state, state is ReceiptState.UNDELIVERED)


@pytest.mark.parametrize(
    "told", [{}, {"MsgId": "A"}, {"status": "404"}, {"status": "404,404", "MsgId": "A"}, {"status": ",", "MsgId": ","}]
)
def test_it_says_what_receipts_need(told: dict[str, str]) -> None:
    with pytest.raises(Unreadable, match="need status"):
        smsapi().parse_receipts(pushed("GET", "status", told))


def inbound(**changes: str | None) -> Any:
    fields = {name: value for name, value in (TEXT | changes).items() if value is not None}
    return smsapi().parse_inbound(pushed("POST", "inbound", fields))


def test_it_reads_when_a_text_came_and_cleans_it() -> None:
    (text,) = inbound(sms_text="a\0b")
    assert (text.vendor_id, text.at, text.text) == ("IN1", datetime(2026, 11, 20, 7, 0, tzinfo=UTC), "ab")


def test_a_text_without_an_id_has_one_that_its_repetition_has_too() -> None:
    (one,), (again,) = inbound(MsgId=None), inbound(MsgId=None)
    ((other,), (later,)) = inbound(MsgId=None, sms_text="no"), inbound(MsgId=None, sms_date="1795158001")
    assert one.vendor_id == again.vendor_id
    assert len({one.vendor_id, other.vendor_id, later.vendor_id}) == 3


@pytest.mark.parametrize("change", [{"sms_from": None}, {"sms_to": None}, {"MsgId": None, "sms_date": None}])
def test_it_says_what_a_text_needs(change: dict[str, str | None]) -> None:
    with pytest.raises(Unreadable, match="an inbound text needs"):
        inbound(**change)


def test_a_text_from_a_name_is_of_no_interest() -> None:
    assert inbound(sms_from="ACME") == []


def genuinely(call: str, **told: object) -> Received:
    """What the package sends for one of its calls, against a server that answers as SMSAPI does."""
    with Server(answer(200, b'{"status": "OK"}')) as server:
        client = Client(f"{server.url}/", access_token=TOKEN)
        service, _, method = call.partition(".")
        getattr(getattr(client, service), method)(**told)
    (request,) = server.requests
    return request


def test_it_asks_for_the_credit_as_the_genuine_package_does() -> None:
    ours, theirs = smsapi(api_url="http://x").check_request(), genuinely("account.balance")
    assert (ours.method, ours.headers["Authorization"]) == (theirs.method, theirs.headers["authorization"])
    assert sorted(parse_qsl(ours.url.partition("?")[2])) == sorted(parse_qsl(theirs.path.partition("?")[2]))
    assert (
        smsapi().checked(answered(200, b'{"points": 9.5}')) == "SMSAPI knows the token; 9.5 points of credit are left."
    )


@pytest.mark.parametrize(
    ("told", "remedy"),
    [
        (Failure(reached=False, detail="refused"), "api_url"),
        (refusal(101), "correct it in the account's settings"),
        (answered(401, b""), "check token"),
        (answered(200, b"{}"), "check token"),
    ],
)
def test_it_says_what_to_do_when_the_check_fails(told: Answer, remedy: str) -> None:
    with pytest.raises(VendorError, match=remedy):
        smsapi().checked(told)


def test_it_asks_about_a_phone_as_the_genuine_package_does() -> None:
    ours, theirs = smsapi(api_url="http://x").look_up_request(PHONE), genuinely("hlr.check_number", number=PHONE[1:])
    assert (ours.method, ours.url, body_of(ours)) == (theirs.method, "http://x/hlr.do", body_of(theirs))


@pytest.mark.parametrize(
    ("told", "facts"),
    [
        (answered(200, b'{"status": "OK", "id": "1"}'), PhoneFacts(status=PhoneStatus.UNKNOWN)),
        (
            answered(200, b'{"status": "OK", "mcc": "260", "mnc": 2}'),
            PhoneFacts(status=PhoneStatus.TEXTABLE, carrier="260-2"),
        ),
        (answered(200, b'{"status": "FAIL", "id": "1"}'), PhoneFacts(status=PhoneStatus.NOT_IN_SERVICE)),
        (refusal(13), PhoneFacts(status=PhoneStatus.NOT_KNOWN, code="13")),
        (refusal(203), AskAgain("too many requests (SMSAPI code 203)", 60.0)),
        (answered(429, b"", retry_after="7"), AskAgain("SMSAPI answered 429", 7.0)),
        (answered(200, b"[]"), AskAgain("SMSAPI answered 200")),
        (answered(200, b"{}"), AskAgain("SMSAPI answered without a status of the phone")),
        (Failure(reached=True, detail="reset"), AskAgain("SMSAPI did not answer: reset")),
    ],
)
def test_it_believes_of_a_phone_only_what_is_told(told: Answer, facts: PhoneFacts | AskAgain) -> None:
    assert smsapi().looked_up(PHONE, told) == facts


@pytest.mark.parametrize(
    ("account", "remedy"),
    [
        (smsapi(secrets={"token": ""}), "SMSAPI_TOKEN"),
        (smsapi(secrets={"callback_secret": " , "}), "SMSAPI_CALLBACK_SECRET"),
        (smsapi(api_url="api.smsapi.com"), "api_url"),
        (smsapi(currency="euro"), "ISO 4217"),
    ],
)
def test_it_names_what_is_missing_and_the_remedy(account: Smsapi, remedy: str) -> None:
    (problem,) = account.configured()
    assert remedy in problem
