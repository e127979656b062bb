"""The circuit breaker of a vendor account: while its calls fail, its texts wait instead of being spent on it.

Its row is shared by all workers. Open, it keeps the account's texts out of every claim, untouched and without spending
their tries; once `probe_at` has come, one worker lets one text through, whose answer closes it or doubles the pause.
A process writes to the row only when something changes, so sending that goes well costs nothing.
"""

import logging
import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F

from notifier.durations import rounded
from notifier.sql import Ids, database_now, fetch, moment, run
from notifier.texts import clean_text
from smsbridge.models import Breaker

log = logging.getLogger(__name__)

OPENS_AFTER = 5  # calls in a row that failed
_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds; the first, which doubles with each failure to close
_MENDING, _LONGEST_MENDING = 30.0, 600.0  # the same where an operator must mend something, such as topping up credit
_STEADY = timedelta(minutes=5)  # closed for so long, the next opening begins with the first pause again
_LONGEST_WISH = 900.0  # seconds; a vendor that asks to be left alone for longer is asked again all the same
_WORTH_A_WARNING = timedelta(seconds=5)  # of a pause that a vendor asked for

#: accounts whose breaker is open, and of these the ones that may be tried
OPEN = "select b.account_id from smsbridge_breaker b where b.opened_at is not null"
HALF_OPEN = f"{OPEN} and b.probe_at <= {{now}}"

#: for an account that others stand in for there may be no text that tries: it counts as working until one was, once as
#: much time has passed again as had at the last try, and after this long at the latest
_LONGEST_STAND_IN = timedelta(hours=1)

