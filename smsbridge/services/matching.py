"""Which text a delivery receipt is about: by the vendor's id first, and by our own reference second.

But an id that a look-up by words gave to a text is only a guess, so there our own reference goes first: the text that
was taken for another one is uncertain again.
"""

import logging
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from notifier.sql import Ids, fetch, run, uuid_of
from smsbridge.services import history, withdrawing
from smsbridge.services.accounts import LiveAccount
from smsbridge.vendors.base import DeliveryReceipt

log = logging.getLogger(__name__)

Told = tuple[uuid.UUID, DeliveryReceipt]

_SMS = "smsbridge_outboundsms"
_TAKEN_BACK = "What a look-up had found for it is another text, as a receipt told: perhaps sent."


@dataclass(frozen=True, slots=True)
class Matched:
    """Receipts with the texts that they are about; `further` those about texts that have another id of the vendor's.

    Where each part of a text has receipts of its own, that is of another part.
    """

    told: list[Told]
    further: list[Told]


@dataclass(frozen=True, slots=True)
class _Text:
    id: uuid.UUID
    vendor_id: str
    guessed: bool


def matched(account: LiveAccount, receipts: Sequence[DeliveryReceipt]) -> Matched:
    """Receipts about none of the account's texts are left out. In the caller's transaction.

    An id that the text has already is not told again.
    """
    holders = _by_vendor_id(account, {receipt.vendor_id for receipt in receipts if receipt.vendor_id})
    named = _by_reference(account, set(_asked(receipts, holders)))
    wrong, right = _guesses(receipts, holders, named)
    if wrong:
        _take_back(wrong)
        return matched(account, receipts)
    if right:
        run(f"update {_SMS} set vendor_id_guessed = false where id {{in:ids}}", ids=Ids("uuid", sorted(right)))
    return _matched(receipts, holders, named)


def _matched(
    receipts: Sequence[DeliveryReceipt], holders: Mapping[str, _Text], named: Mapping[uuid.UUID, _Text]
) -> Matched:
    found, by_id, by_reference = Matched([], []), dict(holders), dict(named)
    for receipt in receipts:
        text = by_id.get(receipt.vendor_id)
        if text is not None:
            known = receipt.vendor_id in holders
            found.told.append((text.id, replace(receipt, vendor_id="") if known else receipt))
            continue
        reference = _reference(receipt)
        text = by_reference.get(reference) if reference else None
        if text is not None and text.vendor_id:
            found.further.append((text.id, receipt))
        elif text is not None:
            found.told.append((text.id, receipt))
            if receipt.vendor_id:
                by_id[receipt.vendor_id] = by_reference[text.id] = replace(text, vendor_id=receipt.vendor_id)
    return found


def _asked(receipts: Sequence[DeliveryReceipt], holders: Mapping[str, _Text]) -> Iterable[uuid.UUID]:
    """The references that count: those of receipts whose id is no text's, or only perhaps."""
    for receipt in receipts:
        holder, reference = holders.get(receipt.vendor_id), _reference(receipt)
        if reference and (holder is None or holder.guessed):
            yield reference


def _guesses(
    receipts: Sequence[DeliveryReceipt], holders: Mapping[str, _Text], named: Mapping[uuid.UUID, _Text]
) -> tuple[set[uuid.UUID], set[uuid.UUID]]:
    """The texts whose guessed ids are wrong by these receipts, and those whose are right."""
    wrong: set[uuid.UUID] = set()
    right: set[uuid.UUID] = set()
    for receipt in receipts:
        holder, reference = holders.get(receipt.vendor_id), _reference(receipt)
        text = named.get(reference) if reference else None
        if text is None or not receipt.vendor_id:
            continue
        if text.guessed:
            (right if text.vendor_id == receipt.vendor_id else wrong).add(text.id)
        if holder is not None and holder.guessed and holder.id != text.id:
            wrong.add(holder.id)
    return wrong, right - wrong


def _take_back(ids: Collection[uuid.UUID]) -> None:
    """These have not the ids that they were guessed to have, nor what was told by them: looked up once more."""
    guessed = Ids("uuid", sorted(ids))
    rows = fetch(
        f"update {_SMS} set state = 'uncertain', vendor_id = null, vendor_id_guessed = false, price = null,"
        " currency = '', code = '', reason = %(words)s, sent_at = null, settled_at = {now}, next_at = {now},"
        f" log = {history.appended('cast(%(entry)s as text)')}"
        " where id {in:ids} and vendor_id_guessed and state in ('sent', 'undelivered', 'delivered') returning id",
        ids=guessed,
        words=_TAKEN_BACK,
        entry=history.entry("uncertain", _TAKEN_BACK),
    )
    run(
        f"update {_SMS} set vendor_id = null, vendor_id_guessed = false where id {{in:ids}} and vendor_id_guessed",
        ids=guessed,
    )
    withdrawing.introduce_again([uuid_of(id_) for (id_,) in rows])
    for (id_,) in rows:
        log.warning("SMS %s is uncertain again: what a look-up had found for it is another text.", uuid_of(id_))


def _by_vendor_id(account: LiveAccount, vendor_ids: set[str]) -> dict[str, _Text]:
    found = _texts(account, "vendor_id", Ids("text", sorted(vendor_ids))) if vendor_ids else []
    return {text.vendor_id: text for text in found}


def _by_reference(account: LiveAccount, references: set[uuid.UUID]) -> dict[uuid.UUID, _Text]:
    found = _texts(account, "id", Ids("uuid", sorted(references))) if references else []
    return {text.id: text for text in found}


def _texts(account: LiveAccount, column: str, ids: Ids) -> list[_Text]:
    """The account's texts that have one of these in a column."""
    rows = fetch(
        f"select id, vendor_id, vendor_id_guessed from {_SMS} where account_id = %(account)s and {column} {{in:ids}}",
        account=account.id,
        ids=ids,
    )
    return [_Text(uuid_of(id_), vendor_id or "", bool(guessed)) for id_, vendor_id, guessed in rows]


def _reference(receipt: DeliveryReceipt) -> uuid.UUID | None:
    """Our own id, as the vendor echoes it."""
    try:
        return uuid.UUID(receipt.reference) if len(receipt.reference) == 32 else None
    except ValueError:
        return None
