"""Texts and receipts that come in: stored before the vendor is answered, each once."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from notifier import doorbell
from notifier.sql import Ids, fetch, uuid_of
from notifier.texts import clean_text
from smsbridge.models import InboundSms, OptOut
from smsbridge.phones import to_e164
from smsbridge.services import optouts, withdrawing
from smsbridge.services.accounts import LiveAccount
from smsbridge.services.replies import STAGE as REPLY
from smsbridge.vendors.base import DeliveryReceipt, ErrorKind, InboundText, ReceiptState

#: What a receipt makes of the state, and over which states: never backwards, whatever the order of arrival.
_MOVES = {
    ReceiptState.QUEUED: ("sent", ["uncertain"]),
    ReceiptState.SENT: ("sent", ["uncertain"]),
    ReceiptState.DELIVERED: ("delivered", ["sending", "uncertain", "sent", "undelivered"]),
    ReceiptState.UNDELIVERED: ("undelivered", ["sending", "uncertain", "sent"]),
    ReceiptState.EXPIRED: ("undelivered", ["sending", "uncertain", "sent"]),
}
# A vendor's clock may be minutes behind ours; only a stamp older than this means that the text was delivered late.
_LATE_SECONDS = 900.0


def accept(account: LiveAccount, texts: Sequence[InboundText]) -> None:
    """Store inbound texts; one whose vendor id is known changes nothing. Committed when this returns.

    STOP and START are obeyed in the same transaction: they wait for no earlier text.
    The caller is outside any transaction. Raises OperationalError when the database is away.
    """
    rows = [
        (
            clean_text(text.vendor_id)[:120],
            _address(text.recipient),
            _address(text.sender),
            clean_text("\n".join([text.text, *text.media])).strip(),
            text.at,
        )
        for text in texts
    ]
    if any(optouts.is_keyword(row[3]) for row in rows):
        with transaction.atomic():
            _obey(account, _store(account, rows))
    elif rows:
        _store(account, rows)


def _store(account: LiveAccount, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Those that were new, as (id, number, phone, text). One by one, as a vendor hardly ever sends two at once."""
    return [stored for row in rows for stored in _store_one(account, *row)]


def _store_one(
    account: LiveAccount, vendor_id: str, number: str, phone: str, text: str, stamp: datetime | None
) -> list[tuple[Any, ...]]:
    return fetch(
        "insert into smsbridge_inboundsms (account_id, vendor_id, number, phone, text, media, received_at, sent_at,"
        " state, reason, next_at, attempts, user_id, posted_as)"
        " values (%(account)s, %(vendor_id)s, %(number)s, %(phone)s, %(text)s, '[]', {now},"
        " case when {moment:stamp} < {now+late} then {moment:stamp} end, 'waiting', '', {now}, 0, '', '')"
        " on conflict (account_id, vendor_id) do nothing returning id, number, phone, text",
        account=account.id,
        vendor_id=vendor_id,
        number=number,
        phone=phone,
        text=text,
        stamp=stamp,
        late=-_LATE_SECONDS,
    )


def _obey(account: LiveAccount, stored: Sequence[tuple[Any, ...]]) -> None:
    """Do what keywords ask for; those to another account's number are left to be filed as unrouted."""
    for id_, number, phone, text in stored:
        reason = optouts.obey_received(account.id, number, phone, text)
        if reason is not None:
            InboundSms.objects.filter(pk=id_).update(state=InboundSms.State.KEYWORD, reason=reason, settled_at=Now())


def _address(raw: str) -> str:
    """A phone in E.164; what is none, such as a short code or a name, as it is."""
    return to_e164(raw) or clean_text(raw)[:20]


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
        " code = %(code)s, reason = %(reason)s where id = %(id)s and state {in:over} returning phone",
        state=state,
        vendor_id=receipt.vendor_id or None,
        code=receipt.error.code if receipt.error else "",
        reason=receipt.error.text if receipt.error and state == "undelivered" else "",
        id=found,
        over=Ids("text", over),
    )
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


def again(ids: Sequence[int]) -> int:
    """Let inbound texts that found no conversation, or were given up, be tried once more; how many."""
    retried = InboundSms.objects.filter(pk__in=ids, state__in=[InboundSms.State.UNROUTED, InboundSms.State.DEAD])
    count = retried.update(state=InboundSms.State.WAITING, attempts=0, next_at=Now(), reason="", settled_at=None)
    doorbell.ring_on_commit(REPLY)
    return count
