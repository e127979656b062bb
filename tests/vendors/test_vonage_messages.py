"""Vonage's Messages API: what is sent equals what the genuine package sends, and every answer has its meaning."""

import json
from dataclasses import replace
from pathlib import Path
from time import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
)
from vonage import Auth, HttpClientOptions, Vonage
from vonage_messages import models

from notifier.wire import Call, Request, Response
from smsbridge.vendors.base import ErrorKind, OutcomeKind, OutgoingSms, PhoneStatus, ReceiptState
from smsbridge.vendors.vonage_messages import VonageMessages
from smsbridge.vendors.vonage_signature import OLDEST_SECONDS
from tests.notifier.servers import Received, answer
from tests.vendors.contract import SMS, VendorContract, answered
from tests.vendors.messages_account import APPLICATION, SECRET, messages, private_key, pushed
from tests.vendors.sdk import imitation
from tests.vendors.sdk_contract import SdkContract
from tests.vendors.webhook_contract import BASE, NUMBER, PHONE, WORDS, Proof

SENT_ID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
SECRETS = {Proof.RIGHT: SECRET, Proof.FORMER: "the-former-secret-that-has-32-bytes", Proof.NONE: ""}
RECEIPT = {
    "message_uuid": SENT_ID,
    "to": PHONE[1:],
    "from": NUMBER[1:],
    "timestamp": "2026-11-20T07:00:00Z",
    "status": "delivered",
    "channel": "sms",
    "usage": {"currency": "EUR", "price": "0.0333"},
    "sms": {"count_total": "2"},
}
INBOUND = {
    "channel": "sms",
    "message_uuid": "cccccccc-bbbb-4ccc-8ddd-0123456789ab",
    "to": NUMBER[1:],
    "from": PHONE[1:],
    "timestamp": "2026-11-20T07:00:00Z",
    "message_type": "text",
    "text": WORDS,
    "sms": {"num_messages": "1", "keyword": "ON"},
    "usage": {"currency": "EUR", "price": "0.0"},
}


def problem(code: str, status: int = 422, **headers: str) -> Response:
    body = {
        "type": f"https://developer.vonage.com/api-errors/messages#{code}",
        "title": "Not accepted",
        "detail": "for a reason, to 12025550101",
        "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf",
    }
    return answered(status, json.dumps(body).encode(), **headers)


def message_for(sms: OutgoingSms) -> models.BaseMessage:
    """The message as a user of the package would write it."""
    common: dict[str, Any] = {
        "to": sms.recipient[1:],
        "from_": sms.sender[1:],
        "client_ref": sms.reference,
        "webhook_url": sms.status_url or None,
    }
    if sms.media:
        return models.MmsImage(**common, image=models.MmsResource(url=sms.media[0], caption=sms.text))
    return models.Sms(**common, text=sms.text, sms=models.SmsOptions(encoding_type=models.EncodingType.AUTO))


class TestContract(VendorContract, SdkContract):
    window = OLDEST_SECONDS
    SENT_ID = SENT_ID

    def vendor(self, url: str | None = None) -> VonageMessages:
        return messages(api_url=url) if url else messages()

    def sent(self) -> tuple[Response, str]:
        return answered(202, json.dumps({"message_uuid": SENT_ID}).encode()), SENT_ID

    def without_id(self) -> Response:
        return answered(202, b'{"workflow_id": "3TcNjguHxr2vcCZ9Ddsnq6tw8yQUpZ9rMHv9QXSxLan5ibMxqSzLdx9"}')

    def refused(self) -> tuple[Response, ErrorKind]:
        return problem("1170"), ErrorKind.RECIPIENT

    def refused_with_id(self) -> list[tuple[Response, str]]:
        content = {"type": "https://developer.vonage.com/api-errors/messages#1000", "message_uuid": SENT_ID}
        return [(answered(status, json.dumps(content).encode()), SENT_ID) for status in (402, 422, 429)]

    def account_error(self) -> Response:
        return problem("unauthorized", 401)

    def send_genuinely(self, sms: OutgoingSms, url: str) -> None:
        genuine(url, application_id=APPLICATION, private_key=private_key()).messages.send(message_for(sms))

    def _wire(self, request: Request | Received) -> dict[str, object]:
        wire = super()._wire(request)
        return wire | {"authorization": told_by(str(wire["authorization"]))}

    def rotating(self) -> VonageMessages:
        return messages(secrets={"signature_secret": f"{SECRET},{SECRETS[Proof.FORMER]}"})

    def inbound_call(self, proof: Proof = Proof.RIGHT, *, base: str = BASE, age: float = 0.0) -> Call:
        return replace(proven(proof, INBOUND, age), url=f"{base}/webhooks/sms/vonage-messages/inbound/")

    def receipt_call(self, state: ReceiptState, proof: Proof = Proof.RIGHT, *, reference: str = "") -> Call:
        content: dict[str, Any] = RECEIPT | {"client_ref": reference}
        if state is ReceiptState.UNDELIVERED:
            error = {"type": "https://developer.vonage.com/api-errors/messages#1190", "title": 1190, "detail": "gone"}
            content |= {"status": "rejected", "error": error}
        return replace(proven(proof, content), url=f"{BASE}/webhooks/sms/vonage-messages/status/")


