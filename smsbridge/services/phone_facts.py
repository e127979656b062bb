"""What is known of phones: which of them cannot be texted, and which are to be looked up.

Free before paid. An operator's word wins over all. Then counts what a delivery proved or a vendor's look-up told, for
LOOKUP_CACHE; older than that it holds nobody back, and is looked up again. Then the numbering plan, where it has a
range for fixed lines alone (ITU-T E.164, as libphonenumber knows the national plans). Whoever is not known is texted.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from notifier import doorbell
from notifier.sql import Rows, fetch, run
from smsbridge.models import PhoneFact
from smsbridge.phones import country_of, landline_by_plan, mobile_by_plan
from smsbridge.services.accounts import LiveAccount, LiveBridge, live_accounts, live_numbers
from smsbridge.vendors.abilities import PhoneLookup
from smsbridge.vendors.base import PhoneStatus

STAGE = "look_up"

#: a phone that could not be looked up so often is left alone for LOOKUP_CACHE
MOST_ATTEMPTS = 5

Source = PhoneFact.Source

#: a phone of another country is for the bridge's countries to refuse
_CANNOT = {
    PhoneStatus.LANDLINE: "It is a landline",
    PhoneStatus.NOT_IN_SERVICE: "It is not in service",
    PhoneStatus.NOT_KNOWN: "The vendor does not know such a number",
}


@dataclass(frozen=True, slots=True)
class _Known:
    """What a row says. `fresh`: it was told within LOOKUP_CACHE. `idle`: no look-up of it is due or awaited."""

    status: int
    source: str
    fresh: bool
    idle: bool


def untextable(bridge: LiveBridge, phones: Iterable[str]) -> dict[str, str]:
    """Those of these phones (E.164) that cannot be texted, each with a sentence why.

    Of the others those of which nothing is known any more are wished for: an account of the bridge's pool looks them
    up when it can. Two statements at most, however many phones. No transaction is open.
    """
    asked = sorted(set(phones))
    if not asked:
        return {}
    known = _known(asked)
    wish([phone for phone in asked if _is_to_be_told(known.get(phone))], lookers(pool_accounts(bridge)))
    return {phone: words for phone in asked if (words := _why_not(phone, known.get(phone)))}


def pool_accounts(bridge: LiveBridge) -> set[int]:
    """The accounts whose numbers the bridge may hand out."""
    numbers = live_numbers()
    return {numbers[number].account for number in bridge.numbers if number in numbers}


def lookers(accounts: Collection[int] | None = None) -> list[LiveAccount]:
    """Those of these accounts, or of all, that look phones up, the ones that do it for free first."""
    able = [
        account
        for id_, account in live_accounts().items()
        if (accounts is None or id_ in accounts) and account.looks_up and is_able(account)
    ]
    return sorted(able, key=lambda account: (costs(account), account.id))


def is_able(account: LiveAccount) -> bool:
    """Whether its vendor can be asked about a phone now."""
    return isinstance(account.vendor, PhoneLookup) and not account.problem and not account.paused


def costs(account: LiveAccount) -> bool:
    return isinstance(account.vendor, PhoneLookup) and account.vendor.lookups_cost


_COLUMNS = {
    "phone": "text",
    "status": "smallint",
    "line_type": "text",
    "country": "text",
    "source": "text",
    "account_id": "bigint",
    "due": "boolean",
}


def wish(phones: Sequence[str], by: Sequence[LiveAccount], *, again: bool = False) -> int:
    """Have these phones looked up by the first account that may be asked, unless that is under way; how many wishes.

    What the numbering plan tells is stored at once, and is not paid for. With `again` the plan, and how fresh it is
    what is known, do not count; an operator's word does.
    """
    rows = [row for phone in sorted(set(phones)) if (row := _wished(phone, by, again))]
    if not rows:
        return 0
    wished = run(
        "insert into smsbridge_phonefact"
        " (phone, status, line_type, carrier, country, source, code, account_id, looked_at, next_at, attempts)"
        " select new.phone, new.status, new.line_type, '', new.country, new.source, '', new.account_id,"
        " case when new.source = '' then null else {now} end, case when new.due then {now} end, 0"
        " from {rows:new} where true"
        " on conflict (phone) do update set account_id = excluded.account_id, next_at = excluded.next_at, attempts = 0"
        " where excluded.next_at is not null and smsbridge_phonefact.source <> 'operator'"
        f" and (%(again)s or ({_IS_IDLE}) and not ({_IS_FRESH}))",
        again=again,
        new=Rows(_COLUMNS, rows),
        **_ages(),
    )
    if any(row[-1] for row in rows):
        doorbell.ring_on_commit(STAGE)
    return wished


def _wished(phone: str, by: Sequence[LiveAccount], again: bool) -> tuple[Any, ...] | None:
    """The row of a phone of which nothing is known; None where there is nothing to tell and nobody to ask."""
    mobile = mobile_by_plan(phone)
    asked = by[0] if by and (again or not mobile or not costs(by[0])) else None
    if landline_by_plan(phone) and not (again and asked):
        return (phone, int(PhoneStatus.LANDLINE), "fixed line", country_of(phone), Source.PLAN.value, None, False)
    if asked is None:
        return None
    if mobile:
        return (phone, int(PhoneStatus.TEXTABLE), "mobile", country_of(phone), Source.PLAN.value, asked.id, True)
    return (phone, int(PhoneStatus.UNKNOWN), "", country_of(phone), "", asked.id, True)


_IS_FRESH = (
    "smsbridge_phonefact.source <> '' and smsbridge_phonefact.looked_at is not null"
    " and smsbridge_phonefact.looked_at > {now+age}"
)
#: also one that could not be looked up, once it has been left alone for as long
_IS_IDLE = (
    "smsbridge_phonefact.next_at is null"
    " or smsbridge_phonefact.attempts >= %(most)s and smsbridge_phonefact.next_at <= {now}"
)


def _ages() -> dict[str, Any]:
    return {"age": -settings.LOOKUP_CACHE.total_seconds(), "most": MOST_ATTEMPTS}


def _known(phones: Sequence[str]) -> dict[str, _Known]:
    """By a join: a list to be compared with costs forty times as much while the table is new to the planner."""
    rows = fetch(
        f"select smsbridge_phonefact.phone, status, source, {_IS_FRESH}, {_IS_IDLE}"
        " from {rows:asked} join smsbridge_phonefact on smsbridge_phonefact.phone = asked.phone",
        asked=Rows({"phone": "text"}, [(phone,) for phone in phones]),
        **_ages(),
    )
    return {phone: _Known(status, source, bool(fresh), bool(idle)) for phone, status, source, fresh, idle in rows}


def known_already(phones: Sequence[str]) -> set[str]:
    """Those of which something counts that was told, by whomever, or of which a look-up is under way."""
    return {phone for phone, known in _known(phones).items() if not _is_to_be_told(known)}


def _is_to_be_told(known: _Known | None) -> bool:
    """Whether nothing is known that counts, and nobody is looking it up."""
    return known is None or (known.source not in (Source.OPERATOR, Source.PLAN) and known.idle and not known.fresh)


def _why_not(phone: str, known: _Known | None) -> str:
    """The plan is asked as it is now, not as it was stored. That a phone gets texts is believed however old it is."""
    if known is not None and known.source == Source.OPERATOR:
        return _in_words(known.status, known.source)
    if known is not None and known.source != Source.PLAN and (known.status > 0 or (known.fresh and known.status < 0)):
        return _in_words(known.status, known.source)
    return _in_words(PhoneStatus.LANDLINE, Source.PLAN) if landline_by_plan(phone) else ""


def _in_words(status: int, source: str) -> str:
    why = _CANNOT.get(PhoneStatus(status), "")
    return f"{why}, as told by {Source(source).label}." if why else ""
