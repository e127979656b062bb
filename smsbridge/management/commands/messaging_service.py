"""The messaging service of an account at its vendor."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from humanfriendly.tables import format_pretty_table

from notifier.commands import spinning
from smsbridge.management.vendor_numbers import NumbersCommand, account_named, e164_of
from smsbridge.models import VendorAccount
from smsbridge.phones import mask
from smsbridge.services import messaging_services as services
from smsbridge.services.numbers import Told
from smsbridge.services.vendor_calls import Calls

HELP = """\
Keep the messaging service of an account, a group of numbers at the vendor. Some countries' rules want one, such as
registered campaigns in the US. Texts are still sent from a number of the pool, which stands for its conversation.

  list      the services at the vendor, and the numbers in the account's own
  create    make one, and keep it as the account's own; one of the same --name with our URLs is taken instead
  add       put all numbers of the account into it
  remove    take --numbers out of it
  clear     take all numbers out of it
  delete    delete it; the account keeps its numbers

Safe to repeat. --dry-run tells what there is, and changes nothing.

Examples:
  manage.py messaging_service twilio create --name "Order updates"
  manage.py messaging_service twilio add
"""
_ACTIONS = ("list", "create", "add", "remove", "clear", "delete")


class Command(NumbersCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("action", choices=_ACTIONS, help="what to do with it")
        parser.add_argument("--name", default="SMS Bridge", help='of a new service ("SMS Bridge")')
        parser.add_argument("--numbers", nargs="+", metavar="NUMBER", help="which to remove, with their country code")
        self.add_decision(parser)

    def handle(self, *args: Any, account: str, action: str, dry_run: bool, yes: bool, **options: Any) -> None:
        of = account_named(account)
        if action == "remove" and not options["numbers"]:
            raise CommandError("Say which numbers to remove: --numbers +12025550100; `clear` removes all.")
        looks = action == "list" or dry_run
        if action in ("clear", "delete") and not looks:
            self.ask(f"Really {action} the messaging service of {of.slug}?", yes=yes)
        with spinning("Asking the vendor", on=self.stdout.isatty()) as tick:
            told = self._list(of, Calls(tick)) if looks else _act(of, action, options, Calls(tick))
        self.tell(told.done, told.failed)
        if told.failed:
            raise CommandError("Not all went well: the reasons stand above. Repeat it to go on.")

    def _list(self, account: VendorAccount, calls: Calls) -> Told:
        own = services.own_service(account)
        rows = [(one.name, one.id, "its own" if one.id == own else "") for one in services.services(account, calls)]
        if not own:
            told = Told(done=["The account has no messaging service of its own."])
        else:
            inside = services.numbers_in(account, calls)
            told = Told(done=[f"Numbers in it: {', '.join(mask(one.e164) for one in inside) or 'none'}."])
        if rows:
            told.done.insert(0, format_pretty_table(rows, ["name", "id", "the account's"]))
        return told


def _act(account: VendorAccount, action: str, options: dict[str, Any], calls: Calls) -> Told:
    if action == "create":
        made = services.create(account, options["name"], calls)
        return Told(done=[f"The account's messaging service is {made.name} ({made.id})."])
    if action == "add":
        return services.add_numbers(account, calls)
    if action == "delete":
        services.delete(account, calls)
        return Told(done=["The messaging service was deleted; its numbers stay with the account."])
    e164s = [e164_of(one) for one in options["numbers"]] if action == "remove" else None
    return services.remove_numbers(account, e164s, calls)
