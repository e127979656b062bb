"""Sending by Vonage: the request equals the genuine package's, and every answer has its meaning."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from time import time
from urllib.parse import parse_qsl

import pytest
from vonage import Auth
from vonage_sms import SmsMessage

from notifier.wire import Call, Request, Response
from smsbridge.vendors.base import ErrorKind, OutcomeKind, OutgoingSms, ReceiptState
from smsbridge.vendors.vonage import Vonage
from smsbridge.vendors.vonage_signature import OLDEST_SECONDS
from tests.notifier.servers import Received, answer
from tests.vendors.accounts import API_KEY, SIGNATURE_SECRET, by_form, fields, fixture, vonage
from tests.vendors.contract import SMS, VendorContract, answered
from tests.vendors.sdk import Genuine, client, imitation
from tests.vendors.sdk_contract import SdkContract
from tests.vendors.webhook_contract import BASE, NUMBER, PHONE, WORDS, Proof


class TestContract(VendorContract, SdkContract):
    window = OLDEST_SECONDS
    SENT_ID = "0C0000000000AAAA"

    def vendor(self, url: str | None = None) -> Vonage:
        return vonage(rest_url=url) if url else vonage()

    def send_genuinely(self, sms: OutgoingSms, url: str) -> None:
        message = SmsMessage(
            to=sms.recipient[1:],
            from_=sms.sender[1:],
            text=sms.text,
            client_ref=sms.reference,
            type="unicode" if sms.unicode else None,
            status_report_req=True if sms.status_url else None,
            callback=sms.status_url or None,
        )
        client(url).sms.send(message)

    def rotating(self) -> Vonage:
        return vonage(secrets={"signature_secret": f"{SIGNATURE_SECRET},former"})

    def inbound_call(self, proof: Proof = Proof.RIGHT, *, base: str = BASE, age: float = 0.0) -> Call:
        pushed = fields("inbound", msisdn=PHONE[1:], to=NUMBER[1:], text=WORDS, timestamp=str(int(time() - age)))
        return proven(proof, f"{base}/webhooks/sms/vonage/inbound/", pushed)

    def receipt_call(self, state: ReceiptState, proof: Proof = Proof.RIGHT, *, reference: str = "") -> Call:
        status, code = ("delivered", "0") if state is ReceiptState.DELIVERED else ("failed", "3")
        changes = {"status": status, "err_code": code, "client_ref": reference, "messageId": self.SENT_ID}
        pushed = fields("receipt", timestamp=str(int(time())), **changes)
        return proven(proof, f"{BASE}/webhooks/sms/vonage/status/", pushed)

    def sent(self) -> tuple[Response, str]:
        return answered(200, fixture("sent")), "0C0000000000AAAA"

    def without_id(self) -> Response:
        return answered(200, b'{"message-count": "1", "messages": [{"status": "0"}]}')

    def refused(self) -> tuple[Response, ErrorKind]:
        return answered(200, fixture("refused")), ErrorKind.RECIPIENT

    def refused_with_id(self) -> list[tuple[Response, str]]:
        return [(_statuses(status, **{"message-id": "0A00"}), "0A00") for status in ("1", "5", "6", "9", "10")]

    def account_error(self) -> Response:
        return answered(200, fixture("bad-credentials"))


SECRETS = {Proof.RIGHT: SIGNATURE_SECRET, Proof.FORMER: "former", Proof.WRONG: "wrong"}


def proven(proof: Proof, url: str, pushed: dict[str, str]) -> Call:
    """Signed by the package itself."""
    pushed.pop("sig", None)
    if proof is not Proof.NONE:
        auth = Auth(api_key=API_KEY, signature_secret=SECRETS[proof], signature_method="sha256")
        pushed["sig"] = auth.sign_params(dict(pushed))
    return replace(by_form(pushed), url=url)


@pytest.fixture
def genuine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Genuine]:
    yield from imitation(answer(200, fixture("sent")), tmp_path, monkeypatch)


def _compared(request: Request | Received, path: str) -> dict[str, object]:
    """What must be equal on the wire."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    compared = {name: headers.get(name) for name in ("authorization", "content-type", "accept")}
    return {"method": request.method, "path": path, "body": request.body, **compared}


def _ours(request: Request) -> dict[str, object]:
    return _compared(request, request.url.removeprefix("https://rest.nexmo.com"))


