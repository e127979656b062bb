"""Every vendor's webhooks as HTTP, with the calls of its contract: proven, stored once, settled."""

import uuid
from dataclasses import replace
from importlib import import_module
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from notifier.wire import Call
from smsbridge.models import InboundSms, OptOut, OutboundSms, VendorAccount
from smsbridge.vendors.base import ReceiptState, Vendor
from smsbridge.vendors.registry import VENDORS
from tests import factories
from tests.threads import times
from tests.vendors.accounts import twilio
from tests.vendors.twilio_sdk import by_form, pushed
from tests.vendors.webhook_contract import BASE, NUMBER, PHONE, WORDS, Proof, WebhookContract

#: where each vendor's contract is; one line for each
CONTRACTS = {
    "bandwidth": "tests.vendors.test_bandwidth",
    "fake": "tests.vendors.test_fake",
    "smsapi": "tests.vendors.test_smsapi",
    "twilio": "tests.vendors.test_twilio_send",
    "vonage": "tests.vendors.test_vonage_send",
    "vonage-messages": "tests.vendors.test_vonage_messages",
}
#: how a proxy that ended TLS hands a call on
PROXIED = {"host": "127.0.0.1:8000", "x-forwarded-proto": "https", "x-forwarded-host": "bridge.example"}

DELIVERED, UNDELIVERED = ReceiptState.DELIVERED, ReceiptState.UNDELIVERED


def test_every_vendor_is_tested_here() -> None:
    assert sorted(CONTRACTS) == sorted(VENDORS)


@pytest.fixture(params=sorted(CONTRACTS))
def contract(request: pytest.FixtureRequest, settings: Settings) -> WebhookContract:
    settings.PUBLIC_URL = BASE
    return cast(WebhookContract, import_module(CONTRACTS[request.param]).TestContract())


def made(vendor: Vendor) -> VendorAccount:
    """An account as the adapter is configured, under the name that the contract's URLs have."""
    config = vendor.config
    account = factories.vendor_account(
        vendor.key, vendor=vendor.key, options=dict(config.options), secrets=dict(config.secrets)
    )
    account.numbers.create(e164=NUMBER)
    factories.forget()
    return account


@pytest.fixture
def account(db: None, contract: WebhookContract) -> VendorAccount:
    return made(contract.vendor())


def come(call: Call, **more: str) -> HttpResponse:
    """The call as it reaches us: by its path, with its query, headers and body untouched."""
    url = urlsplit(call.url)
    headers = {name: value for name, value in call.headers.items() if name != "content-type"}
    path = f"{url.path}?{call.query}" if call.query else url.path
    content_type = call.headers.get("content-type", "")
    answer = Client().generic(call.method, path, call.body, content_type, headers={**headers, **more})
    return cast(HttpResponse, answer)


def text_of(account: VendorAccount, **fields: Any) -> OutboundSms:
    return factories.outbound(factories.bridge(numbers=factories.pool(1, account=account)), **fields)


def state_of(sms: OutboundSms) -> str:
    sms.refresh_from_db()
    return sms.state


# Texts


def test_a_text_is_stored_and_answered_as_the_vendor_wants(account: VendorAccount, contract: WebhookContract) -> None:
    answer = come(contract.inbound_call())
    part, content_type = contract.wants
    assert answer.status_code == 200
    assert part in answer.content.decode()
    assert answer["Content-Type"].startswith(content_type)
    sms = InboundSms.objects.get()
    assert (sms.account, sms.phone, sms.number) == (account, PHONE, NUMBER)
    assert sms.text.split("\n")[0] == WORDS  # beneath it are links to what came with it


@pytest.mark.parametrize("proof", [Proof.WRONG, Proof.NONE, Proof.FORMER])
def test_what_is_not_proven_is_refused_and_nothing_of_it_kept(
    account: VendorAccount, contract: WebhookContract, proof: Proof
) -> None:
    sms = text_of(account, state="sent", vendor_id=contract.SENT_ID)
    assert come(contract.inbound_call(proof)).status_code == 403
    assert come(contract.receipt_call(DELIVERED, proof)).status_code == 403
    assert not InboundSms.objects.exists()
    assert state_of(sms) == "sent"


@pytest.mark.parametrize("proof", [Proof.RIGHT, Proof.FORMER])
def test_both_credentials_count_while_they_are_changed(db: None, contract: WebhookContract, proof: Proof) -> None:
    made(contract.rotating())
    assert come(contract.inbound_call(proof)).status_code == 200
    assert InboundSms.objects.count() == 1


def test_behind_a_proxy_the_public_url_counts_and_not_the_one_within(
    account: VendorAccount, contract: WebhookContract
) -> None:
    assert come(contract.inbound_call(), **PROXIED).status_code == 200
    assert InboundSms.objects.count() == 1


