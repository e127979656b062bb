"""Delivery receipts come at least once and in any order; the state of an SMS only moves forward."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, cast

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from smsbridge.models import Bridge, Lease, OptOut, OutboundSms
from smsbridge.services import outcomes, reconciling, unsettled
from smsbridge.services.accounts import live_account
from smsbridge.services.outcomes import Flight
from smsbridge.services.reconciling import Sought
from smsbridge.services.settling import STATES, settle
from smsbridge.vendors.abilities import Finder
from smsbridge.vendors.base import (
    DeliveryReceipt,
    Found,
    LostSms,
    Outcome,
    OutcomeKind,
    OutgoingSms,
    ReceiptState,
)
from tests import factories
from tests.factories import conversation, outbound
from tests.smsbridge.calls import receipt
from tests.smsbridge.racing import together


def sent(bridge: Bridge, vendor_id: str | None = "v-1", state: str = "sent", **fields: Any) -> OutboundSms:
    return outbound(bridge, state=state, vendor_id=vendor_id, **fields)


def state_of(sms: OutboundSms) -> str:
    sms.refresh_from_db()
    return sms.state


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("queued", "sent"),
        ("sent", "sent"),
        ("delivered", "delivered"),
        ("undelivered", "undelivered"),
        ("expired", "undelivered"),
        ("unheard of", "sent"),
    ],
)
def test_a_receipt_moves_a_sent_text(bridge: Bridge, status: str, state: str) -> None:
    sms = sent(bridge)
    assert receipt(sms.account, status, vendor_id="v-1") == 200
    assert state_of(sms) == state


#: what a receipt makes of each state: the first of queued, sent and unknown; then undelivered and expired; delivered
TABLE = {
    "sending": ("sent", "undelivered", "delivered"),
    "uncertain": ("sent", "undelivered", "delivered"),
    "dead": ("sent", "undelivered", "delivered"),
    "sent": ("sent", "undelivered", "delivered"),
    "undelivered": ("undelivered", "undelivered", "delivered"),
    "delivered": ("delivered", "delivered", "delivered"),
    "closed": ("closed", "closed", "delivered"),
    "ready": ("sent", "undelivered", "delivered"),
    "withdrawn": ("withdrawn", "withdrawn", "delivered"),
}
COLUMN = {"sent": 0, "undelivered": 1, "delivered": 2}


@pytest.mark.parametrize("told", ReceiptState)
@pytest.mark.parametrize("state", OutboundSms.State)
def test_every_receipt_moves_every_state_forward_or_not_at_all(bridge: Bridge, state: str, told: ReceiptState) -> None:
    sms = sent(bridge, state=state, attempts=1)
    tell(sms, told)
    assert state_of(sms) == TABLE[state][COLUMN[STATES[told]]]


def tell(sms: OutboundSms, *told: ReceiptState) -> None:
    account = live_account(sms.account.slug)
    assert account is not None
    for state in told:
        settle(account, [DeliveryReceipt(vendor_id="v-1", reference=sms.pk.hex, state=state)])


@pytest.mark.parametrize("state", ["ready", "withdrawn"])
def test_what_no_vendor_was_ever_told_of_is_left_alone(bridge: Bridge, state: str) -> None:
    sms = sent(bridge, state=state, attempts=0)
    tell(sms, *ReceiptState)
    assert state_of(sms) == state


def late(sms: OutboundSms, kind: OutcomeKind) -> None:
    """The sender's own outcome, written whenever it comes."""
    account, assumed = live_account(sms.account.slug), OutboundSms.objects.get(pk=sms.pk)
    assert account is not None
    assert assumed.claim is not None
    text = OutgoingSms(sender="+12025550001", recipient=sms.phone, text=sms.text, reference=sms.pk.hex, unicode=False)
    flight = Flight(sms.pk, assumed.claim, account, 1, text, 0.0)
    vendor_id = "v-1" if kind is OutcomeKind.SENT else None
    outcomes.write([outcomes.Result(flight, Outcome(kind=kind, vendor_id=vendor_id))])


