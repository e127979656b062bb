"""What texts prove of phones, for nothing: that none can arrive there, that one did, or that one came from it.

Only what a vendor's word changed counts, so that a repeat of an old receipt takes back nothing newer; and that a text
failed counts only if none that was made later arrived. An operator's word stays.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from notifier.sql import Ids, Rows, run
from smsbridge.services.accounts import LiveAccount
from smsbridge.services.lookup_rows import clipped
from smsbridge.vendors.base import DeliveryReceipt, ErrorInfo, PhoneFacts, PhoneStatus

#: of a text that a receipt moves: whether its phone's row has use for news. 2: texts to it are in doubt, or it waits
#: for a look-up; 1: only its carrier is missing; 0 or null: it has none
USE_FOR_NEWS = (
    "(select case when f.source = 'operator' then 0 when f.status < 1 then 2 when f.carrier = '' then 1 else 0 end"
    " from smsbridge_phonefact f where f.phone = {phone})"
)

#: whether a phone is known to get no texts, and not by an operator's word; null if not
IN_DOUBT = "(select 1 from smsbridge_phonefact f where f.phone = {phone} and f.status < 0 and f.source <> 'operator')"

_COLUMNS = {
    "sms": "uuid",
    "phone": "text",
    "status": "smallint",
    "code": "text",
    "line_type": "text",
    "carrier": "text",
    "country": "text",
}
#: the text, if its failure may be told late; its phone; what it proves of it
_Proof = tuple[uuid.UUID | None, str, PhoneFacts]

_TOLD = ("line_type", "carrier", "country")
_DOUBT = 2


def _told(by: str) -> str:
    """What is not told anew stays."""
    return ", ".join(
        f"{name} = case when {by}.{name} = '' then smsbridge_phonefact.{name} else {by}.{name} end" for name in _TOLD
    )


@dataclass(frozen=True, slots=True)
class News:
    """A receipt that moved a text: to which phone, to which state, and what use the phone's row has for it."""

    sms: uuid.UUID
    phone: str
    state: str
    receipt: DeliveryReceipt
    use: int


def refused(told: Iterable[tuple[str, LiveAccount, ErrorInfo | None]]) -> None:
    """What vendors said of these phones when they refused a text, where it proves something."""
    by_account: dict[int, list[_Proof]] = {}
    for phone, account, error in told:
        if error is not None and error.proves < PhoneStatus.UNKNOWN:
            proof = PhoneFacts(status=error.proves, code=error.code)
            by_account.setdefault(account.id, []).append((None, phone, proof))
    for id_, proofs in by_account.items():
        _cannot(id_, proofs)


def reported(account: LiveAccount, news: Sequence[News]) -> None:
    """What receipts prove: of a delivered text that its phone gets texts, of another one perhaps that it cannot."""
    _cannot(account.id, [(one.sms, one.phone, facts) for one in news if (facts := _proof(one)) is not None])
    _can(one.phone for one in news if one.use == _DOUBT and one.state == "delivered")
    _complete([one for one in news if one.use and one.receipt.facts is not None and one.receipt.facts.carrier])


def came_in(phones: Iterable[str]) -> None:
    """Texts came from these phones, so they can be texted, whatever was thought of them."""
    _can(phones)


def _proof(one: News) -> PhoneFacts | None:
    error, facts = one.receipt.error, one.receipt.facts
    if one.state != "undelivered":
        return None
    if error is not None and error.proves < PhoneStatus.UNKNOWN:
        known = facts or PhoneFacts(status=error.proves)
        return PhoneFacts(
            status=error.proves,
            line_type=known.line_type,
            carrier=known.carrier,
            country=known.country,
            code=error.code,
        )
    return facts if facts is not None and facts.status < PhoneStatus.UNKNOWN else None


#: a failed text that was made before another one that arrived, or before a text came from the phone
_IS_OLD_NEWS = (
    "exists (select 1 from smsbridge_outboundsms s where s.id = new.sms and ("
    " exists (select 1 from smsbridge_outboundsms d"
    "  where d.phone = new.phone and d.state = 'delivered' and d.created_at > s.created_at)"
    " or exists (select 1 from smsbridge_phonefact f"
    "  where f.phone = new.phone and f.status > 0 and f.source = 'receipt' and f.looked_at > s.created_at)))"
)


def _cannot(account: int, proofs: Sequence[_Proof]) -> None:
    """In the order of the phones, in which others lock these rows as well."""
    rows = {phone: (sms, phone, int(facts.status), *clipped(facts)) for sms, phone, facts in proofs}
    if rows:
        run(
            "insert into smsbridge_phonefact"
            " (phone, status, code, line_type, carrier, country, source, account_id, looked_at, attempts)"
            " select new.phone, new.status, new.code, new.line_type, new.carrier, new.country, 'receipt',"
            f" %(account)s, {{now}}, 0 from {{rows:new}} where not {_IS_OLD_NEWS}"
            " on conflict (phone) do update set status = excluded.status, code = excluded.code,"
            f" {_told('excluded')}, source = 'receipt', account_id = excluded.account_id,"
            " looked_at = {now}, next_at = null, attempts = 0 where smsbridge_phonefact.source <> 'operator'",
            account=account,
            new=Rows(_COLUMNS, [rows[phone] for phone in sorted(rows)]),
        )


def _can(phones: Iterable[str]) -> None:
    """Only phones that have a row are written: most need none."""
    if chosen := sorted(set(phones)):
        run(
            "update smsbridge_phonefact set status = 1, source = 'receipt', code = '', looked_at = {now},"
            " next_at = null, attempts = 0 where phone {in:phones} and source <> 'operator'",
            phones=Ids("text", chosen),
        )


def _complete(news: Sequence[News]) -> None:
    """The carrier and the like, which say nothing of whether texts arrive."""
    if news:
        facts = {one.phone: clipped(one.receipt.facts) for one in news if one.receipt.facts is not None}
        columns = dict.fromkeys(("phone", *_TOLD), "text")
        run(
            f"update smsbridge_phonefact set {_told('new')} from {{rows:new}}"
            " where smsbridge_phonefact.phone = new.phone and smsbridge_phonefact.source <> 'operator'",
            new=Rows(columns, [(phone, *told[1:]) for phone, told in sorted(facts.items())]),
        )
