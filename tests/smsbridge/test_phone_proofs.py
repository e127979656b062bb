"""What deliveries prove of phones is remembered, for nothing; a text that arrives takes it back."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smsbridge.models import Bridge, Notice, Number, OutboundSms, PhoneFact
from smsbridge.services import inbound, settling
from smsbridge.services.accounts import live_account, live_accounts
from smsbridge.vendors.base import DeliveryReceipt, InboundPart, InboundText, PhoneFacts, PhoneStatus, ReceiptState
from tests.factories import BENS_PHONE, linked, notice
from tests.smsbridge.calls import receipt, text_to
from tests.smsbridge.stages import compose, send
from tests.smsbridge.upstreams import Network, refused


def fact() -> PhoneFact:
    return PhoneFact.objects.get(phone=BENS_PHONE)


def sent(bridge: Bridge, **fields: Any) -> OutboundSms:
    return linked(bridge, state="sent", attempts=1, **fields)


def told(sms: OutboundSms, status: str, code: str = "") -> None:
    assert receipt(sms.account, status, vendor_id=str(sms.vendor_id), code=code) == 200


def test_a_refusal_that_proves_a_landline_is_remembered_and_the_next_message_not_texted(
    bridge: Bridge, network: Network
) -> None:
    network.script = [refused("30006")]
    linked(bridge)
    send()
    assert (fact().status, fact().source, fact().code) == (-1, "receipt", "30006")
    one = notice(bridge)
    compose()
    one.refresh_from_db()
    assert (one.reason, one.note) == (Notice.Reason.UNTEXTABLE, "It is a landline, as told by texts to it or from it.")


def test_a_receipt_that_proves_it_is_remembered(bridge: Bridge) -> None:
    told(sent(bridge, vendor_id="v-1"), "undelivered", "30005")
    assert (fact().status, fact().code) == (-2, "30005")


@pytest.mark.parametrize("code", ["30003", "30004", "30007", ""])
def test_a_failure_that_proves_nothing_is_not(bridge: Bridge, code: str) -> None:
    told(sent(bridge, vendor_id="v-1"), "undelivered", code)
    assert not PhoneFact.objects.exists()


def test_a_code_beside_a_text_that_arrived_proves_nothing(bridge: Bridge) -> None:
    told(sent(bridge, vendor_id="v-1"), "delivered", "30006")
    assert not PhoneFact.objects.exists()


def test_a_later_text_that_arrives_takes_it_back_and_a_repeat_of_the_old_receipt_does_not_bring_it_again(
    bridge: Bridge,
) -> None:
    old, new = sent(bridge, vendor_id="v-1"), sent(bridge, vendor_id="v-2")
    told(old, "undelivered", "30006")
    told(new, "delivered")
    assert (fact().status, fact().code) == (1, "")
    told(old, "undelivered", "30006")
    assert fact().status == 1


@pytest.mark.parametrize("row", [True, False])
def test_that_an_older_text_failed_proves_nothing_once_a_newer_one_arrived(bridge: Bridge, row: bool) -> None:
    old, new = sent(bridge, vendor_id="v-1"), sent(bridge, vendor_id="v-2")
    if row:
        PhoneFact.objects.create(phone=BENS_PHONE, next_at=timezone.now())
    told(new, "delivered")
    told(old, "undelivered", "30005")
    assert [one.status for one in PhoneFact.objects.all()] == ([1] if row else [])
    newest = sent(bridge, vendor_id="v-3")
    told(newest, "undelivered", "30005")
    assert fact().status == -2


def in_parts(number: Number) -> None:
    for place in (1, 2):
        part = InboundPart(reference="7", number=place, total=2)
        text = InboundText(vendor_id=f"part-{place}", sender=BENS_PHONE, recipient=number.e164, text="Hello", part=part)
        inbound.accept(live_accounts()[number.account_id], [text])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("text", ["Hello", "START", None])
@pytest.mark.parametrize("source", ["look-up", "receipt", "plan"])
def test_a_text_that_comes_from_it_proves_that_it_can_be_texted(bridge: Bridge, text: str | None, source: str) -> None:
    sms, number = sent(bridge, vendor_id="v-1"), bridge.pool.numbers.order_by("pk")[0]
    PhoneFact.objects.create(phone=BENS_PHONE, status=-1, source=source, code="30006", looked_at=timezone.now())
    in_parts(number) if text is None else text_to(number, text)
    assert (fact().status, fact().source, fact().code) == (1, "receipt", "")
    told(sms, "undelivered", "30006")  # of a text that was made before
    assert fact().status == 1


@pytest.mark.django_db(transaction=True)
def test_an_operators_word_stays_though_a_text_comes_from_it(bridge: Bridge) -> None:
    PhoneFact.objects.create(phone=BENS_PHONE, status=-4, source="operator", looked_at=timezone.now())
    text_to(bridge.pool.numbers.order_by("pk")[0], "Hello")
    assert (fact().status, fact().source) == (-4, "operator")


@pytest.mark.django_db(transaction=True)
def test_a_repeat_of_a_text_that_came_from_it_proves_nothing_new(bridge: Bridge) -> None:
    number = bridge.pool.numbers.order_by("pk")[0]
    text_to(number, "Hello", vendor_id="in-1")
    PhoneFact.objects.create(phone=BENS_PHONE, status=-2, source="look-up", looked_at=timezone.now())
    text_to(number, "Hello", vendor_id="in-1")
    assert fact().status == -2


@pytest.mark.django_db(transaction=True)
def test_of_most_phones_a_text_from_them_asks_nothing_more(bridge: Bridge) -> None:
    with CaptureQueriesContext(connection) as queries:
        text_to(bridge.pool.numbers.order_by("pk")[0], "Hello")
    assert not [query["sql"] for query in queries if query["sql"].startswith("update smsbridge_phonefact")]


def test_a_text_that_arrives_spares_a_look_up(bridge: Bridge) -> None:
    PhoneFact.objects.create(phone=BENS_PHONE, next_at=timezone.now())
    told(sent(bridge, vendor_id="v-1"), "delivered")
    assert (fact().status, fact().next_at) == (1, None)


@pytest.mark.parametrize(("status", "code"), [("delivered", ""), ("undelivered", "30006")])
def test_an_operators_word_stays(bridge: Bridge, status: str, code: str) -> None:
    PhoneFact.objects.create(phone=BENS_PHONE, status=-4, source="operator", looked_at=timezone.now())
    told(sent(bridge, vendor_id="v-1"), status, code)
    assert (fact().status, fact().source) == (-4, "operator")


def test_what_a_delivery_proves_wins_over_what_a_look_up_told(bridge: Bridge) -> None:
    PhoneFact.objects.create(
        phone=BENS_PHONE, status=1, source="look-up", carrier="Air", looked_at=timezone.now() - timedelta(days=1)
    )
    told(sent(bridge, vendor_id="v-1"), "undelivered", "30006")
    assert (fact().status, fact().source, fact().carrier) == (-1, "receipt", "Air")


def test_a_carrier_that_a_receipt_names_is_kept_beside_what_is_known(bridge: Bridge) -> None:
    PhoneFact.objects.create(phone=BENS_PHONE, status=1, source="look-up", line_type="mobile", looked_at=timezone.now())
    sms = sent(bridge, vendor_id="v-1")
    account = live_account(sms.account.slug)
    assert account is not None
    facts = PhoneFacts(status=PhoneStatus.UNKNOWN, carrier="Air", country="us")
    report = DeliveryReceipt(vendor_id="v-1", reference="", state=ReceiptState.DELIVERED, facts=facts)
    settling.settle(account, [report])
    assert (fact().carrier, fact().country, fact().line_type, fact().source) == ("Air", "US", "mobile", "look-up")


def test_of_most_phones_a_receipt_writes_nothing(bridge: Bridge) -> None:
    sms = sent(bridge, vendor_id="v-1")
    with CaptureQueriesContext(connection) as queries:
        told(sms, "delivered")
    writes = [query["sql"] for query in queries if "smsbridge_phonefact" in query["sql"].partition(" set ")[0]]
    assert (writes, PhoneFact.objects.count()) == ([], 0)