def look_up(sms: OutboundSms, told: ReceiptState) -> None:
    """A look-up that finds it, written whenever it comes."""
    account = live_account(sms.account.slug)
    assert account is not None
    assert isinstance(account.vendor, Finder)
    lost = LostSms(
        reference=sms.pk.hex, vendor_id="", sender="", recipient=sms.phone, text=sms.text, since=sms.created_at
    )
    found = Found([DeliveryReceipt(vendor_id="v-1", reference=sms.pk.hex, state=told)])
    reconciling.write(Sought(sms.pk, account, account.vendor, 1, 1, 0.0, lost), found)


#: each can come at any time, and more than once
WORDS: dict[str, Callable[[OutboundSms], None]] = {
    **{f"receipt {told.name}": partial(lambda told, sms: tell(sms, told), told) for told in ReceiptState},
    **{f"look-up {told.name}": partial(lambda told, sms: look_up(sms, told), told) for told in ReceiptState},
    "sender: sent": lambda sms: late(sms, OutcomeKind.SENT),
    "sender: uncertain": lambda sms: late(sms, OutcomeKind.UNCERTAIN),
    "lost track": lambda sms: cast(None, unsettled.lose_track()),
}


def final(words: Iterable[str]) -> str:
    """The highest that anybody said."""
    told = [STATES[ReceiptState[word.split()[1]]] for word in words if word.startswith(("receipt", "look-up"))]
    told += ["sent"] if "sender: sent" in words else []
    told += ["uncertain"] if {"sender: uncertain", "lost track"} & set(words) else []
    return max(told, key=["uncertain", "sent", "undelivered", "delivered"].index)


@pytest.mark.once
@given(words=st.lists(st.sampled_from(sorted(WORDS)), min_size=1, max_size=6))
@hypothesis_settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_end_is_the_same_in_whatever_order_and_how_often_it_is_told(bridge: Bridge, words: list[str]) -> None:
    OutboundSms.objects.all().delete()
    past = timezone.now() - timedelta(seconds=1)
    sms = outbound(bridge, state="sending", attempts=1, claim=uuid.uuid4(), next_at=past)
    for word in words:
        WORDS[word](sms)
    assert state_of(sms) == final(words)


def test_a_repeat_changes_nothing(bridge: Bridge) -> None:
    sms = sent(bridge)
    receipt(sms.account, "delivered", vendor_id="v-1")
    sms.refresh_from_db()
    settled_at = sms.settled_at
    assert settled_at is not None
    receipt(sms.account, "delivered", vendor_id="v-1")
    sms.refresh_from_db()
    assert sms.settled_at == settled_at


def test_an_undelivered_text_says_why_and_is_introduced_again(bridge: Bridge) -> None:
    sms = sent(bridge)
    factories.lease(sms.number, conversation(bridge.hook.chat_app), introduced_by=sms)
    receipt(sms.account, "undelivered", vendor_id="v-1", code="30005")
    assert state_of(sms) == "undelivered"
    assert sms.code == "30005"
    assert "not known" in sms.reason
    assert Lease.objects.get().introduced_by is None


@pytest.mark.parametrize("state", ["sent", "undelivered", "closed"])
def test_a_receipt_may_tell_of_an_opt_out_also_when_it_moves_nothing(bridge: Bridge, state: str) -> None:
    sms = sent(bridge)
    OutboundSms.objects.update(state=state)
    receipt(sms.account, "undelivered", vendor_id="v-1", code="21610")
    assert OptOut.objects.get().phone == sms.phone


@pytest.mark.parametrize(
    ("status", "state"), [("sent", "sent"), ("delivered", "delivered"), ("expired", "undelivered")]
)
def test_a_receipt_by_reference_resolves_an_uncertain_text(bridge: Bridge, status: str, state: str) -> None:
    sms = sent(bridge, None, "uncertain")
    receipt(sms.account, status, vendor_id="v-7", reference=sms.pk.hex)
    assert state_of(sms) == state
    assert sms.vendor_id == "v-7"


def test_a_receipt_that_overtakes_the_vendors_answer_counts(bridge: Bridge) -> None:
    sms = sent(bridge, None, "sending")
    receipt(sms.account, "delivered", vendor_id="v-7", reference=sms.pk.hex)
    assert state_of(sms) == "delivered"


def test_the_vendors_id_goes_before_our_reference(bridge: Bridge) -> None:
    mine, other = sent(bridge, "v-1"), sent(bridge, None, "uncertain")
    receipt(mine.account, "delivered", vendor_id="v-1", reference=other.pk.hex)
    assert [state_of(mine), state_of(other)] == ["delivered", "uncertain"]


