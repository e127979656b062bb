"""Delivery receipts as Vonage pushes them."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from notifier.wire import Call, Unreadable
from smsbridge.vendors.base import DeliveryReceipt, ErrorKind, PhoneStatus, ReceiptState
from tests.vendors.accounts import WAYS, by_form, by_get, call, fields, vonage

WAY = pytest.mark.parametrize("way", WAYS)


def receipt_of(parameters: dict[str, str]) -> DeliveryReceipt:
    (receipt,) = vonage().parse_receipts(by_get(parameters))
    return receipt


@WAY
def test_it_reads_a_receipt_however_it_comes(way: Callable[[dict[str, str]], Call]) -> None:
    assert vonage().parse_receipts(way(fields("receipt"))) == [
        DeliveryReceipt(
            vendor_id="0C0000000000AAAA",
            reference="n-42",
            state=ReceiptState.DELIVERED,
            at=datetime(2026, 11, 20, 7, 1, 2, tzinfo=UTC),
            price=Decimal("0.03330000"),
        )
    ]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("buffered", ReceiptState.QUEUED),
        ("accepted", ReceiptState.SENT),
        ("delivered", ReceiptState.DELIVERED),
        ("failed", ReceiptState.UNDELIVERED),
        ("rejected", ReceiptState.UNDELIVERED),
        ("expired", ReceiptState.EXPIRED),
        ("unknown", ReceiptState.UNKNOWN),
        ("something new", ReceiptState.UNKNOWN),
        ("DELIVERED", ReceiptState.DELIVERED),
    ],
)
def test_it_puts_every_status_into_our_words(status: str, state: ReceiptState) -> None:
    assert receipt_of(fields("receipt", status=status)).state is state


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("1", ErrorKind.UNKNOWN),
        ("2", ErrorKind.TEMPORARY),
        ("3", ErrorKind.RECIPIENT),
        ("4", ErrorKind.RECIPIENT),
        ("5", ErrorKind.RECIPIENT),
        ("6", ErrorKind.RECIPIENT),
        ("7", ErrorKind.TEMPORARY),
        ("8", ErrorKind.TEMPORARY),
        ("9", ErrorKind.OPTED_OUT),
        ("10", ErrorKind.RECIPIENT),
        ("11", ErrorKind.ACCOUNT),
        ("12", ErrorKind.RECIPIENT),
        ("13", ErrorKind.RECIPIENT),
        ("14", ErrorKind.RECIPIENT),
        ("15", ErrorKind.RECIPIENT),
        ("52", ErrorKind.ACCOUNT),
        ("99", ErrorKind.UNKNOWN),
        ("4242", ErrorKind.UNKNOWN),
    ],
)
def test_it_explains_why_a_text_was_not_delivered(code: str, kind: ErrorKind) -> None:
    error = receipt_of(fields("receipt", status="failed", err_code=code)).error
    assert error is not None
    assert (error.code, error.kind) == (f"receipt:{code}", kind)
    assert error == vonage().error(error.code)


@pytest.mark.parametrize("code", ["", "0", "x", "9" * 4000])
def test_it_needs_no_error_code(code: str) -> None:
    assert receipt_of(fields("receipt", status="failed", err_code=code)).error is None


def test_it_takes_the_carriers_stamp_when_there_is_no_other() -> None:
    at = receipt_of(fields("receipt", message_timestamp="")).at
    assert at == datetime(2026, 11, 20, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize("scts", ["", "now", "9999999999"])
def test_it_does_without_a_stamp(scts: str) -> None:
    assert receipt_of(fields("receipt", message_timestamp="", scts=scts)).at is None


@pytest.mark.parametrize("price", ["", "free", "NaN", "-1"])
def test_it_does_without_a_price(price: str) -> None:
    assert receipt_of(fields("receipt", price=price)).price is None


@pytest.mark.parametrize("kept", ["messageId", "client-ref"])
def test_it_finds_a_text_by_either_id(kept: str) -> None:
    parameters = fields("receipt")
    dropped = {"messageId": "client-ref", "client-ref": "messageId"}[kept]
    del parameters[dropped]
    receipt = receipt_of(parameters)
    assert bool(receipt.vendor_id) is (kept == "messageId")
    assert bool(receipt.reference) is (kept == "client-ref")


def test_it_says_what_a_receipt_needs() -> None:
    parameters = fields("receipt", messageId="", client_ref="")
    for incoming in (by_form(parameters), by_form({"messageId": "0C"}), call()):
        with pytest.raises(Unreadable, match="status"):
            vonage().parse_receipts(incoming)


@WAY
def test_it_has_no_interest_in_texts(way: Callable[[dict[str, str]], Call]) -> None:
    assert vonage().parse_receipts(way(fields("inbound"))) == []


@pytest.mark.parametrize("code", ["33", "receipt:3"])
def test_a_number_out_of_use_is_known_to_be_so(code: str) -> None:
    assert vonage().error(code).proves is PhoneStatus.NOT_IN_SERVICE
