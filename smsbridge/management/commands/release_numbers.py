"""Give numbers back to the vendor."""

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from humanfriendly.tables import format_pretty_table

from notifier.commands import spinning
from notifier.durations import InvalidDuration, parse_duration
from smsbridge.management.vendor_numbers import NumbersCommand, account_named, e164_of, operator_name, pool_named
from smsbridge.models import Number
from smsbridge.phones import mask
from smsbridge.services.number_orders import shop_of
from smsbridge.services.releasing import candidates, condition, release, why_needed
from smsbridge.services.vendor_calls import Calls

HELP = """\
Give numbers back to the vendor, so that they cost no more. What is given back is gone: somebody else may get it.

A number is kept while it stands for a conversation, while texts from it or replies to it are under way, and while it
was in use lately: within --unused-for, or if that is not given within the time for which the bridges of its pool keep
a number with a conversation. It is put to rest first, and looked at again before the vendor is asked.

One that is gone already counts as released. Its row stays, for what it sent. Safe to repeat.

Examples:
  manage.py release_numbers twilio --unused-for "30 days" --dry-run    which could go
  manage.py release_numbers twilio --unused-for "30 days" --most 5     five of them, after a question
  manage.py release_numbers twilio --numbers +12025550100              this one, unless it is needed
"""


class Command(NumbersCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--numbers", nargs="+", metavar="NUMBER", help="only these, with their country code")
        parser.add_argument("--unused-for", metavar="DURATION", help='only those not in use so long, such as "30 days"')
        parser.add_argument("--pool", metavar="NAME", help="only those of this pool")
        parser.add_argument("--most", type=int, default=10, metavar="N", help="release at most so many now (10)")
        self.add_decision(parser)

    def handle(self, *args: Any, account: str, dry_run: bool, yes: bool, most: int, **options: Any) -> None:
        unused_for = _duration(options["unused_for"])
        if options["numbers"] is None and unused_for is None:
            raise CommandError('Say which: --numbers, or --unused-for such as "30 days".')
        if most < 1:
            raise CommandError("Say how many may be released at most: 1 or more.")
        of = account_named(account)
        shop_of(of)
        e164s = None if options["numbers"] is None else [e164_of(one) for one in options["numbers"]]
        pool = pool_named(options["pool"]).pk if options["pool"] else None
        chosen = candidates(of, e164s=e164s, pool=pool)
        unknown = len(set(e164s or ()) - {one.e164 for one in chosen})
        if unknown:
            raise CommandError(
                f"Not among the numbers of {of.slug} that are not released yet: {unknown} of those given."
            )
        free = self._show(chosen, unused_for, told_all=e164s is not None)[:most]
        if not free:
            self.stdout.write(self.style.SUCCESS("None is to be released."))
            return
        if not dry_run:
            self.ask(f"Give {len(free)} numbers back to the vendor?", yes=yes)
            with spinning("Releasing", on=self.stdout.isatty()) as tick:
                released = release(of, free, unused_for=unused_for, by=operator_name(), calls=Calls(tick))
            self.tell([*released.done, *released.left], released.failed)
            if released.failed:
                raise CommandError("Not all went well: the reasons stand above. Repeat it to go on.")
            self.stdout.write(self.style.SUCCESS("Done."))

    def _show(self, chosen: list[Number], unused_for: timedelta | None, *, told_all: bool) -> list[Number]:
        """The plan; those that may go."""
        needed = why_needed(chosen, unused_for)
        free = [one for one in chosen if one.pk not in needed]
        self.stdout.write(f"Numbers {condition(unused_for)}, and needed for nothing: {len(free)} of {len(chosen)}.")
        shown = chosen if told_all else free
        if shown:
            rows = [(mask(one.e164), _pool(one), needed.get(one.pk, "to be released")) for one in shown]
            self.stdout.write(format_pretty_table(rows, ["number", "pool", "why not"]))
        return free


def _pool(number: Number) -> str:
    return str(number.pool) if number.pool else "none"


def _duration(text: str | None) -> timedelta | None:
    try:
        return None if text is None else parse_duration(text)
    except InvalidDuration as error:
        raise CommandError(str(error)) from error
