"""A vendor that tells of each part of a text: whatever the state becomes, what is missing of it stays in words."""

from typing import Any

import pytest

from smsbridge.models import Bridge, OptOut, OutboundSms, PhoneFact
from smsbridge.services import clearance, outcomes
from smsbridge.services.accounts import live_account
from smsbridge.services.outcomes import Result
from smsbridge.services.settling import settle
from smsbridge.vendors.base import (
    DeliveryReceipt,
    ErrorInfo,
    ErrorKind,
    Outcome,
    OutcomeKind,
    PhoneStatus,
    ReceiptState,
)
from tests import factories
from tests.smsbridge.test_prices import VONAGE

pytestmark = pytest.mark.django_db

DELIVERED, FAILED, SENT = ReceiptState.DELIVERED, ReceiptState.UNDELIVERED, ReceiptState.SENT
LOST = "not all of it arrived: the phone was off"
PARTLY = "partly refused, 1 of 2 parts accepted"


def error(kind: ErrorKind = ErrorKind.TEMPORARY, **fields: Any) -> ErrorInfo:
    return ErrorInfo(code="r1", text="the phone was off", link="", kind=kind, **fields)


@pytest.fixture
def bridge() -> Bridge:
    return factories.bridge(numbers=factories.pool(account=factories.vendor_account(**VONAGE)))


@pytest.fixture
def sms(bridge: Bridge) -> OutboundSms:
    """One of two parts, of which the vendor's id for the first is known."""
    return factories.outbound(bridge, state="sent", vendor_id="v", segments=2, reason="accepted")


def tell(sms: OutboundSms, part: str, state: ReceiptState, **fields: Any) -> tuple[str, str]:
    """A receipt about one part, as the vendor sends it; the text's state and reason after it."""
    account = live_account(sms.account.slug)
    assert account is not None
    settle(account, [DeliveryReceipt(vendor_id=part, reference=sms.pk.hex, state=state, **fields)])
    sms.refresh_from_db()
    return sms.state, sms.reason


def test_a_part_that_fails_after_the_first_arrived_is_told_beside_the_state(sms: OutboundSms) -> None:
    assert tell(sms, "v", DELIVERED) == ("delivered", "")
    assert tell(sms, "v2", FAILED, error=error()) == ("delivered", LOST)
    assert (sms.vendor_id, sms.log[-1][1]) == ("v", "undelivered")


def test_also_when_it_failed_before_the_first_arrived(sms: OutboundSms) -> None:
    assert tell(sms, "v2", FAILED, error=error()) == ("sent", f"accepted; {LOST}")
    assert tell(sms, "v", DELIVERED) == ("delivered", LOST)


def test_a_repeat_says_it_once(sms: OutboundSms) -> None:
    for part in ("v2", "v2", "v3"):
        tell(sms, part, FAILED, error=error())
    assert (sms.reason, len(sms.log)) == (f"accepted; {LOST}", 1)


@pytest.mark.parametrize("state", [SENT, DELIVERED])
def test_a_further_part_that_arrives_says_nothing_of_the_first(sms: OutboundSms, state: ReceiptState) -> None:
    assert tell(sms, "v2", state) == ("sent", "accepted")
    assert tell(sms, "v", FAILED, error=error()) == ("undelivered", "the phone was off")


def test_a_part_of_a_text_that_was_partly_refused_does_not_make_it_whole(bridge: Bridge) -> None:
    sms = factories.linked(bridge)
    (flight,) = clearance.claim(1)
    outcomes.write([Result(flight, Outcome(kind=OutcomeKind.UNCERTAIN, vendor_id="v", reason=PARTLY))])
    assert tell(sms, "v", SENT) == ("sent", PARTLY)
    assert tell(sms, "v", DELIVERED) == ("delivered", PARTLY)


def test_and_all_that_is_missing_of_it_is_told(bridge: Bridge) -> None:
    sms = factories.outbound(bridge, state="uncertain", attempts=1, vendor_id="v", reason=PARTLY)
    assert tell(sms, "v2", FAILED, error=error()) == ("uncertain", f"{PARTLY}; {LOST}")
    assert tell(sms, "v", DELIVERED) == ("delivered", f"{PARTLY}; {LOST}")


@pytest.mark.parametrize("state", ["sent", "delivered", "closed"])
def test_an_opt_out_counts_whichever_part_it_is_told_of(sms: OutboundSms, state: str) -> None:
    OutboundSms.objects.update(state=state)
    tell(sms, "v2", FAILED, error=error(ErrorKind.OPTED_OUT))
    assert OptOut.objects.get().phone == sms.phone


def test_so_does_what_is_proven_of_the_phone(sms: OutboundSms) -> None:
    tell(sms, "v2", FAILED, error=error(proves=PhoneStatus.LANDLINE))
    assert (PhoneFact.objects.get().phone, PhoneFact.objects.get().status) == (sms.phone, PhoneStatus.LANDLINE)


def test_an_opt_out_counts_also_where_receipts_are_of_whole_texts(db: None) -> None:
    """Another id for our text means that it was sent twice; what it says of the person is true all the same."""
    sms = factories.outbound(factories.bridge(), state="delivered", vendor_id="v")
    assert tell(sms, "w", FAILED, error=error(ErrorKind.OPTED_OUT)) == ("delivered", "")
    assert OptOut.objects.get().phone == sms.phone