@pytest.mark.parametrize("method", ["md5", "sha1", "sha256", "sha512"])
def test_it_signs_as_the_genuine_package_signs(method: str, genuine: Genuine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsbridge.vendors.vonage.time", lambda: 1795158000.5)
    monkeypatch.setattr("vonage_http_client.auth.time", lambda: 1795158000.5)
    theirs = SmsMessage(
        to="12025550101", from_="12025550001", text="a&b=c", client_ref=SMS.reference, status_report_req=True
    )
    client = genuine.client(signature_method=method).http_client
    client.post(client.rest_host, "/sms/json", theirs.model_dump(by_alias=True, exclude_none=True), "signature", "form")
    ours = _ours(
        vonage(sign_requests="on", signature_method=method).request_for(
            replace(SMS, text="a&b=c", status_url="https://b.example/" + "s" * 83)
        )
    )
    received = _compared(genuine.received, genuine.received.path)
    assert _fields(ours.pop("body")) == _fields(received.pop("body"))
    assert ours == received
    assert received["authorization"] is None


def _fields(body: object) -> dict[str, str]:
    assert isinstance(body, bytes)
    return dict(parse_qsl(body.decode(), strict_parsing=True))


def test_it_signs_with_the_first_of_several_secrets() -> None:
    rotating = vonage(sign_requests="on", secrets={"signature_secret": f"{SIGNATURE_SECRET},old"})
    single = vonage(sign_requests="on")
    assert _fields(rotating.request_for(SMS).body).keys() == _fields(single.request_for(SMS).body).keys()
    assert "api_secret" not in _fields(rotating.request_for(SMS).body)


def test_it_asks_for_receipts_at_the_given_url() -> None:
    fields = _fields(vonage().request_for(SMS).body)
    assert (fields["status-report-req"], fields["callback"]) == ("True", SMS.status_url)


@pytest.mark.parametrize(("length", "kept"), [(100, True), (101, False)])
def test_it_leaves_out_a_receipt_url_that_vonage_would_not_take(length: int, kept: bool) -> None:
    url = "https://b.example/".ljust(length, "s")
    fields = _fields(vonage().request_for(replace(SMS, status_url=url)).body)
    assert ("callback" in fields) is kept
    assert fields["status-report-req"] == "True"


def test_it_says_unicode_only_when_it_is() -> None:
    assert "type" not in _fields(vonage().request_for(SMS).body)
    assert _fields(vonage().request_for(replace(SMS, unicode=True)).body)["type"] == "unicode"


def test_it_sends_to_the_configured_host() -> None:
    assert vonage(rest_url="http://127.0.0.1:9/v/").request_for(SMS).url == "http://127.0.0.1:9/v/sms/json"


@pytest.mark.parametrize(
    "change",
    [
        {"text": ""},
        {"text": "x" * 3201},
        {"text": "\ud800"},
        {"reference": "n" * 101},
        {"recipient": "12025550101"},
        {"recipient": "+1202555010x"},
        {"sender": "ACME"},
    ],
)
def test_it_refuses_what_cannot_be_sent_without_repeating_it(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"the text is|is not a phone|takes no such") as refusal:
        vonage().request_for(replace(SMS, **change))  # type: ignore[arg-type]
    shown = f"{refusal.value!s}{refusal.value.__context__!s}"
    assert not any(fact in shown for fact in ("12025550101", "xxx", "nnn", "Alice"))


def test_it_counts_segments_and_sums_prices() -> None:
    outcome = vonage().outcome(answered(200, fixture("sent-in-two-parts")))
    assert outcome.kind is OutcomeKind.SENT
    assert (outcome.segments, outcome.price, outcome.currency) == (2, Decimal("0.0666"), "EUR")


def test_it_never_sends_again_what_was_accepted_in_part() -> None:
    outcome = vonage().outcome(answered(200, fixture("partly-refused")))
    assert (outcome.kind, outcome.vendor_id) == (OutcomeKind.UNCERTAIN, "0C0000000000AAAA")
    assert outcome.reason.startswith("partly refused, 1 of 2 parts accepted")
    assert outcome.error is not None
    assert outcome.error.code == "1"


def test_it_waits_as_long_as_vonage_asks() -> None:
    outcome = vonage().outcome(answered(200, fixture("throttled")))
    assert (outcome.kind, outcome.retry_after) == (OutcomeKind.THROTTLED, 0.25)


def _statuses(*statuses: str, **more: str) -> Response:
    messages = [{"status": status, **more} for status in statuses]
    return answered(200, json.dumps({"message-count": str(len(messages)), "messages": messages}).encode())


@pytest.mark.parametrize("statuses", [("5",), ("5", "9"), ("1", "5")])
def test_an_error_while_it_was_processed_does_not_say_that_it_was_not_accepted(statuses: tuple[str, ...]) -> None:
    outcome = vonage().outcome(_statuses(*statuses))
    assert (outcome.kind, outcome.vendor_id) == (OutcomeKind.UNCERTAIN, None)
    assert outcome.error == vonage().error("5")


@pytest.mark.parametrize("status", ["1", "10"])
def test_it_tries_later_after_a_temporary_refusal(status: str) -> None:
    outcome = vonage().outcome(_statuses(status))
    assert (outcome.kind, outcome.retry_after) == (OutcomeKind.THROTTLED, None)


@pytest.mark.parametrize("status", ["4", "8", "9", "11", "14", "15", "22", "23", "29", "32"])
def test_it_knows_refusals_of_the_account(status: str) -> None:
    outcome = vonage().outcome(_statuses(status))
    assert outcome.kind is OutcomeKind.REFUSED
    assert outcome.error is not None
    assert outcome.error.kind is ErrorKind.ACCOUNT


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("2", ErrorKind.RECIPIENT),
        ("3", ErrorKind.RECIPIENT),
        ("6", ErrorKind.RECIPIENT),
        ("7", ErrorKind.RECIPIENT),
        ("12", ErrorKind.RECIPIENT),
        ("33", ErrorKind.RECIPIENT),
        ("777", ErrorKind.UNKNOWN),
    ],
)
def test_it_knows_refusals_of_the_recipient_or_text(status: str, kind: ErrorKind) -> None:
    outcome = vonage().outcome(_statuses(status))
    assert outcome.kind is OutcomeKind.REFUSED
    assert outcome.error is not None
    assert outcome.error.kind is kind


