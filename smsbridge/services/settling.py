"""Delivery receipts: what a vendor says about a text afterwards, taken over forward only."""

import uuid
from collections.abc import Sequence

from django.db import transaction

from notifier import trail
from notifier.sql import Ids, fetch, uuid_of
from smsbridge.models import OptOut
from smsbridge.services import withdrawing
from smsbridge.services.accounts import LiveAccount
from smsbridge.vendors.base import DeliveryReceipt, ErrorKind, ReceiptState

#: What a receipt makes of the state, and over which states: never backwards, whatever the order of arrival.
_MOVES = {
    ReceiptState.QUEUED: ("sent", ["uncertain"]),
    ReceiptState.SENT: ("sent", ["uncertain"]),
    ReceiptState.DELIVERED: ("delivered", ["sending", "uncertain", "sent", "undelivered"]),
    ReceiptState.UNDELIVERED: ("undelivered", ["sending", "uncertain", "sent"]),
    ReceiptState.EXPIRED: ("undelivered", ["sending", "uncertain", "sent"]),
}


def settle(account: LiveAccount, receipts: Sequence[DeliveryReceipt]) -> int:
    """Take over delivery receipts, by the vendor's id first and our own reference second; how many told any news."""
    with transaction.atomic():
        return sum(_settle_one(account, receipt) for receipt in receipts)


def _settle_one(account: LiveAccount, receipt: DeliveryReceipt) -> int:
    found = _find(account, receipt)
    if found is None or receipt.state not in _MOVES:
        return 0
    state, over = _MOVES[receipt.state]
    rows = fetch(
        "update smsbridge_outboundsms set state = %(state)s, settled_at = {now},"
        " vendor_id = coalesce(vendor_id, %(vendor_id)s), sent_at = coalesce(sent_at, {now}),"
        " code = %(code)s, reason = %(reason)s where id = %(id)s and state {in:over} returning phone, trace",
        state=state,
        vendor_id=receipt.vendor_id or None,
        code=receipt.error.code if receipt.error else "",
        reason=receipt.error.text if receipt.error and state == "undelivered" else "",
        id=found,
        over=Ids("text", over),
    )
    trail.note("receipt", [trail.name(trace, found.hex) for _, trace in rows], state=state)
    if rows and state == "undelivered":
        withdrawing.introduce_again([found])
    if rows and receipt.error is not None and receipt.error.kind is ErrorKind.OPTED_OUT:
        OptOut.objects.get_or_create(phone=rows[0][0], defaults={"source": "vendor", "note": f"receipt {account.slug}"})
    return len(rows)


def _find(account: LiveAccount, receipt: DeliveryReceipt) -> uuid.UUID | None:
    rows = fetch(
        "select id from smsbridge_outboundsms where account_id = %(account)s and vendor_id = %(vendor_id)s",
        account=account.id,
        vendor_id=receipt.vendor_id,
    )
    if not rows and len(receipt.reference) == 32:
        rows = fetch(
            "select id from smsbridge_outboundsms where account_id = %(account)s and id = %(id)s and vendor_id is null",
            account=account.id,
            id=_reference(receipt.reference),
        )
    return uuid_of(rows[0][0]) if rows else None


def _reference(text: str) -> object:
    try:
        return uuid_of(text)
    except ValueError:
        return None
