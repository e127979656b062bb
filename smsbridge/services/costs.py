"""What texts cost: added up by bridge, day (UTC), account, country and currency.

The days of RECENT_DAYS are added up anew every hour. Older sums stay as they are, whatever becomes of texts and rates,
unless somebody asks for them to be added up again. Texts that are forgotten leave behind what was told of them (see
`cost_sql`), so a day comes to the same before and after.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet, Sum

from notifier.sql import database_now, run, try_lock
from smsbridge.ids import first_of
from smsbridge.models import Bridge, DailyCost
from smsbridge.services import rates
from smsbridge.services.cost_sql import ADDED_UP

#: how long after they left receipts still move texts and tell prices
RECENT_DAYS = 4
_CLOCKS_DIFFER = timedelta(hours=1)  # ids are made by the workers' clocks, days by the database's
_ROLL_UP = 0x636F737473  # "costs": the advisory lock


@dataclass(frozen=True, slots=True)
class Cost:
    """What some texts cost in one currency; "" where nobody knows what they cost. `estimated` is by rates."""

    currency: str
    texts: int
    segments: int
    amount: Decimal
    estimated: Decimal

    @property
    def total(self) -> Decimal:
        return self.amount + self.estimated


def today() -> date:
    return database_now().astimezone(UTC).date()


def roll_up(first: date, last: date | None = None) -> bool:
    """Add up the days from `first` to `last` anew, and learn rates by their texts. It may be repeated at any time.

    False when another process is at it, whose sums are as good. The caller is outside any transaction.
    """
    last = last or first
    after = first_of(_midnight(first) - _CLOCKS_DIFFER)
    before = first_of(_midnight(last) + timedelta(days=1) + _CLOCKS_DIFFER)
    with transaction.atomic():
        if not try_lock(_ROLL_UP):
            return False
        rates.learn(after)
        DailyCost.objects.filter(day__range=(first, last)).delete()
        run(ADDED_UP, after=after, before=before, first=first.isoformat(), last=last.isoformat())
    return True


def roll_up_recent() -> list[date]:
    """Add up the days of which texts may still be sent or heard of; which days."""
    now = today()
    days = [now - timedelta(days=back) for back in reversed(range(RECENT_DAYS + _longest_wait().days))]
    roll_up(days[0], now)
    return days


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _longest_wait() -> timedelta:
    """How long after it was made a text may still be sent."""
    longest: timedelta | None = Bridge.objects.aggregate(longest=Max("max_age"))["longest"]
    return longest or timedelta()


def between(since: date, until: date, bridges: Iterable[Bridge] = ()) -> QuerySet[DailyCost]:
    """The sums of these days, both included; of all bridges and of answers to keywords where none is named."""
    chosen = list(bridges)
    return DailyCost.objects.filter(Q(bridge__in=chosen) if chosen else Q(), day__range=(since, until))


def by_currency(rows: QuerySet[DailyCost]) -> list[Cost]:
    """What they come to in each currency."""
    return [cost for _, cost in grouped(rows, [])]


def grouped(rows: QuerySet[DailyCost], by: Sequence[str]) -> list[tuple[tuple[Any, ...], Cost]]:
    """What they come to by these columns (such as `day` and `bridge__name`) and by currency, in that order."""
    keys = [*by, "currency"]
    added = (
        rows.order_by().values(*keys).annotate(t=Sum("texts"), s=Sum("segments"), a=Sum("amount"), e=Sum("estimated"))
    )
    found = added.order_by(*(F(key).asc(nulls_last=True) for key in keys))
    return [
        (tuple(row[key] for key in by), Cost(row["currency"], row["t"], row["s"], row["a"], row["e"])) for row in found
    ]
