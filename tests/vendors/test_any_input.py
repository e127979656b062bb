"""Whatever comes in, every adapter gives an outcome, or raises what it promises and nothing else."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.wire import Call, Forged, Unreadable
from smsbridge.vendors.abilities import Finder, NumberShop, PhoneLookup
from smsbridge.vendors.base import (
    AskAgain,
    ErrorKind,
    Found,
    OutcomeKind,
    OutgoingSms,
    PhoneFacts,
    StepKind,
    Vendor,
    VendorError,
)
from smsbridge.vendors.registry import VENDORS
from tests.vendors.accounts import bandwidth, fake, twilio, vonage
from tests.vendors.contract import LOST, SMS, answered
from tests.vendors.messages_account import messages
from tests.vendors.test_smsapi import smsapi

ADAPTERS: tuple[Vendor, ...] = (bandwidth(), fake(), vonage(), smsapi(), messages(), twilio())
EVERY_VENDOR = pytest.mark.parametrize("vendor", ADAPTERS, ids=lambda vendor: str(vendor.key))

STATUSES = st.integers(100, 599)
WORDS = st.sampled_from(
    [
        "messages",
        "status",
        "message-id",
        "message_uuid",
        "type",
        "title",
        "error-text",
        "message-price",
        "id",
        "error",
        "code",
    ]
)
PUSHED = st.sampled_from(
    ["messageId", "msisdn", "to", "from", "id", "text", "status", "concat", "concat-part", "err-code"]
)
VALUES = st.sampled_from(["0", "1", "6", "abc", "12025550101"]) | st.none() | st.booleans() | st.integers() | st.text()


def json_of(words: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    inner = st.recursive(
        VALUES, lambda some: st.lists(some, max_size=3) | st.dictionaries(words, some, max_size=4), max_leaves=12
    )
    return st.dictionaries(words, inner, max_size=6).map(lambda content: json.dumps(content).encode())


BODIES = st.binary(max_size=200) | json_of(PUSHED) | st.text(alphabet='{}[]",:0a&=%', max_size=60).map(str.encode)
CALLS = st.builds(
    Call,
    method=st.sampled_from(["GET", "POST"]),
    url=st.just("https://bridge.example/webhooks/sms/main/inbound/"),
    query=st.text(max_size=60) | st.just("sig=%ff&a=%"),
    headers=st.fixed_dictionaries(
        {},
        optional={
            "authorization": st.text(max_size=60),
            "content-type": st.text(max_size=20),
            "x-fake-signature": st.text(max_size=60),
        },
    ),
    body=BODIES,
)


def test_it_looks_at_every_vendor_that_there_is() -> None:
    assert {vendor.key for vendor in ADAPTERS} == VENDORS.keys()


@EVERY_VENDOR
@given(status=STATUSES, body=st.binary(max_size=300))
def test_it_reads_any_bytes_as_some_outcome(vendor: Vendor, status: int, body: bytes) -> None:
    outcome = vendor.outcome(answered(status, body))
    assert outcome.kind is not OutcomeKind.SENT
    assert outcome.reason


@EVERY_VENDOR
@given(status=STATUSES, body=json_of(WORDS))
def test_it_takes_nothing_for_sent_that_has_no_id(vendor: Vendor, status: int, body: bytes) -> None:
    outcome = vendor.outcome(answered(status, body))
    assert outcome.kind is not OutcomeKind.SENT or (outcome.vendor_id and 200 <= status < 300)
    assert outcome.reason


@EVERY_VENDOR
@given(call=CALLS)
def test_it_refuses_any_call_that_is_not_signed_and_fails_in_no_other_way(vendor: Vendor, call: Call) -> None:
    with pytest.raises(Forged):
        vendor.verify(call)


@EVERY_VENDOR
@given(call=CALLS)
def test_it_reads_any_call_or_says_that_it_cannot(vendor: Vendor, call: Call) -> None:
    with suppress(Unreadable):
        for text in vendor.parse_inbound(call):
            assert text.vendor_id
            assert text.sender.startswith("+")
            assert "\0" not in text.text
    with suppress(Unreadable):
        for receipt in vendor.parse_receipts(call):
            assert receipt.vendor_id or receipt.reference


@EVERY_VENDOR
@given(code=st.text(max_size=12))
def test_it_says_something_about_any_code(vendor: Vendor, code: str) -> None:
    error = vendor.error(code)
    assert error.code == code
    assert error.text
    assert isinstance(error.kind, ErrorKind)


@EVERY_VENDOR
@given(text=st.text(max_size=40), sender=st.text(max_size=18))
def test_it_builds_a_request_or_raises_value_error_without_the_phone(vendor: Vendor, text: str, sender: str) -> None:
    sms = OutgoingSms(sender=sender, recipient=SMS.recipient, text=text, reference="n-1", unicode=True)
    problem = ""
    try:
        body = vendor.request_for(sms).body
    except ValueError as error:
        problem, body = str(error), b""
    assert bool(body) is not bool(problem)
    assert SMS.recipient[1:] not in problem


@EVERY_VENDOR
@given(status=STATUSES, body=st.binary(max_size=200) | json_of(WORDS) | json_of(st.just("messages")))
def test_it_reads_any_answer_to_a_look_up_and_finds_nothing_in_it(vendor: Vendor, status: int, body: bytes) -> None:
    if isinstance(vendor, Finder):
        finding = vendor.found(LOST, answered(status, body))
        assert isinstance(finding, AskAgain) or status == 200
        assert not isinstance(finding, Found)


@EVERY_VENDOR
@given(status=STATUSES, body=st.binary(max_size=200) | json_of(WORDS) | json_of(st.just("line_type")))
def test_it_reads_any_answer_about_a_phone_and_raises_nothing(vendor: Vendor, status: int, body: bytes) -> None:
    if isinstance(vendor, PhoneLookup):
        told = vendor.looked_up(SMS.recipient, answered(status, body))
        assert isinstance(told, AskAgain | PhoneFacts)


@EVERY_VENDOR
@given(status=STATUSES, body=st.binary(max_size=200) | json_of(WORDS) | json_of(st.just("numbers")))
def test_it_reads_any_answer_to_what_costs_money_and_settles_nothing_by_an_error_of_the_vendors(
    vendor: Vendor, status: int, body: bytes
) -> None:
    if isinstance(vendor, NumberShop):
        kinds = {vendor.bought(answered(status, body)).kind, vendor.released(answered(status, body)).kind}
        assert status < 500 or kinds == {StepKind.UNCERTAIN}
        with suppress(VendorError):
            vendor.numbers(answered(status, body))
        with suppress(VendorError):
            vendor.offers(answered(status, body))
