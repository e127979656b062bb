"""The rows of phones that are to be looked up: claiming them within each account's limit, and storing what came of it.

A look-up that told nothing never replaces what is known. What a delivery proved or an operator said meanwhile wins:
each write tests that the row is still as it was claimed.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from notifier.sql import Ids, Rows, database_now, fetch, later, run, try_lock
from notifier.texts import clean_text
from smsbridge.counters import LOOKUPS
from smsbridge.services import daily_lookups
from smsbridge.services.accounts import LiveAccount
from smsbridge.services.daily_use import next_day
from smsbridge.services.phone_facts import MOST_ATTEMPTS, costs, lookers
from smsbridge.vendors.abilities import PhoneLookup
from smsbridge.vendors.base import AskAgain, PhoneFacts

log = logging.getLogger(__name__)

#: seconds until the next try after the first, the second and so on
WAITS = (60.0, 600.0, 3600.0, 6 * 3600.0)
_LOCK = 7_405_003  # an advisory lock's key: claims take turns, so that two do not use up the same rest of a limit
_A_DAY = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A phone that is being looked up."""

    phone: str
    account: LiveAccount
    vendor: PhoneLookup
    attempts: int


Told = tuple[Asked, PhoneFacts | AskAgain]


def claim(limit: int) -> list[Asked] | None:
    """Phones that are due to be looked up, within each account's limit of the day; None while another one claims.

    Others leave them alone for as long as the call may take. Those of an account that cannot be asked now, or is not
    known here yet, wait a minute, which counts as a try.
    """
    able = lookers()
    claimed: list[Asked] = []
    with transaction.atomic():
        if not try_lock(_LOCK):
            return None
        now = database_now()
        _pass_over(able)
        for account in able:
            claimed += _of_account(account, limit - len(claimed), now)
    return claimed


_IS_DUE = f"f.next_at <= {{now}} and f.attempts < {MOST_ATTEMPTS}"


def _pass_over(able: Iterable[LiveAccount]) -> None:
    run(
        "update smsbridge_phonefact set next_at = {now+wait}, attempts = attempts + 1 where id in"
        f" (select f.id from smsbridge_phonefact f where {_IS_DUE}"
        "   and (f.account_id is null or not (f.account_id {in:able})) {lock:f})",
        wait=WAITS[0],
        able=Ids("bigint", [account.id for account in able]),
    )


def _of_account(account: LiveAccount, limit: int, now: datetime) -> list[Asked]:
    paid = costs(account)
    left = daily_lookups.left(account, now) if paid else limit
    rows = fetch(
        "update smsbridge_phonefact set attempts = attempts + 1, next_at ="
        f" case when attempts + 1 < {MOST_ATTEMPTS} then {{now+lasts}} else {{now+cache}} end where id in"
        f" (select f.id from smsbridge_phonefact f where {_IS_DUE} and f.account_id = %(account)s"
        "   order by f.next_at limit %(room)s {lock:f}) returning phone, attempts",
        lasts=settings.CLAIM_SECONDS + settings.HTTP_TIMEOUT_SECONDS,
        cache=settings.LOOKUP_CACHE.total_seconds(),
        account=account.id,
        room=min(limit, left),
    )
    if paid:
        daily_lookups.spend(account, len(rows), now)
        if left <= len(rows):
            _wait_for_next_day(account, now)
    vendor = account.vendor
    return [Asked(phone, account, vendor, attempts) for phone, attempts in rows if isinstance(vendor, PhoneLookup)]


def _wait_for_next_day(account: LiveAccount, now: datetime) -> None:
    """The limit is used up."""
    waiting = run(
        "update smsbridge_phonefact set next_at = {now+wait} where id in (select f.id from smsbridge_phonefact f"
        f" where {_IS_DUE} and f.account_id = %(account)s {{lock:f}})",
        wait=(next_day(now) - now).total_seconds(),
        account=account.id,
    )
    if waiting:
        log.warning("%s phones are looked up tomorrow: %s has used up its limit of today.", waiting, account.slug)


_STILL = (
    "smsbridge_phonefact.phone = new.phone and smsbridge_phonefact.attempts = new.attempts"
    " and smsbridge_phonefact.next_at is not null and smsbridge_phonefact.source <> 'operator'"
)


def write(told: Sequence[Told]) -> None:
    """Store what came of look-ups."""
    learnt = [(asked, facts) for asked, facts in told if isinstance(facts, PhoneFacts)]
    failed = [(asked, facts) for asked, facts in told if isinstance(facts, AskAgain)]
    if learnt:
        _learn(learnt)
    for asked, answer in failed:
        log.warning("A phone could not be looked up by %s: %s.", asked.account.slug, answer.reason)
    if left := [(asked, answer) for asked, answer in failed if asked.attempts < MOST_ATTEMPTS]:
        _ask_again(left)
    LOOKUPS.add_all_on_commit(Counter((asked.account.slug, _outcome(facts)) for asked, facts in told))


_TOLD = {"line_type": "text", "carrier": "text", "country": "text"}


def _learn(learnt: Sequence[tuple[Asked, PhoneFacts]]) -> None:
    """A vendor that cannot tell does not take back that texts arrive."""
    kept = ", ".join(
        f"{name} = case when new.{name} = '' then smsbridge_phonefact.{name} else new.{name} end" for name in _TOLD
    )
    run(
        "update smsbridge_phonefact set status = case when new.status = 0 and smsbridge_phonefact.status > 0"
        f" then smsbridge_phonefact.status else new.status end, {kept}, code = new.code, source = 'look-up',"
        f" looked_at = {{now}}, next_at = null, attempts = 0 from {{rows:new}} where {_STILL}",
        new=Rows(
            {"phone": "text", "attempts": "smallint", "status": "smallint", "code": "text"} | _TOLD,
            sorted((asked.phone, asked.attempts, *_row(facts)) for asked, facts in learnt),
        ),
    )


def _row(facts: PhoneFacts) -> tuple[Any, ...]:
    """As the columns can hold it."""
    return int(facts.status), *clipped(facts)


def clipped(facts: PhoneFacts) -> tuple[str, str, str, str]:
    """Code, line type, carrier and country, whatever a vendor made of them."""
    country = facts.country.upper() if re.fullmatch("[A-Za-z]{2}", facts.country) else ""
    return clean_text(facts.code)[:40], clean_text(facts.line_type)[:40], clean_text(facts.carrier)[:100], country


def _ask_again(left: Sequence[tuple[Asked, AskAgain]]) -> None:
    run(
        f"update smsbridge_phonefact set next_at = {later('new.wait')} from {{rows:new}} where {_STILL}",
        new=Rows(
            {"phone": "text", "attempts": "smallint", "wait": "double precision"},
            sorted((asked.phone, asked.attempts, _wait(asked, answer)) for asked, answer in left),
        ),
    )


def _wait(asked: Asked, answer: AskAgain) -> float:
    return min(max(WAITS[asked.attempts - 1], answer.after or 0.0), _A_DAY)


def _outcome(facts: PhoneFacts | AskAgain) -> str:
    return facts.status.name.lower().replace("_", " ") if isinstance(facts, PhoneFacts) else "failed"