def test_it_goes_by_the_gravest_refusal_of_all_parts() -> None:
    outcome = vonage().outcome(_statuses("1", "9"))
    assert outcome.kind is OutcomeKind.REFUSED
    assert outcome.error is not None
    assert outcome.error.code == "9"


@pytest.mark.parametrize("status", ["", "x", "-1", "0x0", "٠", "9" * 5000, "None"])
def test_it_is_uncertain_about_a_status_that_is_none(status: str) -> None:
    assert vonage().outcome(_statuses(status)).kind is OutcomeKind.UNCERTAIN


def test_it_is_uncertain_when_one_part_cannot_be_read() -> None:
    body = b'{"messages": [{"status": "0", "message-id": "A1"}, 7]}'
    outcome = vonage().outcome(answered(200, body))
    assert (outcome.kind, outcome.vendor_id) == (OutcomeKind.UNCERTAIN, "A1")


@pytest.mark.parametrize("vendor_id", ["", " ", "a b", "a\0", "\ud800", "x" * 101])
def test_it_is_uncertain_when_the_id_could_not_be_kept(vendor_id: str) -> None:
    outcome = vonage().outcome(_statuses("0", **{"message-id": vendor_id}))
    assert (outcome.kind, outcome.vendor_id) == (OutcomeKind.UNCERTAIN, None)


@pytest.mark.parametrize("price", ["", "NaN", "1e999999", "-1", "0,03"])
def test_it_does_without_a_price_that_is_none(price: str) -> None:
    outcome = vonage().outcome(_statuses("0", **{"message-id": "A1", "message-price": price}))
    assert (outcome.kind, outcome.price, outcome.currency) == (OutcomeKind.SENT, None, "")


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [fixture("unauthorised"), b"", b"<html>"])
def test_it_blames_the_account_when_it_is_not_let_in(status: int, body: bytes) -> None:
    outcome = vonage().outcome(answered(status, body))
    assert outcome.kind is OutcomeKind.REFUSED
    assert outcome.error is not None
    assert (outcome.error.kind, outcome.error.code) == (ErrorKind.ACCOUNT, f"http:{status}")


def test_it_takes_a_decoded_400_as_refused_and_any_other_as_uncertain() -> None:
    assert vonage().outcome(answered(400, b'{"title": "Bad Request"}')).kind is OutcomeKind.REFUSED
    assert vonage().outcome(answered(400, b"<html>")).kind is OutcomeKind.UNCERTAIN


def test_it_is_uncertain_about_an_answer_that_contradicts_itself() -> None:
    outcome = vonage().outcome(answered(401, fixture("sent")))
    assert (outcome.kind, outcome.vendor_id) == (OutcomeKind.UNCERTAIN, "0C0000000000AAAA")


def test_it_repeats_no_words_of_the_answer() -> None:
    told = {"error-text": "Illegal Sender Address - rejected 12025550101"}
    outcome = vonage().outcome(_statuses("15", **told))
    assert "2025550101" not in f"{outcome}"


def test_it_keeps_codes_of_sends_and_receipts_apart() -> None:
    sent, reported = vonage().error("9"), vonage().error("receipt:9")
    assert (sent.kind, reported.kind) == (ErrorKind.ACCOUNT, ErrorKind.OPTED_OUT)
    assert (sent.code, reported.code) == ("9", "receipt:9")
    assert sent.link != reported.link


@pytest.mark.parametrize(
    ("secrets", "options", "remedy"),
    [
        ({}, {"api_key": ""}, "VONAGE_API_KEY"),
        ({"api_secret": ""}, {}, "VONAGE_API_SECRET"),
        ({"signature_secret": " , "}, {}, "VONAGE_SIGNATURE_SECRET"),
        ({}, {"signature_method": "sha3"}, "md5hash, md5, sha1, sha256, sha512"),
        ({}, {"rest_url": "rest.nexmo.com"}, "rest_url"),
        ({}, {"api_url": "https://user:pw@api.nexmo.com"}, "api_url"),
        ({}, {"rest_url": "http://["}, "rest_url"),
    ],
)
def test_it_names_what_is_missing_and_the_remedy(secrets: dict[str, str], options: dict[str, str], remedy: str) -> None:
    (problem,) = vonage(secrets=secrets, **options).configured()
    assert remedy in problem
    assert API_KEY not in problem
    assert "pw" not in problem