def test_a_forwarded_host_is_not_believed(account: VendorAccount, contract: WebhookContract) -> None:
    """What was signed for another place does not become right by a header that says that this is it."""
    answer = come(
        contract.inbound_call(base="https://other.example"), **PROXIED | {"x-forwarded-host": "other.example"}
    )
    assert answer.status_code == (403 if contract.signs_url else 200)


def test_a_repeated_text_is_one_row(account: VendorAccount, contract: WebhookContract) -> None:
    """Vendors sign a repeat anew, or send the very same call."""
    for call in (contract.inbound_call(), contract.inbound_call(age=60.0), contract.inbound_call()):
        assert come(call).status_code == 200
    assert InboundSms.objects.count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_same_text_twelve_times_at_once_is_one_row(contract: WebhookContract) -> None:
    made(contract.vendor())
    call = contract.inbound_call()
    assert {answer.status_code for answer in times(12, lambda: come(call))} == {200}
    assert InboundSms.objects.count() == 1


# Receipts


@pytest.mark.parametrize("state", [DELIVERED, UNDELIVERED])
def test_a_receipt_settles_our_text_by_the_vendors_id(
    account: VendorAccount, contract: WebhookContract, state: ReceiptState
) -> None:
    sms = text_of(account, state="sent", vendor_id=contract.SENT_ID)
    other = text_of(account, state="sent", vendor_id="another")
    assert come(contract.receipt_call(state), **PROXIED).status_code == 200
    assert state_of(sms) == state.name.lower()
    assert bool(sms.code) == (state is UNDELIVERED)
    assert state_of(other) == "sent"


def test_a_receipt_settles_by_our_reference_what_lost_its_answer(
    account: VendorAccount, contract: WebhookContract
) -> None:
    lost, other = (text_of(account, state="uncertain", attempts=1) for _ in range(2))
    assert come(contract.receipt_call(DELIVERED, reference=lost.id.hex)).status_code == 200
    assert state_of(lost) == "delivered"
    assert lost.vendor_id == contract.SENT_ID
    assert state_of(other) == "uncertain"


def test_a_receipt_about_nothing_of_ours_is_answered_and_forgotten(
    account: VendorAccount, contract: WebhookContract
) -> None:
    assert come(contract.receipt_call(DELIVERED, reference=uuid.uuid4().hex)).status_code == 200


def elsewhere(call: Call, way: str) -> Call:
    """The same call at the other one of our two URLs."""
    other = {"inbound": "status", "status": "inbound"}[way]
    return replace(call, url=call.url.replace(f"/{way}/", f"/{other}/"))


def test_what_comes_to_the_other_url_is_taken_all_the_same(account: VendorAccount, contract: WebhookContract) -> None:
    """Some vendors have one URL for both, and people enter the same one twice."""
    sms = text_of(account, state="sent", vendor_id=contract.SENT_ID)
    answers = [come(elsewhere(contract.inbound_call(), "inbound"))]
    answers.append(come(elsewhere(contract.receipt_call(DELIVERED), "status")))
    if contract.signs_url:
        assert [answer.status_code for answer in answers] == [403, 403]
        return
    assert (InboundSms.objects.get().phone, state_of(sms)) == (PHONE, "delivered")
    part, content_type = contract.wants
    assert part in answers[0].content.decode()
    assert answers[0]["Content-Type"].startswith(content_type)


def test_a_stop_that_twilio_signed_for_the_receipts_url_counts(db: None, settings: Settings) -> None:
    settings.PUBLIC_URL = BASE
    sms = text_of(made(twilio()), state="sent", vendor_id=pushed("receipt")["MessageSid"])
    answer = come(by_form(f"{BASE}/webhooks/sms/twilio/status/", pushed("inbound", Body="STOP")))
    assert "<Response/>" in answer.content.decode()
    assert OptOut.objects.get().phone == PHONE
    come(by_form(f"{BASE}/webhooks/sms/twilio/inbound/", pushed("receipt", MessageStatus="delivered")))
    assert state_of(sms) == "delivered"


def test_what_holds_nothing_of_interest_is_answered_at_either_url(db: None, settings: Settings) -> None:
    settings.PUBLIC_URL = BASE
    made(twilio())
    for way in ("inbound", "status"):
        call = by_form(f"{BASE}/webhooks/sms/twilio/{way}/", pushed("inbound", From="ACME"))
        assert come(call).status_code == 200
    assert not InboundSms.objects.exists()


def test_a_call_counts_by_the_query_as_it_was_sent(db: None, settings: Settings) -> None:
    settings.PUBLIC_URL = BASE
    made(twilio())
    fields = pushed("inbound", From=PHONE, To=NUMBER, Body=WORDS)
    call = by_form(f'{BASE}/webhooks/sms/twilio/inbound/?a=|{{}}"^ %7C', fields)
    assert come(call).status_code == 200
    assert come(replace(call, query=call.query.replace("|", "%7C"))).status_code == 403
    assert InboundSms.objects.count() == 1
