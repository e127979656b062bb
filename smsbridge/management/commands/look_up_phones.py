"""Find out what kind phones are before anybody is texted."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifier.commands import TeachingCommand, spinning
from smsbridge.phones import to_e164
from smsbridge.services.phone_lists import contact_phones, look_up, outlook, statuses

HELP = """\
Find out which phones can be texted: of the phones that you name, or of all contacts.

What is known already is not asked again until LOOKUP_CACHE is over. Free ways come first: the numbering plan, then
vendor accounts with "looks up" whose vendor tells for nothing. With --paid also those whose vendor charges for it, up
to each account's limit of the day; what is beyond it is looked up by the workers on the next days.

Nothing of this is needed: a phone that is texted is looked up by itself, if an account of its pool looks up.

Examples:
  manage.py look_up_phones --all-contacts --dry-run   tell how many are known, and how many would be asked of whom
  manage.py look_up_phones --all-contacts             only what is free
  manage.py look_up_phones +12025550100 --paid        this one, though it may cost
"""


class Command(TeachingCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phones", nargs="*", metavar="phone", help="with its country code, such as +12025550100")
        parser.add_argument("--all-contacts", action="store_true", help="the phones of all contacts")
        parser.add_argument("--paid", action="store_true", help="also ask vendors that charge for it")
        parser.add_argument("--dry-run", action="store_true", help="only tell what would be asked of whom")

    def handle(self, *args: Any, phones: list[str], all_contacts: bool, **options: Any) -> None:
        if bool(phones) is all_contacts:
            raise CommandError("Name phones, or say --all-contacts.")
        chosen = contact_phones() if all_contacts else _read(phones)
        found = outlook(chosen, paid=options["paid"])
        for sentence in found.sentences():
            self.stdout.write(sentence)
        if options["dry_run"]:
            return
        with spinning("Looking up", on=self.stdout.isatty()) as tick:
            look_up(found, tick=tick)
        for word, count in statuses(chosen).items():
            self.stdout.write(f"{word}: {count}")


def _read(written: list[str]) -> list[str]:
    """Raises CommandError for what is no phone; it is named by its place, as what is typed may get into logs."""
    phones = [to_e164(one) for one in written]
    wrong = [str(place) for place, phone in enumerate(phones, 1) if phone is None]
    if wrong:
        raise CommandError(
            f"No valid phone: number {', '.join(wrong)}. Write it with its country code, such as +12025550100."
        )
    return [phone for phone in phones if phone]