def genuine(url: str, **auth: str) -> Vonage:
    host = url.removeprefix("https://")
    options = HttpClientOptions(api_host=host, rest_host=host, timeout=5, pool_maxsize=1, max_retries=0)
    return Vonage(Auth(**auth), options)


def told_by(authorization: str) -> dict[str, Any]:
    """A token of ours without what is new in each, once its signature is found to be right."""
    scheme, _, token = authorization.partition(" ")
    key: Any = load_pem_private_key(private_key().encode(), None).public_key()
    decoded = jwt.decode_complete(token, key, algorithms=["RS256"])
    claims = decoded["payload"]
    assert claims["exp"] - claims["iat"] == 15 * 60
    return {
        "scheme": scheme,
        "header": decoded["header"],
        "application": claims["application_id"],
        "names": set(claims),
    }


def proven(proof: Proof, content: object, age: float = 0.0) -> Call:
    secret = SECRETS.get(proof, "a-wrong-signature-secret-of-32-bytes")
    return pushed(content, secret=secret, iat=int(time() - age))


def test_without_a_private_key_it_authenticates_by_key_and_secret_as_the_package_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepting, _ = TestContract().sent()
    for genuine_api in imitation(answer(accepting.status, accepting.body), tmp_path, monkeypatch):
        genuine_api.client().messages.send(message_for(SMS))
        request, received = messages(secrets={"private_key": ""}).request_for(SMS), genuine_api.received
    assert request.url == f"https://api.nexmo.com{received.path}"
    assert request.body == received.body
    assert request.headers.items() <= {name.title(): value for name, value in received.headers.items()}.items()


@pytest.mark.parametrize(
    ("secrets", "options", "remedy"),
    [
        ({}, {"api_key": ""}, "VONAGE_API_KEY"),
        ({"api_secret": ""}, {}, "VONAGE_API_SECRET"),
        ({"signature_secret": " , "}, {}, "VONAGE_SIGNATURE_SECRET"),
        ({}, {"application_id": ""}, "VONAGE_APPLICATION_ID"),
        ({}, {"api_url": "https://user:pw@api.nexmo.com"}, "api_url"),
        ({}, {"rest_url": "rest.nexmo.com"}, "rest_url"),
    ],
)
def test_it_names_what_is_missing_and_the_remedy(secrets: dict[str, str], options: dict[str, str], remedy: str) -> None:
    (told,) = messages(secrets=secrets, **options).configured()
    assert remedy in told


class TestSending:
    @pytest.mark.parametrize(
        ("link", "kind"),
        [
            ("https://chat.example/cat.PNG?size=2", "image"),
            ("https://chat.example/cat.jpeg", "image"),
            ("https://chat.example/cat.mp4", "video"),
            ("https://chat.example/cat.mp3", "audio"),
            ("https://chat.example/cat.vcf", "vcard"),
            ("https://chat.example/cat.pdf", "file"),
            ("https://chat.example/cat", "file"),
        ],
    )
    def test_the_ending_of_a_link_says_what_it_is(self, link: str, kind: str) -> None:
        body = json.loads(messages().request_for(replace(SMS, media=(link,))).body)
        assert (body["channel"], body["message_type"]) == ("mms", kind)
        assert body[kind] == {"url": link, "caption": SMS.text}

    @pytest.mark.parametrize(
        ("mime_type", "kind"),
        [("image/png", "image"), ("video/mp4", "video"), ("text/x-vcard", "vcard"), ("application/pdf", "file")],
    )
    def test_its_type_says_so_better_where_it_is_known(self, mime_type: str, kind: str) -> None:
        picture = replace(SMS, media=("https://chat.example/7.jpg",), media_types=(mime_type,))
        assert json.loads(messages().request_for(picture).body)["message_type"] == kind

    @pytest.mark.parametrize(
        "change",
        [
            {"text": ""},
            {"text": "x" * 3201},
            {"text": "x" * 3001, "media": ("https://chat.example/cat.png",)},
            {"text": "\ud800"},
            {"reference": "n" * 101},
            {"recipient": "12025550101"},
            {"recipient": "+0202555010"},
            {"sender": "ACME"},
            {"media": ("https://chat.example/1.png", "https://chat.example/2.png")},
        ],
    )
    def test_what_cannot_be_sent_is_refused_without_repeating_it(self, change: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"the text is|is not a phone|takes no such|one of the media") as refusal:
            messages().request_for(replace(SMS, **change))
        shown = f"{refusal.value!s}{refusal.value.__context__!s}"
        assert not any(fact in shown for fact in ("2025550101", "xxx", "nnn", "Alice", "chat.example"))


