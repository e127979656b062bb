"""Remember that somebody must not be texted."""

from getpass import getuser
from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifier.commands import TeachingCommand
from smsbridge.phones import to_e164
from smsbridge.services import consent
from smsbridge.services.consent import Wish

HELP = """\
Do not text these phones any more, from any number or vendor.

For people who said so by letter, by mouth, or in a text that is no keyword. What was composed for them and has not
left is withdrawn. They are not told. `opt_in`, or a START by the person, undoes it. Safe to repeat.

Examples:
  manage.py opt_out +12025550100 --note "asked Kim at the counter"
  manage.py opt_outs --import list.csv    many phones, from another system
"""


class Command(TeachingCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phones", nargs="+", metavar="phone", help="with its country code")
        parser.add_argument("--note", default="", help="how the person said so; kept with your login name")

    def handle(self, *args: Any, phones: list[str], note: str, **options: Any) -> None:
        wishes = [Wish(phone, consent.OPERATOR, by_operator(note)) for phone in whole(phones)]
        added = len(consent.opt_out(wishes))
        self.stdout.write(self.style.SUCCESS(f"Opted out: {added}. Had opted out before: {len(wishes) - added}."))


def by_operator(note: str) -> str:
    return f"{getuser()}: {note}" if note else getuser()


def whole(written: list[str]) -> list[str]:
    """The phones in E.164, each once. Raises CommandError, by place, for what is none."""
    phones = [to_e164(one) for one in written]
    wrong = [str(place) for place, phone in enumerate(phones, 1) if phone is None]
    if wrong:
        told = f"No phone, or without its country code: number {', '.join(wrong)} of those given."
        raise CommandError(f"{told} Nothing was changed. Write it like +12025550100.")
    return list(dict.fromkeys(phone for phone in phones if phone))
