"""What a vendor tells of a text's price, at once or afterwards, is stored with its currency, whole and once."""

from decimal import Decimal
from typing import Any

import pytest

from smsbridge.models import Bridge, OutboundSms
from smsbridge.services import clearance, money, outcomes
from smsbridge.services.accounts import LiveAccount, live_account
from smsbridge.services.outcomes import Result
from smsbridge.services.settling import settle
from smsbridge.vendors.base import DeliveryReceipt, Outcome, OutcomeKind, ReceiptState
from tests import factories

VONAGE: dict[str, Any] = {
    "vendor": "vonage",
    "options": {"api_key": "k"},
    "secrets": {"api_secret": "s", "signature_secret": "t"},
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def bridge() -> Bridge:
    """Of an account whose vendor's prices are euros, and whose receipts are of segments."""
    return factories.bridge(numbers=factories.pool(account=factories.vendor_account(**VONAGE)))


def live(sms: OutboundSms) -> LiveAccount:
    found = live_account(sms.account.slug)
    assert found is not None
    return found


def price_of(sms: OutboundSms) -> tuple[Decimal | None, str]:
    sms.refresh_from_db()
    return sms.price, sms.currency


def told(sms: OutboundSms, state: ReceiptState, price: str | None = "0.03", **fields: Any) -> None:
    vendor_id = fields.pop("vendor_id", sms.vendor_id or "")
    known = {"vendor_id": vendor_id, "reference": "", "price": Decimal(price) if price else None}
    settle(live(sms), [DeliveryReceipt(state=state, **known | fields)])


@pytest.mark.parametrize(("said", "kept"), [("", "EUR"), ("usd", "USD"), ("dollars", "")])
def test_the_answers_price_has_the_currency_that_it_tells_or_that_is_the_vendors(
    bridge: Bridge, said: str, kept: str
) -> None:
    sms = factories.linked(bridge)
    (flight,) = clearance.claim(1)
    outcome = Outcome(kind=OutcomeKind.SENT, vendor_id="v", price=Decimal("0.0321"), currency=said)
    outcomes.write([Result(flight, outcome)])
    assert price_of(sms) == (Decimal("0.0321"), kept)


def test_no_price_has_no_currency(bridge: Bridge) -> None:
    sms = factories.linked(bridge)
    (flight,) = clearance.claim(1)
    outcomes.write([Result(flight, Outcome(kind=OutcomeKind.SENT, vendor_id="v", currency="USD"))])
    assert price_of(sms) == (None, "")


def test_receipts_of_segments_are_not_added_to_the_whole_price(bridge: Bridge) -> None:
    sms = factories.outbound(bridge, state="sent", vendor_id="v", segments=2, price=Decimal("0.06"), currency="EUR")
    for state in (ReceiptState.SENT, ReceiptState.DELIVERED, ReceiptState.DELIVERED):
        told(sms, state)
    assert price_of(sms) == (Decimal("0.06"), "EUR")


def test_the_first_receipt_of_a_segment_tells_what_the_whole_text_costs(bridge: Bridge) -> None:
    sms = factories.outbound(bridge, state="uncertain", segments=3)
    for part in ("v", "v01", "v02"):
        told(sms, ReceiptState.DELIVERED, vendor_id=part, reference=sms.id.hex)
    assert price_of(sms) == (Decimal("0.09"), "EUR")


def test_a_receipt_that_moves_nothing_still_tells_the_price(bridge: Bridge) -> None:
    sms = factories.outbound(bridge, state="delivered", vendor_id="v", segments=1)
    told(sms, ReceiptState.SENT, "0.04", currency="USD")
    assert price_of(sms) == (Decimal("0.04"), "USD")


def test_of_several_at_once_the_one_with_the_price_counts(bridge: Bridge) -> None:
    sms = factories.outbound(bridge, state="sent", vendor_id="v", segments=1)
    early = DeliveryReceipt(vendor_id="v", reference="", state=ReceiptState.SENT, price=Decimal("0.04"))
    settle(live(sms), [early, DeliveryReceipt(vendor_id="v", reference="", state=ReceiptState.DELIVERED)])
    assert (price_of(sms), sms.state) == ((Decimal("0.04"), "EUR"), "delivered")


def test_a_vendor_that_tells_of_whole_texts_tells_the_whole_price_and_its_count() -> None:
    sms = factories.outbound(factories.bridge(), state="sent", vendor_id="v", segments=1)
    told(sms, ReceiptState.DELIVERED, "0.05", segments=4, currency="PLN")
    assert (price_of(sms), sms.segments) == ((Decimal("0.05"), "PLN"), 4)


@pytest.mark.parametrize("price", ["NaN", "-1", "99999", "1e12"])
def test_a_price_that_cannot_be_is_none(bridge: Bridge, price: str) -> None:
    sms = factories.outbound(bridge)
    assert money.told(live(sms), Decimal(price), "EUR") == (None, "")


@pytest.mark.parametrize(("count", "kept"), [(1, 1), (255, 255), (0, None), (256, None), (None, None)])
def test_a_count_of_segments_that_cannot_be_is_none(count: int | None, kept: int | None) -> None:
    assert money.parts(count) == kept
