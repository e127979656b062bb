"""What a vendor says about a text afterwards, by a delivery receipt or when it is looked up: taken over forward only.

Such a word proves that the vendor has the text, so it overrules whatever was concluded without one: that nobody knows
(`uncertain`), that it was refused (`dead`), and that it is worth another try (`ready`, once it was tried). Beyond that
a state only rises: sent < undelivered < delivered. What an operator closed stays closed, unless it was delivered.
"""

import logging
import uuid
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from notifier import trail
from notifier.sql import Ids, Rows, fetch, run, uuid_of
from smsbridge.services import (
    consent,
    counting,
    history,
    matching,
    money,
    notices,
    part_notes,
    phone_proofs,
    withdrawing,
)
from smsbridge.services.accounts import LiveAccount
from smsbridge.services.matching import Told
from smsbridge.services.phone_proofs import News
from smsbridge.vendors.base import DeliveryReceipt, ErrorKind, ReceiptState

log = logging.getLogger(__name__)

#: by what a text moves, other than by a receipt
LOOK_UP = "look-up"

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
        found = matching.matched(account, receipts)
        moved = len(take_over(account, found.told)) + _hear_of_parts(account, found.further)
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
    moved, news = _move(account, best, by)
    counting.settled(account.slug, ((state, best[id_].error) for id_, state in moved.items()))
    rest = [(id_, receipt) for id_, receipt in told if id_ not in moved or receipt is not best[id_]]
    _add(account, [(id_, receipt) for id_, receipt in rest if not _is_guess(receipt, by)])
    lost = [id_ for id_, state in moved.items() if state == "undelivered"]
    withdrawing.introduce_again(lost)
    # An operator may send it again: for that.
    notices.in_words([id_ for id_ in lost if (error := best[id_].error) is not None and error.about_media])
    _remember_opt_outs(account, told)
    phone_proofs.reported(account, news)
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
    "currency": "text",
    "segments": "smallint",
    "guessed": "boolean",
    "entry": "text",
}


def _is_guess(receipt: DeliveryReceipt, by: str) -> bool:
    """Whether it is about this text only by its words: of a look-up at a vendor that keeps no reference of ours."""
    return by == LOOK_UP and not receipt.reference


def _price(account: LiveAccount) -> str:
    """SQL that keeps the first whole price that was told, with its currency.

    A receipt of one segment tells that one's price; all of a text cost the same.
    """
    times = f" * {_SMS}.segments" if account.vendor.part_receipts else ""
    return (
        f"price = coalesce({_SMS}.price, new.price{times}), currency = case when {_SMS}.price is null"
        f" and new.price is not null then new.currency else {_SMS}.currency end,"
        f" segments = coalesce(new.segments, {_SMS}.segments)"
    )


def _reason(account: LiveAccount) -> str:
    return part_notes.KEPT if account.vendor.part_receipts else "reason = new.reason"


#: a guess moves only what nobody has heard of since
_STILL_UNKNOWN = f"{_SMS}.state = 'uncertain' and coalesce({_SMS}.vendor_id, new.vendor_id) = new.vendor_id"


def _move(
    account: LiveAccount, best: dict[uuid.UUID, DeliveryReceipt], by: str
) -> tuple[dict[uuid.UUID, str], list[News]]:
    """The texts that moved, each with its new state, and what that may prove of their phones."""
    rows = fetch(
        f"update {_SMS} set state = new.state, settled_at = {{now}}, sent_at = coalesce({_SMS}.sent_at, {{now}}),"
        f" vendor_id = coalesce({_SMS}.vendor_id, new.vendor_id),"
        f" vendor_id_guessed = {_SMS}.vendor_id_guessed or (new.guessed and {_SMS}.vendor_id is null),"
        f" {_price(account)}, code = new.code, {_reason(account)},"
        f" log = case when {_SMS}.state in ('sending', 'sent', 'undelivered') then log"
        f"   else {history.appended('new.entry')} end"
        f" from {{rows:new}} where {_SMS}.id = new.id and ({_FORWARD})"
        f" and (not new.guessed or {_STILL_UNKNOWN})"
        f" returning {_SMS}.id, {_SMS}.state, {_SMS}.trace, {_SMS}.phone,"
        f" {phone_proofs.USE_FOR_NEWS.format(phone=f'{_SMS}.phone')}",
        new=Rows(_COLUMNS, [_row(account, id_, receipt, by) for id_, receipt in best.items()]),
    )
    trail.note_by("state", by, [(row[1], trail.name(row[2], uuid_of(row[0]).hex)) for row in rows])
    news = [News(uuid_of(id_), phone, state, best[uuid_of(id_)], use or 0) for id_, state, _, phone, use in rows]
    return {uuid_of(id_): state for id_, state, *_ in rows}, news


def _row(account: LiveAccount, id_: uuid.UUID, receipt: DeliveryReceipt, by: str) -> tuple[Any, ...]:
    state, error = STATES[receipt.state], receipt.error
    return (
        id_,
        state,
        receipt.vendor_id or None,
        error.code[:40] if error else "",
        error.text if error and state == "undelivered" else "",
        *money.told(account, receipt.price, receipt.currency),
        money.parts(receipt.segments),
        _is_guess(receipt, by),
        history.entry(state, "The vendor told so."),
    )


def _add(account: LiveAccount, told: Sequence[Told]) -> None:
    """What a receipt that moves nothing still tells: the price, and the id of a text that was closed without one."""
    rows = [
        (id_, one.vendor_id or None, *money.told(account, one.price, one.currency), money.parts(one.segments))
        for id_, one in told
        if one.vendor_id or one.price is not None
    ]
    if rows:
        columns = {name: _COLUMNS[name] for name in ("id", "vendor_id", "price", "currency", "segments")}
        run(
            f"update {_SMS} set {_price(account)},"
            f" vendor_id = coalesce({_SMS}.vendor_id, new.vendor_id)"
            f" from {{rows:new}} where {_SMS}.id = new.id and {_SMS}.account_id = %(account)s"
            f" and {_SMS}.state in ('sent', 'delivered', 'undelivered', 'closed')"
            f" and ({_SMS}.price is null and new.price is not null"
            f"  or {_SMS}.vendor_id is null and new.vendor_id is not null)",
            account=account.id,
            new=Rows(columns, rows),
        )


def _hear_of_parts(account: LiveAccount, told: Sequence[Told]) -> int:
    """What is said of texts under another id than theirs moves none, but tells of phones; how much of it is news."""
    _remember_opt_outs(account, told)
    failed = {id_: receipt for id_, receipt in told if STATES[receipt.state] == "undelivered"}
    if not failed or not account.vendor.part_receipts:
        return 0
    phones = part_notes.missing(failed)
    phone_proofs.reported(account, [News(id_, phone, "undelivered", failed[id_], 0) for id_, phone in phones.items()])
    return len(phones)


def _remember_opt_outs(account: LiveAccount, told: Sequence[Told]) -> None:
    """A vendor that could not deliver because the person opted out with it knows something that we did not.

    Also of a text that does not move by it, as it is closed or known to be undelivered.
    """
    errors = {id_: one.error for id_, one in told if one.error and one.error.kind is ErrorKind.OPTED_OUT}
    if errors:
        rows = fetch(f"select id, phone from {_SMS} where id {{in:ids}}", ids=Ids("uuid", sorted(errors)))
        consent.refused((phone, account, errors[uuid_of(id_)]) for id_, phone in rows)
