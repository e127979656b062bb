"""Delivery receipts come at least once and in any order; the state of an SMS only moves forward."""

from functools import partial
from itertools import permutations

import pytest
from django.db import connection

from smsbridge.models import Bridge, Lease, OptOut, OutboundSms
from tests import factories
from tests.factories import conversation, outbound
from tests.smsbridge.calls import receipt
from tests.smsbridge.racing import together

STATUSES = ["queued", "sent", "delivered", "undelivered", "expired", "unheard of"]


def sent(bridge: Bridge, vendor_id: str | None = "v-1", state: str = "sent") -> OutboundSms:
    return outbound(bridge, state=state, vendor_id=vendor_id)


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


def final(statuses: tuple[str, ...]) -> str:
    if "delivered" in statuses:
        return "delivered"
    return "undelivered" if {"undelivered", "expired"} & set(statuses) else "sent"


@pytest.mark.once
@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_end_is_the_same_in_whatever_order_they_come(bridge: Bridge, count: int) -> None:
    from smsbridge.services.accounts import live_account
    from smsbridge.services.settling import settle
    from smsbridge.vendors.base import DeliveryReceipt
    from smsbridge.vendors.fake_inbound import _STATES

    sms = sent(bridge)
    account = live_account(sms.account.slug)
    assert account is not None
    for order in permutations(STATUSES[:5], count):
        OutboundSms.objects.update(state="sent")
        for status in order:
            settle(account, [DeliveryReceipt(vendor_id="v-1", reference="", state=_STATES[status])])
        assert state_of(sms) == final(order), order


def test_a_repeat_changes_nothing(bridge: Bridge) -> None:
    sms = sent(bridge)
    receipt(sms.account, "delivered", vendor_id="v-1")
    sms.refresh_from_db()
    settled_at = sms.settled_at
    assert settled_at is not None
    receipt(sms.account, "delivered", vendor_id="v-1")
    sms.refresh_from_db()
    assert sms.settled_at == settled_at


@pytest.mark.parametrize("state", ["ready", "dead", "withdrawn"])
def test_a_receipt_does_not_move_what_was_never_sent(bridge: Bridge, state: str) -> None:
    sms = sent(bridge, state=state)
    receipt(sms.account, "delivered", vendor_id="v-1")
    assert state_of(sms) == state


def test_an_undelivered_text_says_why_and_is_introduced_again(bridge: Bridge) -> None:
    sms = sent(bridge)
    factories.lease(sms.number, conversation(bridge.hook.chat_app), introduced_by=sms)
    receipt(sms.account, "undelivered", vendor_id="v-1", code="30005")
    assert state_of(sms) == "undelivered"
    assert sms.code == "30005"
    assert "not known" in sms.reason
    assert Lease.objects.get().introduced_by is None


def test_a_receipt_may_tell_of_an_opt_out(bridge: Bridge) -> None:
    sms = sent(bridge)
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


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_twelve_at_once_settle_it_once(bridge: Bridge) -> None:
    sms = sent(bridge)
    statuses = ["delivered", "sent", "queued", "expired"] * 3
    answers = together([partial(receipt, sms.account, status, vendor_id="v-1") for status in statuses])
    assert answers == [200] * 12
    assert state_of(sms) == "delivered"
    connection.close()