def test_another_account_cannot_settle_it(bridge: Bridge) -> None:
    sms, stranger = sent(bridge, None, "uncertain"), factories.vendor_account()
    receipt(stranger, "delivered", vendor_id="v-1", reference=sms.pk.hex)
    assert state_of(sms) == "uncertain"


def test_the_history_tells_that_the_vendor_overruled_what_we_had_concluded(bridge: Bridge) -> None:
    given_up, plain = sent(bridge, None, "dead"), sent(bridge, "v-2")
    receipt(given_up.account, "delivered", vendor_id="v-1", reference=given_up.pk.hex)
    receipt(plain.account, "delivered", vendor_id="v-2")
    assert (state_of(given_up), state_of(plain)) == ("delivered", "delivered")
    assert [(state, words) for _, state, words in given_up.log] == [("delivered", "The vendor told so.")]
    assert plain.log == []


def test_a_price_is_kept_whatever_else_is_told_and_that_of_the_sending_stands(bridge: Bridge) -> None:
    account = sent(bridge, "v-1", "delivered").account
    sent(bridge, "v-2", price=Decimal("0.07"))
    live = live_account(account.slug)
    assert live is not None
    cheap = partial(DeliveryReceipt, reference="", price=Decimal("0.0333"))
    settle(live, [cheap(vendor_id=f"v-{n}", state=ReceiptState.DELIVERED) for n in (1, 2)])
    prices = dict(OutboundSms.objects.values_list("vendor_id", "price"))
    assert prices == {"v-1": Decimal("0.0333"), "v-2": Decimal("0.07")}


def test_a_price_that_no_column_holds_does_not_cost_us_the_state(bridge: Bridge) -> None:
    sms = sent(bridge)
    live = live_account(sms.account.slug)
    assert live is not None
    settle(
        live, [DeliveryReceipt(vendor_id="v-1", reference="", state=ReceiptState.DELIVERED, price=Decimal(10) ** 12)]
    )
    assert (state_of(sms), sms.price) == ("delivered", None)


def test_many_receipts_of_one_call_are_taken_over_together(
    bridge: Bridge, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    texts = [sent(bridge, f"v-{n}") for n in range(20)] + [sent(bridge, None, "uncertain") for _ in range(20)]
    live = live_account(texts[0].account.slug)
    assert live is not None
    told = [
        DeliveryReceipt(vendor_id=sms.vendor_id or f"new-{n}", reference=sms.pk.hex, state=ReceiptState.DELIVERED)
        for n, sms in enumerate(texts)
    ]
    with django_assert_max_num_queries(8):
        assert settle(live, [*(replace(one, state=ReceiptState.SENT) for one in told), *told]) == 40
    assert {state_of(sms) for sms in texts} == {"delivered"}
    assert None not in {sms.vendor_id for sms in texts}


def test_an_id_that_the_vendor_gives_to_two_texts_stays_with_the_first(bridge: Bridge) -> None:
    first, second = sent(bridge, None, "uncertain"), sent(bridge, None, "uncertain")
    live = live_account(first.account.slug)
    assert live is not None
    told = [DeliveryReceipt(vendor_id="v-1", reference=one.pk.hex, state=ReceiptState.SENT) for one in (first, second)]
    settle(live, told)
    assert (state_of(first), state_of(second)) == ("sent", "uncertain")


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_two_calls_that_bring_the_same_new_id_none_fails(bridge: Bridge) -> None:
    texts = [sent(bridge, None, "uncertain") for _ in range(2)]
    calls = [partial(receipt, sms.account, "sent", vendor_id="v-1", reference=sms.pk.hex) for sms in texts * 4]
    assert together(calls) == [200] * 8
    assert sorted(state_of(sms) for sms in texts) == ["sent", "uncertain"]
    connection.close()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_twelve_at_once_settle_it_once(bridge: Bridge) -> None:
    sms = sent(bridge)
    statuses = ["delivered", "sent", "queued", "expired"] * 3
    answers = together([partial(receipt, sms.account, status, vendor_id="v-1") for status in statuses])
    assert answers == [200] * 12
    assert state_of(sms) == "delivered"
    connection.close()