class TestOutcome:
    @pytest.mark.parametrize(
        ("code", "status", "kind"),
        [
            ("1010", 422, ErrorKind.RECIPIENT),
            ("1050", 422, ErrorKind.OPTED_OUT),
            ("1240", 422, ErrorKind.OPTED_OUT),
            ("1070", 422, ErrorKind.ACCOUNT),
            ("1120", 422, ErrorKind.ACCOUNT),
            ("low-balance", 402, ErrorKind.ACCOUNT),
            ("forbidden", 403, ErrorKind.ACCOUNT),
            ("1999", 422, ErrorKind.UNKNOWN),
            ("something-new", 422, ErrorKind.UNKNOWN),
        ],
    )
    def test_a_problem_is_refused_by_its_code(self, code: str, status: int, kind: ErrorKind) -> None:
        outcome = messages().outcome(problem(code, status))
        assert outcome.kind is OutcomeKind.REFUSED
        assert outcome.error == messages().error(code)
        assert outcome.error is not None
        assert (outcome.error.code, outcome.error.kind) == (code, kind)
        assert outcome.error.link.startswith("https://developer.vonage.com/en/api-errors")
        assert "2025550101" not in f"{outcome}"

    @pytest.mark.parametrize("code", ["1030", "1100", "1180", "1220", "1230", "1331"])
    def test_what_does_not_say_how_far_it_had_got_is_uncertain(self, code: str) -> None:
        outcome = messages().outcome(problem(code))
        assert (outcome.kind, outcome.error) == (OutcomeKind.UNCERTAIN, messages().error(code))
        assert messages().error(code).kind is ErrorKind.TEMPORARY  # as it is in a receipt

    @pytest.mark.parametrize("code", ["1000", "1241", "throttled"])
    def test_what_was_certainly_not_accepted_is_tried_later(self, code: str) -> None:
        outcome = messages().outcome(problem(code, retry_after="3"))
        assert (outcome.kind, outcome.retry_after) == (OutcomeKind.THROTTLED, 3.0)

    def test_a_message_that_vonage_had_before_is_not_sent_again(self) -> None:
        assert messages().outcome(problem("1320")).kind is OutcomeKind.UNCERTAIN

    def test_a_timeout_at_vonage_is_uncertain_whatever_it_says(self) -> None:
        assert messages().outcome(problem("1170", 408)).kind is OutcomeKind.UNCERTAIN

    def test_an_answer_that_contradicts_itself_is_uncertain(self) -> None:
        outcome = messages().outcome(answered(401, json.dumps({"message_uuid": SENT_ID}).encode()))
        assert (outcome.kind, outcome.vendor_id) == (OutcomeKind.UNCERTAIN, SENT_ID)

    @pytest.mark.parametrize("told", [{"title": 1050}, {"title": "1050"}, {"code": 1050}, {"type": "x#1050"}])
    def test_a_code_is_found_wherever_vonage_writes_it(self, told: dict[str, Any]) -> None:
        outcome = messages().outcome(answered(422, json.dumps({"detail": "no"} | told).encode()))
        assert outcome.error is not None
        assert outcome.error.code == "1050"

    @pytest.mark.parametrize("told", [{"type": 7}, {"type": "x#"}, {"type": "x#<b>"}, {"title": True}, {"title": [1]}])
    def test_what_is_no_code_is_none(self, told: dict[str, Any]) -> None:
        outcome = messages().outcome(answered(422, json.dumps(told).encode()))
        assert outcome.error is not None
        assert outcome.error.code == "http:422"

    def test_a_number_out_of_use_is_known_to_be_so(self) -> None:
        assert messages().error("1190").proves is PhoneStatus.NOT_IN_SERVICE
        assert messages().error("1180").proves is PhoneStatus.UNKNOWN
