"""Write the environment's configuration into the database."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser
from humanfriendly.tables import format_pretty_table

from notifier.commands import TeachingCommand
from notifier.models import ChatApp
from notifier.platforms.base import Can
from notifier.services.hooks import platform_of
from smsbridge.models import VendorAccount
from smsbridge.services.accounts import shown_url, vendor_of
from smsbridge.services.roles import make_roles
from smsbridge.services.setting_up import Change, Refused, set_up

HELP = """\
Create or update the default chat app, hook, vendor account, pool, numbers and bridge from the environment, and the
admin's roles Operators and Administrators. PRIVMX_NOTIFY_PHONES and PRIVMX_CONTEXTS make a rule named setup: whom is
told of what.

The rows in the database are the configuration; the environment fills them. They are named after CHAT_PLATFORM and
SMS_VENDOR, so that the URLs are /webhooks/chat/layer/, /webhooks/sms/vonage/inbound/ and so on.

It may be repeated at any time, and prints what changed. A variable that is not set counts only when a row is created:
later it leaves the row, and what you changed in the admin, alone. A number that is no longer in SMS_NUMBERS becomes
inactive; nothing is deleted. Without a webhook secret (such as LAYER_WEBHOOK_SECRET) the hook gets a random one.
SMS_INTRODUCTION is a template, or the dotted path of a function when it is one word with dots in it.

Everything is checked before anything is written; what cannot be used is told with the variable to correct.
Nothing is called: afterwards, with the web process running, come register_webhooks, register_numbers and doctor.

Example:
  manage.py setup --dry-run    only check, and tell what would be changed
"""


class Command(TeachingCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only check, and tell what would be changed")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        try:
            changes = set_up(dry_run=dry_run)
            changes += [Change(what, how) for what, how in make_roles(dry_run=dry_run).items()]
        except Refused as refused:
            raise CommandError(f"Nothing was written. Correct the environment:\n{refused}") from None
        except ImproperlyConfigured as error:
            raise CommandError(f"Nothing was written. {error}") from None
        self._show(changes)
        if dry_run:
            self.stdout.write("This was a dry run: nothing was written.")
            return
        self.stdout.write(_events_in_words())
        account = VendorAccount.objects.get(slug=settings.SMS_VENDOR)
        self.stdout.write(f"texts at {shown_url(account.slug, vendor_of(account), 'inbound')}.")

    def _show(self, changes: list[Change]) -> None:
        if self.stdout.isatty():
            self.stdout.write(format_pretty_table([(change.what, change.how) for change in changes]))
            return
        for change in changes:
            self.stdout.write(f"{change.what}: {change.how}")


def _events_in_words() -> str:
    if Can.WEBHOOKS in platform_of(ChatApp.objects.get(slug=settings.CHAT_PLATFORM)).can:
        return f"Events are taken at {settings.PUBLIC_URL}/webhooks/chat/{settings.CHAT_PLATFORM}/,"
    return "Events come over a connection: run `manage.py listen`, a process of its own;"