_some_open = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an account's calls came to since the last report: first perhaps one that `worked`, then failures in a row.

    `anew`: before these failures a call of the reporter's own worked, so what was counted before is not of their row.
    `asks`: seconds for which the vendor wants to be left alone. `mending`: an operator must mend something.
    `probe_failed`: one of the failures was the text that was to find out whether the vendor works again.
    """

    account: int
    slug: str
    worked: bool = False
    anew: bool = False
    failures: int = 0
    probe_failed: bool = False
    asks: float = 0.0
    mending: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outage:
    """A breaker that is open since so long. `to_be_tried`: so long that a text may be spent on finding out, or is."""

    account: int
    lasts: timedelta
    to_be_tried: bool

    def counts(self, patience: timedelta) -> bool:
        """Whether others stand in for it, where that is wanted after so long."""
        return self.lasts > patience and not self.to_be_tried


def outages() -> list[Outage]:
    """Every breaker that is open since calls fail, not only since the vendor wants to be left alone for a while."""
    return [_outage(*row) for row in fetch(f"{_OUTAGES} and b.openings > 0")]


_OUTAGES = (
    "select b.account_id, b.trusted_until is not null and b.trusted_until > {now}, b.opened_at, b.probe_at, {now}"
    " from smsbridge_breaker b where b.opened_at is not null"
)


def _outage(account: int, trusted: bool, *moments: datetime) -> Outage:
    opened_at, probe_at, now = map(moment, moments)
    rest, tried_after = now - probe_at, probe_at - opened_at
    is_time = rest >= timedelta(0) and rest >= min(tried_after, _LONGEST_STAND_IN)
    return Outage(account, now - opened_at, to_be_tried=bool(trusted) or is_time)


def note(open_: bool) -> None:
    """Whether any breaker is open, as the database has just told in passing."""
    global _some_open
    _some_open = open_


def some_open() -> bool:
    """Whether any was open when this process last heard: while none is, nobody looks for a text that may try."""
    return _some_open


def take_probes(accounts: Collection[int]) -> set[int]:
    """The accounts of these that the caller may try now, nobody else meanwhile. In the claim's transaction.

    Should this process end before the answer comes, others try after SENDING_SECONDS, in which any call is over. Until
    then an account that was to be tried counts as working, so that the others' texts are not taken away meanwhile.
    """
    rows = fetch(
        f"{_OUTAGES} and b.account_id {{in:accounts}} and b.probe_at <= {{now}} {{lock:b}}",
        accounts=Ids("bigint", sorted(accounts)),
    )
    taken = [_outage(*row) for row in rows]
    if taken:
        run(
            "update smsbridge_breaker set probe_at = {now+lasts},"
            " trusted_until = case when account_id {in:trusted} then {now+lasts} else null end"
            " where account_id {in:accounts}",
            accounts=Ids("bigint", [one.account for one in taken]),
            trusted=Ids("bigint", [one.account for one in taken if one.to_be_tried]),
            lasts=settings.SENDING_SECONDS,
        )
    return {one.account for one in taken}


def hand_back(accounts: Collection[int]) -> None:
    """The vendor was not called after all: another text may try at once, but as before nobody knows that it works."""
    if accounts:
        run(
            "update smsbridge_breaker set probe_at = {now}, trusted_until = null"
            " where account_id {in:accounts} and opened_at is not null",
            accounts=Ids("bigint", sorted(accounts)),
        )


def try_now(accounts: Collection[int]) -> list[int]:
    """An operator does not want to wait: the next text of these accounts is tried now. Returns those that were open."""
    with transaction.atomic():
        rows = Breaker.objects.filter(account__in=accounts, opened_at__isnull=False)
        opened = sorted(rows.values_list("account_id", flat=True))
        rows.update(probe_at=F("opened_at"))  # no later: also where others stand in for it, a text is spent on it
    return opened


def record(report: Report, now: datetime | None = None) -> None:
    """Take a report into the account's row, and log when the breaker opens and closes. `now`: the database's clock."""
    with transaction.atomic():
        Breaker.objects.bulk_create([Breaker(account_id=report.account)], ignore_conflicts=True)
        row = Breaker.objects.select_for_update().get(account_id=report.account)
        opened_at, failures = row.opened_at, row.failures
        now = now or database_now()
        apply(row, report, now)
        row.save()
    if row.opened_at is not None:
        note(True)
    if row.opened_at is not None and opened_at is None:
        wait = (row.probe_at or now) - now
        words = "Texts of the vendor account %s wait: %s. The next try is in %s."
        log.log(_level(row.failures, wait), words, report.slug, row.reason.rstrip("."), rounded(wait))
    elif row.opened_at is None and opened_at is not None:
        lasted = now - opened_at
        log.log(
            _level(failures, lasted), "Texts of the vendor account %s go again after %s.", report.slug, rounded(lasted)
        )


def apply(row: Breaker, report: Report, now: datetime) -> None:
    """What a report makes of a breaker. While it is closed, `probe_at` tells since when."""
    if report.worked:
        row.probe_at = row.probe_at if row.opened_at is None else now
        row.failures, row.opened_at, row.reason = 0, None, ""
    if report.worked or report.probe_failed:
        row.trusted_until = None
    if report.anew and row.opened_at is None:
        row.failures = 0
    row.failures += report.failures
    if report.failures or report.asks:
        row.reason = clean_text(report.reason)[:500]
    if (report.probe_failed and row.opened_at) or (row.opened_at is None and row.failures >= OPENS_AFTER):
        _open(row, report, now)
    elif report.asks:
        if row.opened_at is None and _is_steady(row, now):
            row.openings = 0  # until a try fails, nothing does: see `outages`
        asked = now + timedelta(seconds=min(max(report.asks, _PAUSE), _LONGEST_WISH))
        row.probe_at = max(row.probe_at, asked) if row.opened_at and row.probe_at else asked
        row.opened_at = row.opened_at or now


def _open(row: Breaker, report: Report, now: datetime) -> None:
    if row.opened_at is None and _is_steady(row, now):
        row.openings = 0
    row.openings += 1
    row.opened_at = row.opened_at or now
    wait = max(pause(row.openings, mending=report.mending), min(report.asks, _LONGEST_WISH))
    row.probe_at = now + timedelta(seconds=wait)


def _is_steady(row: Breaker, now: datetime) -> bool:
    return row.probe_at is not None and now - row.probe_at > _STEADY


def pause(openings: int, *, mending: bool) -> float:
    """Seconds until the next try: half to all of the doubled pause, so that accounts that failed together part."""
    first, longest = (_MENDING, _LONGEST_MENDING) if mending else (_PAUSE, _LONGEST_PAUSE)
    return random.uniform(0.5, 1.0) * min(longest, first * 2.0 ** min(openings - 1, 16))  # noqa: S311 (no secret)


def in_words(row: Breaker, now: datetime) -> str:
    """Since when texts wait, why, and until when; "" while it is closed."""
    if row.opened_at is None or row.probe_at is None:
        return ""
    reason = row.reason.rstrip(".") or "the vendor's calls fail"
    soon = f"in {rounded(row.probe_at - now)}" if row.probe_at > now else "with the next text"
    return f"Texts wait since {rounded(now - row.opened_at)}: {reason}. The next try is {soon}."


def _level(failures: int, lasts: timedelta) -> int:
    """That a vendor wants a second's rest is no news for an operator."""
    return logging.WARNING if failures >= OPENS_AFTER or lasts >= _WORTH_A_WARNING else logging.INFO
