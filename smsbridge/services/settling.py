"""What a vendor says about a text afterwards, by a delivery receipt or when it is looked up: taken over forward only.

Such a word proves that the vendor has the text, so it overrules whatever was concluded without one: that nobody knows
(`uncertain`), that it was refused (`dead`), and that it is worth another try (`ready`, once it was tried). Beyond that
a state only rises: sent < undelivered < delivered. What an operator closed stays closed, unless it was delivered.
"""

import logging
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from notifier import trail
from notifier.sql import Ids, Rows, fetch, run, uuid_of
from smsbridge.services import consent, counting, history, withdrawing
from smsbridge.services.accounts import LiveAccount
from smsbridge.vendors.base import DeliveryReceipt, ErrorKind, ReceiptState

log = logging.getLogger(__name__)

Told = tuple[uuid.UUID, DeliveryReceipt]

_SMS = "smsbridge_outboundsms"
_MOST_PRICE = Decimal(99_999)

#: which state a receipt makes of a text; that the vendor cannot say more than that it has it makes it sent as well
STATES = {
    ReceiptState.QUEUED: "sent",
    ReceiptState.SENT: "sent",
    ReceiptState.UNKNOWN: "sent",
    ReceiptState.EXPIRED: "undelivered",
    ReceiptState.UNDELIVERED: "undelivered",
    ReceiptState.DELIVERED: "delivered",
}
#: over which states, and over which only if the vendor was called before
_OVER = {
    "sent": (("sending", "uncertain", "dead"), ("ready",)),
    "undelivered": (("sending", "uncertain", "dead", "sent"), ("ready",)),
    "delivered": (("sending", "uncertain", "dead", "sent", "undelivered", "closed"), ("ready", "withdrawn")),
}


def _quoted(states: Iterable[str]) -> str:
    return ", ".join(f"'{state}'" for state in states)


_FORWARD = " or ".join(
    f"new.state = '{to}' and ({_SMS}.state in ({_quoted(always)})"
    f" or {_SMS}.state in ({_quoted(tried)}) and {_SMS}.attempts > 0)"
    for to, (always, tried) in _OVER.items()
)


def settle(account: LiveAccount, receipts: Sequence[DeliveryReceipt]) -> int:
    """Take over delivery receipts, by the vendor's id first and our own reference second; how many told any news.

    Raises OperationalError when the database is away.
    """
    try:
        return _settle(account, receipts)
    except IntegrityError:  # another call has just stored that id: now it is found by it
        log.info("Receipts of %s met others about the same texts; they are looked at again.", account.slug)
        return _settle(account, receipts)


def _settle(account: LiveAccount, receipts: Sequence[DeliveryReceipt]) -> int:
    with transaction.atomic():
        moved = len(take_over(account, _matched(account, receipts)))
        counting.receipts(account.slug, len(receipts), moved)
        return moved


def take_over(account: LiveAccount, told: Sequence[Told], by: str = "receipt") -> list[uuid.UUID]:
    """Move these texts forward by what is told of each; those that moved. In the caller's transaction.

    `by` is how the log names the way in which it was told.

    Raises IntegrityError when a vendor's id among them belongs to another text already.
    """
    if not told:
        return []
    best = _best(told)
    moved = _move(best, by)
    counting.settled(account.slug, ((state, best[id_].error) for id_, state in moved.items()))
    stay = [id_ for id_ in best if id_ not in moved]
    _add(account, [(id_, receipt) for id_, receipt in told if id_ in stay])
    withdrawing.introduce_again([id_ for id_, state in moved.items() if state == "undelivered"])
    _remember_opt_outs(account, told)
    return list(moved)


def _best(told: Sequence[Told]) -> dict[uuid.UUID, DeliveryReceipt]:
    """The furthest of what is told of each text, in the order of their ids: rows are locked in it."""
    best: dict[uuid.UUID, DeliveryReceipt] = {}
    for id_, receipt in sorted(told, key=lambda one: one[0]):
        if id_ not in best or receipt.state.value > best[id_].state.value:
            best[id_] = receipt
    return best


_COLUMNS = {
    "id": "uuid",
    "state": "text",
    "vendor_id": "text",
    "code": "text",
    "reason": "text",
    "price": "numeric",
    "entry": "text",
}


