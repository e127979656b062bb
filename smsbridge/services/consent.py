"""Consent: which phones must not be texted, and the ledger of who said so. The one place that changes either.

An opt-out counts for the phone, whatever number or vendor a text would come from. Who was told of a person's wish by
a vendor, an operator or the person himself calls the same two functions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from notifier.sql import Rows, fetch
from notifier.texts import clean_text
from smsbridge.models import ConsentEvent, OptOut
from smsbridge.services.accounts import LiveAccount
from smsbridge.vendors.base import ErrorInfo, ErrorKind

KEYWORD, VENDOR, OPERATOR, IMPORT, FUNCTION = "keyword", "vendor", "operator", "import", "function"

What = ConsentEvent.What

_LONGEST_NOTE = 200

#: how far a vendor's clock and ours may be apart
CLOCKS_DIFFER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Wish:
    """Who said what about being texted. `phone` is E.164; `note` is a keyword, a vendor's code, an operator's words.

    `account` is that of the vendor by which it came, `at` is when it was said: now, if None.
    """

    phone: str
    source: str
    note: str = ""
    account: int | None = None
    at: datetime | None = None


def opt_out(wishes: Sequence[Wish]) -> list[str]:
    """These phones are not texted any more; those for which that is new. Of these the ledger has an entry.

    The unique phone decides between two at once.
    """
    by_phone = {wish.phone: wish for wish in wishes}
    if not by_phone:
        return []
    with transaction.atomic():
        rows = fetch(
            "insert into smsbridge_optout (phone, since, source, note)"
            " select new.phone, coalesce(new.at, {now}), new.source, new.note from {rows:new} where true"
            " on conflict (phone) do nothing returning phone",
            new=Rows(
                {"phone": "text", "at": "timestamptz", "source": "text", "note": "text"},
                [(wish.phone, wish.at, wish.source, _note(wish)) for _, wish in sorted(by_phone.items())],
            ),
        )
        added = [phone for (phone,) in rows]
        ConsentEvent.objects.bulk_create(_event(by_phone[phone], What.OUT) for phone in added)
    return added


def opt_in(wish: Wish) -> bool:
    """The phone may be texted again, whoever said otherwise; whether that is new. The ledger has an entry anyway."""
    with transaction.atomic():
        opted_out = bool(OptOut.objects.filter(phone=wish.phone).delete()[0])
        record(wish, What.IN)
    return opted_out


def record(wish: Wish, what: ConsentEvent.What) -> None:
    """An entry of the ledger that changes nothing else."""
    _event(wish, what).save(force_insert=True)


def refused(told: Iterable[tuple[str, LiveAccount, ErrorInfo | None]]) -> None:
    """What vendors said of texts to these phones: who opted out with one of them has opted out.

    The vendor's own block is mostly of one number or account; ours is of the phone.
    """
    opt_out(
        [
            Wish(phone, VENDOR, f"{account.slug} {error.code}", account.id)
            for phone, account, error in told
            if error is not None and error.kind is ErrorKind.OPTED_OUT
        ]
    )


def said_otherwise_since(wish: Wish, what: ConsentEvent.What) -> bool:
    """Whether the ledger holds another wish of this phone that is later than this one, which came late.

    On doubt the opt-out wins. So an opt-out is overtaken only by an opt-in that came by the same account as a keyword,
    as their stamps are of one clock; an opt-in by any opt-out that may be later, clocks being apart.
    """
    events = ConsentEvent.objects.filter(phone=wish.phone)
    if wish.at is None:
        return False
    if what == What.OUT:
        return events.filter(_same_clock(wish), what=What.IN, at__gt=wish.at).exists()
    later = Q(_same_clock(wish), at__gte=wish.at) | Q(~_same_clock(wish), at__gte=wish.at - CLOCKS_DIFFER)
    return events.filter(later, what=What.OUT).exists()


def opted_out_after(wish: Wish) -> bool:
    """Whether the ledger holds an opt-out of this phone with a later stamp of the same clock: beyond any doubt."""
    events = ConsentEvent.objects.filter(_same_clock(wish), phone=wish.phone, what=What.OUT)
    return wish.at is not None and events.filter(at__gt=wish.at).exists()


def _same_clock(wish: Wish) -> Q:
    """Keywords that came by the same account have stamps of one clock."""
    return Q(account=wish.account, source=KEYWORD)


def _event(wish: Wish, what: ConsentEvent.What) -> ConsentEvent:
    event = ConsentEvent(phone=wish.phone, what=what, source=wish.source, note=_note(wish), account_id=wish.account)
    if wish.at is not None:
        event.at = wish.at
    return event


def _note(wish: Wish) -> str:
    return clean_text(wish.note)[:_LONGEST_NOTE]
