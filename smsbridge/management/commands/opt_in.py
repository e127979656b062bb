"""Let somebody be texted again."""

from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from notifier.commands import TeachingCommand
from smsbridge.management.commands.opt_out import by_operator, whole
from smsbridge.services import consent
from smsbridge.services.consent import Wish

HELP = """\
Text these phones again that had opted out, whoever said so: the person, a vendor or an operator.

Only with the person's consent: the note says how it was given, and is kept in the consent ledger for good. A block
that a vendor keeps by itself, after a STOP, ends only when the person texts START to that number.

Example:
  manage.py opt_in +12025550100 --note "asked for it by e-mail on 3 May"
"""


class Command(TeachingCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phones", nargs="+", metavar="phone", help="with its country code")
        parser.add_argument("--note", required=True, help="how the person agreed; kept with your login name")

    def handle(self, *args: Any, phones: list[str], note: str, **options: Any) -> None:
        with transaction.atomic():
            changed = [consent.opt_in(Wish(phone, consent.OPERATOR, by_operator(note))) for phone in whole(phones)]
        self.stdout.write(
            self.style.SUCCESS(f"Opted in again: {sum(changed)}. Had not opted out: {len(changed) - sum(changed)}.")
        )
