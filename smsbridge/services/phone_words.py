"""What operators do about phones: say of one whether it gets texts, and have phones looked up again."""

from collections.abc import Iterable

from notifier.sql import Rows, run
from smsbridge.models import PhoneFact
from smsbridge.services.accounts import LiveAccount
from smsbridge.services.phone_facts import wish
from smsbridge.services.phone_lists import chat_apps_of, lookers_of
from smsbridge.vendors.base import PhoneStatus


def say(phone: str, status: PhoneStatus) -> None:
    """An operator's word about a phone (E.164), which wins over all until its row is deleted."""
    run(
        "insert into smsbridge_phonefact"
        " (phone, status, line_type, carrier, country, source, code, looked_at, attempts)"
        " select new.phone, new.status, '', '', '', 'operator', '', {now}, 0 from {rows:new} where true"
        " on conflict (phone) do update set status = excluded.status, source = 'operator', code = '',"
        " account_id = null, looked_at = {now}, next_at = null, attempts = 0",
        new=Rows({"phone": "text", "status": "smallint"}, [(phone, int(status))]),
    )


def again(facts: Iterable[PhoneFact]) -> int:
    """Have these phones looked up once more, whatever is known and whatever it costs; how many.

    By an account of the pools that text the phone: the one that was asked before, if it is among them. Nobody's phone
    stays with that one. Those with an operator's word are left alone.
    """
    known = {fact.phone: fact for fact in facts}
    able, somebodys = lookers_of(list(known), paid=True), chat_apps_of(list(known))
    by_account: dict[int, tuple[LiveAccount, list[str]]] = {}
    for phone, fact in known.items():
        others = phone in somebodys or fact.account_id is None
        asked = _before(fact, able[phone]) or (next(iter(able[phone]), None) if others else None)
        if asked is not None:
            by_account.setdefault(asked.id, (asked, []))[1].append(phone)
    return sum(wish(phones, [account], again=True) for account, phones in by_account.values())


def _before(fact: PhoneFact, able: Iterable[LiveAccount]) -> LiveAccount | None:
    return next((account for account in able if account.id == fact.account_id), None)