def _move(best: dict[uuid.UUID, DeliveryReceipt], by: str) -> dict[uuid.UUID, str]:
    """The texts that moved, each with its new state."""
    rows = fetch(
        f"update {_SMS} set state = new.state, settled_at = {{now}}, sent_at = coalesce({_SMS}.sent_at, {{now}}),"
        f" vendor_id = coalesce({_SMS}.vendor_id, new.vendor_id), price = coalesce({_SMS}.price, new.price),"
        " code = new.code, reason = new.reason,"
        f" log = case when {_SMS}.state in ('sending', 'sent', 'undelivered') then log"
        f"   else {history.appended('new.entry')} end"
        f" from {{rows:new}} where {_SMS}.id = new.id and ({_FORWARD})"
        f" returning {_SMS}.id, {_SMS}.state, {_SMS}.trace",
        new=Rows(_COLUMNS, [_row(id_, receipt) for id_, receipt in best.items()]),
    )
    trail.note_by("state", by, [(row[1], trail.name(row[2], uuid_of(row[0]).hex)) for row in rows])
    return {uuid_of(id_): state for id_, state, _ in rows}


def _row(id_: uuid.UUID, receipt: DeliveryReceipt) -> tuple[Any, ...]:
    state, error = STATES[receipt.state], receipt.error
    return (
        id_,
        state,
        receipt.vendor_id or None,
        error.code[:40] if error else "",
        error.text if error and state == "undelivered" else "",
        _price(receipt),
        history.entry(state, "The vendor told so."),
    )


def _price(receipt: DeliveryReceipt) -> float | None:
    """A price that the column cannot hold must not cost us the state."""
    return float(receipt.price) if receipt.price is not None and receipt.price < _MOST_PRICE else None


def _add(account: LiveAccount, told: Sequence[Told]) -> None:
    """What a receipt that moves nothing still tells: the price, and the id of a text that was closed without one."""
    rows = [(id_, one.vendor_id or None, _price(one)) for id_, one in told if one.vendor_id or one.price is not None]
    if rows:
        run(
            f"update {_SMS} set price = coalesce({_SMS}.price, new.price),"
            f" vendor_id = coalesce({_SMS}.vendor_id, new.vendor_id)"
            f" from {{rows:new}} where {_SMS}.id = new.id and {_SMS}.account_id = %(account)s"
            f" and {_SMS}.state in ('sent', 'delivered', 'undelivered', 'closed')"
            f" and ({_SMS}.price is null and new.price is not null"
            f"  or {_SMS}.vendor_id is null and new.vendor_id is not null)",
            account=account.id,
            new=Rows({"id": "uuid", "vendor_id": "text", "price": "numeric"}, rows),
        )


def _remember_opt_outs(account: LiveAccount, told: Sequence[Told]) -> None:
    """A vendor that could not deliver because the person opted out with it knows something that we did not.

    Also of a text that does not move by it, as it is closed or known to be undelivered.
    """
    errors = {id_: one.error for id_, one in told if one.error and one.error.kind is ErrorKind.OPTED_OUT}
    if errors:
        rows = fetch(f"select id, phone from {_SMS} where id {{in:ids}}", ids=Ids("uuid", sorted(errors)))
        consent.refused((phone, account, errors[uuid_of(id_)]) for id_, phone in rows)


def _matched(account: LiveAccount, receipts: Sequence[DeliveryReceipt]) -> list[Told]:
    """Each receipt with the account's text that it is about; those about none of them are left out.

    An id that the text has already is not told again.
    """
    known = _by_vendor_id(account, {receipt.vendor_id for receipt in receipts if receipt.vendor_id})
    strange = {id_ for receipt in receipts if receipt.vendor_id not in known and (id_ := _reference(receipt))}
    ours = _by_reference(account, strange)
    told, stored = [], set(known)
    for receipt in receipts:
        id_ = known.get(receipt.vendor_id)
        if id_ is None and (reference := _reference(receipt)) in ours:
            id_ = reference
        if id_ is not None:
            told.append((id_, replace(receipt, vendor_id="") if receipt.vendor_id in stored else receipt))
            if receipt.vendor_id:
                known[receipt.vendor_id] = id_
    return told


def _by_vendor_id(account: LiveAccount, vendor_ids: set[str]) -> dict[str, uuid.UUID]:
    if not vendor_ids:
        return {}
    rows = fetch(
        f"select vendor_id, id from {_SMS} where account_id = %(account)s and vendor_id {{in:ids}}",
        account=account.id,
        ids=Ids("text", sorted(vendor_ids)),
    )
    return {vendor_id: uuid_of(id_) for vendor_id, id_ in rows}


def _by_reference(account: LiveAccount, references: set[uuid.UUID]) -> set[uuid.UUID]:
    """Those that are texts of the account of which it is not known yet how the vendor names them."""
    if not references:
        return set()
    rows = fetch(
        f"select id from {_SMS} where account_id = %(account)s and id {{in:ids}} and vendor_id is null",
        account=account.id,
        ids=Ids("uuid", sorted(references)),
    )
    return {uuid_of(id_) for (id_,) in rows}


def _reference(receipt: DeliveryReceipt) -> uuid.UUID | None:
    """Our own id, as the vendor echoes it."""
    try:
        return uuid.UUID(receipt.reference) if len(receipt.reference) == 32 else None
    except ValueError:
        return None
