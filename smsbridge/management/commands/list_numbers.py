"""Our numbers and those at the vendors, side by side."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Count, Q
from django.db.models.functions import Now
from humanfriendly.tables import format_pretty_table

from notifier.commands import TeachingCommand, spinning
from smsbridge.management.vendor_numbers import account_named
from smsbridge.models import Number, VendorAccount
from smsbridge.phones import mask
from smsbridge.services.accounts import callback_url
from smsbridge.services.number_stock import read_stock
from smsbridge.services.vendor_calls import Calls, usable_vendor
from smsbridge.vendors.abilities import NumberList, NumberSettings
from smsbridge.vendors.base import OwnedNumber, Vendor, VendorError

HELP = """\
List our numbers and those that the vendors say we own: in which pool they are, whether they take new conversations, for
how many conversations each stands now, and where the texts to it go. Nothing is changed.

Examples:
  manage.py list_numbers                   every account; numbers are masked
  manage.py list_numbers twilio --whole    only this one, with whole numbers, as release_numbers wants them
"""
_HEADINGS = ["number", "pool", "state", "conversations", "at the vendor", "its texts go"]


class Command(TeachingCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", nargs="?", help="slug of a vendor account; all when not given")
        parser.add_argument("--whole", action="store_true", help="show whole numbers")

    def handle(self, *args: Any, account: str | None, whole: bool, **options: Any) -> None:
        accounts = [account_named(account)] if account else list(VendorAccount.objects.order_by("slug"))
        failed = [one.slug for one in accounts if not self._list(one, whole)]
        if failed:
            raise CommandError(f"The numbers of {', '.join(failed)} could not be asked for: the reasons stand above.")

    def _list(self, account: VendorAccount, whole: bool) -> bool:
        """Whether the vendor could be asked."""
        owned: dict[str, OwnedNumber] | None = None
        vendor, problem = None, ""
        try:
            vendor = usable_vendor(account)
            with spinning(f"Asking {vendor.title}", on=self.stdout.isatty()) as tick:
                owned = dict(read_stock(vendor, Calls(tick)).numbers) if isinstance(vendor, NumberList) else None
        except VendorError as error:
            problem = str(error)
        rows = [[text if whole else mask(text), *rest] for text, *rest in _rows(account, vendor, owned)]
        self.stdout.write(f"{account.slug} ({account.vendor}): {len(rows)} of at most {account.number_limit}")
        if rows:
            self.stdout.write(format_pretty_table(rows, _HEADINGS))
        if problem:
            self.stderr.write(f"{account.slug}: {problem}")
        return not problem


def _rows(account: VendorAccount, vendor: Vendor | None, owned: dict[str, OwnedNumber] | None) -> list[list[str]]:
    alive = Count("leases", filter=Q(leases__expires_at__gt=Now(), leases__left_at=None))
    ours = Number.objects.filter(account=account, released_at=None).select_related("pool").annotate(alive=alive)
    rows = {one.e164: [str(one.pool or "none"), "active" if one.active else "at rest", str(one.alive)] for one in ours}
    for e164 in owned or {}:
        rows.setdefault(e164, ["none", "not known here", "0"])
    target = _target(account, vendor)
    return [[e164, *rows[e164], *_theirs(e164, owned, target)] for e164 in sorted(rows)]


def _target(account: VendorAccount, vendor: Vendor | None) -> str:
    """What an inbound URL reads when texts come here; "" where the vendor does not tell."""
    if not isinstance(vendor, NumberSettings):
        return ""
    return vendor.inbound_target(callback_url(account.slug, vendor, "inbound"))


def _theirs(e164: str, owned: dict[str, OwnedNumber] | None, target: str) -> list[str]:
    if owned is None:
        return ["not told", "not told"]
    if e164 not in owned:
        return ["no", "nowhere"]
    url = owned[e164].inbound_url
    return ["yes", "not told" if not target else "here" if url == target else "elsewhere" if url else "nowhere"]
