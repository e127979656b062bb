"""Buy numbers until a pool has enough of them."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from humanfriendly.tables import format_pretty_table

from notifier.commands import spinning
from smsbridge.management.vendor_numbers import NumbersCommand, account_named, operator_name, pool_named
from smsbridge.phones import mask
from smsbridge.services.buying import buy
from smsbridge.services.shopping import MOST, Plan, goal_of, monthly, plan
from smsbridge.services.vendor_calls import Calls

HELP = """\
Buy numbers until a pool has --total of them, of a country and perhaps an area: it says how many there shall be, not how
many to add. So it is safe to repeat: what is there is not bought again, nor is what may have been bought.

The plan comes first, with the price a month where the vendor says so; then it asks, unless --yes is given. Before each
purchase an order is written down (see "Number orders" in the admin). If the vendor's answer is lost, the order stays
"perhaps done" and counts as bought, until the vendor's list of numbers tells; the next run looks first.

It never buys more than --most at once, nor more than the account may hold ("number limit" in the admin), whoever else
is buying. A number that was bought is active in the pool as soon as its texts come here.

Examples:
  manage.py buy_numbers twilio --pool main --country US --area 415 --total 5 --dry-run
  manage.py buy_numbers twilio --pool main --country US --area 415 --total 5
"""
_PATIENCE = 20.0


class Command(NumbersCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--pool", required=True, metavar="NAME", help="the pool that shall have them")
        parser.add_argument("--country", required=True, metavar="US", help="ISO code of the country")
        parser.add_argument("--area", default="", metavar="415", help="only of this area, by its code")
        parser.add_argument("--total", type=int, required=True, metavar="N", help="how many the pool shall have then")
        parser.add_argument("--most", type=int, default=MOST, metavar="N", help=f"buy at most so many now ({MOST})")
        self.add_decision(parser)

    def handle(self, *args: Any, account: str, pool: str, dry_run: bool, yes: bool, **options: Any) -> None:
        wanted = {name: options[name] for name in ("country", "area", "total", "most")}
        goal = goal_of(account_named(account), pool_named(pool), **wanted)
        with spinning("Asking the vendor", on=self.stdout.isatty()) as tick:
            made = plan(goal, Calls(tick), dry_run=dry_run)
        self._show(made)
        if made.missing == 0:
            self.stdout.write(self.style.SUCCESS("Nothing is to be bought."))
            return
        _check(made)
        if not dry_run:
            self.ask(f"Buy {min(made.may_buy, len(made.offers))} numbers?", yes=yes)
            self._buy(made)

    def _show(self, made: Plan) -> None:
        goal, place = made.goal, " ".join(filter(None, [made.goal.country, made.goal.area]))
        self.tell(made.resolved)
        self.stdout.write(f"The pool {goal.pool.name} has {made.there} of {goal.total} numbers of {place}.")
        self.stdout.write(f"The account {goal.account.slug} holds {made.held} of at most {made.limit}.")
        if made.doubts:
            self.stdout.write(self.style.WARNING(f"{made.doubts}: correct its credentials before you buy."))
        if made.strangers:
            words = f"`manage.py sync_numbers {goal.account.slug} --pool {goal.pool.name}` takes them in for nothing"
            self.stdout.write(f"Numbers that it has and that are not used here: {made.strangers}; {words}.")
        offers = made.shown
        if offers:
            rows = [(mask(one.e164), str(one.price or "not told"), one.currency) for one in offers]
            self.stdout.write(format_pretty_table(rows, ["to buy", "a month", "currency"]))
            if total := monthly(offers):
                self.stdout.write(f"In all {total} a month.")

    def _buy(self, made: Plan) -> None:
        with spinning("Buying", on=self.stdout.isatty()) as tick:
            bought = buy(made, by=operator_name(), calls=Calls(tick), patience=_PATIENCE)
        self.tell(bought.done, bought.failed)
        if bought.open:
            self.stdout.write(
                "What is not certain yet counts as bought. Repeat this in ten minutes, or look at the orders."
            )
        if bought.missing:
            raise CommandError(f"Bought: {len(bought.numbers)}. Still missing: {bought.missing}. Repeat it to go on.")
        if bought.failed:
            raise CommandError(f"Bought: {len(bought.numbers)}. Not all went well: the reasons stand above.")
        self.stdout.write(self.style.SUCCESS(f"Bought: {len(bought.numbers)}."))


def _check(made: Plan) -> None:
    """Raises CommandError when something is missing and nothing may or can be bought."""
    if made.may_buy == 0:
        raise CommandError(
            "The account may hold no more numbers: raise its number limit in the admin, or release some."
        )
    if not made.offers:
        raise CommandError("Nothing is on offer there: leave out --area, or try another one.")
