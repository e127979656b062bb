"""What texts cost."""

import csv
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet
from humanfriendly.tables import format_pretty_table

from notifier.commands import TeachingCommand, named, spinning
from smsbridge.models import Bridge, DailyCost
from smsbridge.services import costs
from smsbridge.services.costs import Cost

HELP = """\
Tell what the texts of some days cost, by day, bridge, account and country, and their sums in each currency.

A price is what the vendor told of a text; what it did not tell is estimated by the account's price of a segment to that
country (see the prices of segments in the admin: vendors' told prices are learnt by themselves, and you can enter your
own). A text that was perhaps sent counts as if it had been. A text's day (UTC) is the one on which it was made. The
sums are added up anew every hour for the last four days, then stay as they are, and outlive the texts themselves.

Examples:
  manage.py costs                                         this month
  manage.py costs --since 2026-10-01 --until 2026-10-31   October
  manage.py costs --bridge "Shop to SMS" --csv > it.csv   of one bridge, for a spreadsheet
  manage.py costs --since 2026-10-01 --again              after a price was entered: estimate these days anew
"""

_BY = ("day", "bridge__name", "account__slug", "country")
_HEADERS = ("day", "bridge", "account", "country", "currency", "texts", "segments", "told", "estimated", "total")


class Command(TeachingCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=_day, metavar="DAY", help="first day, as 2026-10-01; the month's first")
        parser.add_argument("--until", type=_day, metavar="DAY", help="last day; today")
        parser.add_argument("--bridge", action="append", default=[], metavar="NAME", help="only this; may be repeated")
        parser.add_argument("--csv", dest="as_csv", action="store_true", help="comma-separated, without sums")
        parser.add_argument("--again", action="store_true", help="add these days up anew first")

    def handle(
        self,
        *args: Any,
        since: date | None,
        until: date | None,
        bridge: list[str],
        as_csv: bool,
        again: bool,
        **options: Any,
    ) -> None:
        last = until or costs.today()
        first = since or last.replace(day=1)
        if first > last:
            raise CommandError(f"There is no day from {first} to {last}: give --since a day before --until.")
        if again:
            self._add_up(first, min(last, costs.today()))
        known = {one.name: one for one in Bridge.objects.order_by("name")}
        rows = costs.between(first, last, named("bridge", bridge, known))
        (self._as_csv if as_csv else self._as_tables)(rows)

    def _add_up(self, first: date, last: date) -> None:
        with spinning("Adding up", on=self.stdout.isatty()) as tick:
            for back in range((last - first).days + 1):
                tick()
                if not costs.roll_up(last - timedelta(days=back)):
                    raise CommandError("Another process is adding up costs at this moment: repeat in a minute.")

    def _as_csv(self, rows: QuerySet[DailyCost]) -> None:
        out = csv.writer(self.stdout)
        out.writerow(_HEADERS)
        out.writerows([_harmless(cell) for cell in _line(*one)] for one in costs.grouped(rows, _BY))

    def _as_tables(self, rows: QuerySet[DailyCost]) -> None:
        lines = [_line(keys, cost) for keys, cost in costs.grouped(rows, _BY)]
        if not lines:
            self.stdout.write("Nothing was sent on these days, as far as it was added up.")
            return
        self.stdout.write(format_pretty_table(lines, _HEADERS))
        for cost in costs.by_currency(rows):
            self.stdout.write(_sentence(cost))


def _line(keys: Sequence[object], cost: Cost) -> list[str]:
    day, bridge, account, country = keys
    told = [
        cost.currency,
        cost.texts,
        cost.segments,
        *(_plain(one) for one in (cost.amount, cost.estimated, cost.total)),
    ]
    return [str(one) for one in (day, bridge or "keywords", account, country, *told)]


def _harmless(cell: str) -> str:
    """As words to a spreadsheet, never as a formula (https://owasp.org/www-community/attacks/CSV_Injection)."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _plain(amount: Any) -> str:
    return f"{amount:.5f}"


def _sentence(cost: Cost) -> str:
    of = f"{cost.texts} texts in {cost.segments} segments"
    if not cost.currency and not cost.amount:
        return f"Not known: what {of} cost. Enter a price of a segment in the admin, and repeat with --again."
    return f"{_plain(cost.total)} {cost.currency}: {of}; of it estimated {_plain(cost.estimated)}."


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no day: write it like 2026-10-01.") from None
    if not 2000 <= day.year < 2100:
        raise CommandError(f"Nothing was texted on {day}: give a day from 2000-01-01 to 2099-12-31.")
    return day
