"""Make the SMS vendors bring us what people text back."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifier.commands import TeachingCommand, named, spinning
from smsbridge.models import VendorAccount
from smsbridge.services.numbers import Told, register_numbers

HELP = """\
Point our numbers at the vendor to {PUBLIC_URL}/webhooks/sms/<account>/inbound/, so that replies arrive here.

First the account's numbers are read; only those that are ours (see the numbers in the admin, or SMS_NUMBERS) and point
elsewhere are changed, keeping their other settings. What is left alone is told. Safe to repeat.

Some vendors call the URL before they take it, so the web process must be running and reachable at PUBLIC_URL.
Vendors that set no inbound URLs by API are named, with the URL to enter by hand.

Examples:
  manage.py register_numbers              every account
  manage.py register_numbers vonage       only this one
  manage.py register_numbers --dry-run    only read, and tell what would be changed
"""


class Command(TeachingCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("accounts", nargs="*", metavar="account", help="slug of a vendor account; all when none")
        parser.add_argument("--dry-run", action="store_true", help="only read, and tell what would be changed")

    def handle(self, *args: Any, accounts: list[str], dry_run: bool, **options: Any) -> None:
        failed = [account.slug for account in _chosen(accounts) if not self._register(account, dry_run)]
        if failed:
            raise CommandError(f"Not done for all numbers of {', '.join(failed)}. The reasons stand above.")

    def _register(self, account: VendorAccount, dry_run: bool) -> bool:
        with spinning(f"Looking at the numbers of {account.slug}", on=self.stdout.isatty()) as tick:
            try:
                told = register_numbers(account, dry_run=dry_run, tick=tick)
            except LookupError as error:
                told = Told(failed=[str(error)])
        for sentence in told.done:
            self.stdout.write(f"{account.slug}: {sentence}")
        for sentence in told.failed:
            self.stderr.write(f"{account.slug}: {sentence}")
        return not told.failed


def _chosen(slugs: list[str]) -> list[VendorAccount]:
    """The named accounts, else all. Raises CommandError for a name that is none."""
    known = {account.slug: account for account in VendorAccount.objects.order_by("slug")}
    chosen = named("account", slugs, known)
    if not known:
        raise CommandError("There is no vendor account: make one with `manage.py setup` or in the admin.")
    return chosen or list(known.values())
