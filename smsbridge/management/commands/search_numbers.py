"""What numbers a vendor has on offer."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from humanfriendly.tables import format_pretty_table

from notifier.commands import spinning
from smsbridge.management.vendor_numbers import NumbersCommand, account_named
from smsbridge.services.shopping import search, wanted_numbers
from smsbridge.services.vendor_calls import Calls

HELP = """\
List numbers that a vendor has on offer, with their price a month where it says so. Nothing is bought.

The country is its ISO code; the area is the code that follows the country's own, without a leading zero. Numbers that
cannot be texted are left out where the vendor tells.

Examples:
  manage.py search_numbers twilio --country US
  manage.py search_numbers twilio --country US --area 415 --limit 20
"""


class Command(NumbersCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--country", required=True, metavar="US", help="ISO code of the country")
        parser.add_argument("--area", default="", metavar="415", help="only of this area, by its code")
        parser.add_argument("--limit", type=int, default=10, metavar="N", help="at most so many (10)")

    def handle(self, *args: Any, account: str, country: str, area: str, limit: int, **options: Any) -> None:
        wanted = wanted_numbers(country, area, limit)
        with spinning("Asking the vendor", on=self.stdout.isatty()) as tick:
            offers = search(account_named(account), wanted, Calls(tick))
        if not offers:
            raise CommandError("Nothing is on offer there: leave out --area, or try another one.")
        rows = [(one.e164, str(one.price or "not told"), one.currency) for one in offers]
        self.stdout.write(format_pretty_table(rows, ["number", "a month", "currency"]))
