"""Bring our numbers in step with the account at the vendor."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifier.commands import spinning
from smsbridge.management.vendor_numbers import NumbersCommand, account_named, pool_named
from smsbridge.models import Pool, VendorAccount
from smsbridge.services.number_sync import Synced, sync
from smsbridge.services.vendor_calls import Calls

HELP = """\
Compare the account's numbers at the vendor with ours, and mend the difference.

Orders of which nobody knows what became of them are settled by the vendor's list. A number of ours that the vendor does
not list any more is put to rest after a question: no new conversation gets it. The texts to those in use come here.
Numbers that the vendor lists and that are not known here are taken into --pool, at no cost; without --pool they are
left alone.

Safe to repeat. If the vendor lists not a single number while some are in use here, nothing is changed. If it lists
fewer than half of those in use, this may be the wrong account: it asks, and only --yes goes on where
nobody can be asked.

Examples:
  manage.py sync_numbers twilio --dry-run
  manage.py sync_numbers twilio --pool main
"""


class Command(NumbersCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--pool", metavar="NAME", help="which pool takes the numbers that are not known here")
        self.add_decision(parser)

    def handle(self, *args: Any, account: str, dry_run: bool, yes: bool, **options: Any) -> None:
        pool = pool_named(options["pool"]) if options["pool"] else None
        of = account_named(account)
        told = self._sync(of, pool, dry_run=True)
        sure = bool(told.missing or told.doubts) and not dry_run
        if sure:
            self.tell([*told.done, *told.failed])
            self.ask(_question(told), yes=yes)
        if not dry_run:
            told = self._sync(of, pool, dry_run=False, sure=sure)
        self.tell(told.done, told.failed)
        if told.failed:
            raise CommandError("Not all is in step: what is left to do stands above.")
        self.stdout.write(self.style.SUCCESS("The numbers are in step."))

    def _sync(self, account: VendorAccount, pool: Pool | None, *, dry_run: bool, sure: bool = False) -> Synced:
        with spinning("Asking the vendor", on=self.stdout.isatty()) as tick:
            return sync(account, pool=pool, dry_run=dry_run, calls=Calls(tick), sure=sure)


def _question(told: Synced) -> str:
    doubt = f"{told.doubts}. " if told.doubts else ""
    return f"{doubt}Go on, and put {len(told.missing)} numbers to rest?"
