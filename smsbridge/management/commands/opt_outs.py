"""List the phones that must not be texted, write them out, or take in a list."""

import csv
from getpass import getuser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.timezone import localtime
from humanfriendly.tables import format_pretty_table

from notifier.commands import TeachingCommand, spinning
from smsbridge.models import OptOut
from smsbridge.phones import mask
from smsbridge.services.consent_lists import COLUMNS, Taken, opt_outs, take_in

HELP = """\
List the phones that must not be texted: the last ones with phones masked, or all of them whole as CSV.

--import adds the opt-outs of another system: a list of phones, one per line, or CSV with a heading that names `phone`,
and perhaps `since` (such as 2026-03-01) and `note`. It reads what --csv writes. Phones have their country code. Lines
without a phone are told, and the others taken. Safe to repeat: who has opted out already stays as he is.

Examples:
  manage.py opt_outs                     how many there are, and the last ones
  manage.py opt_outs --csv > list.csv    all of them
  manage.py opt_outs --import list.csv   add those of a list
"""
_SHOWN = 20


class Command(TeachingCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--csv", action="store_true", help="write all of them, whole, to the standard output")
        way.add_argument("--import", dest="file", type=Path, metavar="FILE", help="add the opt-outs of a list")

    def handle(self, *args: Any, file: Path | None, **options: Any) -> None:
        if file is not None:
            self._take_in(file)
        elif options["csv"]:
            rows = csv.writer(self.stdout, lineterminator="\n")
            rows.writerow(COLUMNS)
            rows.writerows(opt_outs())
        else:
            self._show()

    def _show(self) -> None:
        last = OptOut.objects.order_by("-pk")[:_SHOWN]
        rows = [(mask(one.phone), f"{localtime(one.since):%Y-%m-%d %H:%M}", one.source, one.note) for one in last]
        self.stdout.write(f"Opted out: {OptOut.objects.count()}.")
        if rows:
            self.stdout.write(format_pretty_table(rows, column_names=["phone", "since", "source", "note"]))

    def _take_in(self, file: Path) -> None:
        taken = Taken()
        try:
            with (
                file.open(encoding="utf-8-sig", newline="") as lines,
                spinning(f"Reading {file.name}", on=self.stdout.isatty()) as turn,
            ):
                for _ in take_in(lines, f"{getuser()}, {file.name}", taken):
                    turn()
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            done = f"{taken.added} were added before. " if taken.added else ""
            raise CommandError(
                f"{file} cannot be read ({type(error).__name__}). {done}Correct it, and repeat."
            ) from error
        for sentence in taken.wrong:
            self.stderr.write(sentence)
        told = f"Added: {taken.added}. Had opted out before: {taken.known}. Without a phone: {len(taken.wrong)}."
        if taken.wrong:
            raise CommandError(f"{told} Correct those lines, and repeat.")
        self.stdout.write(self.style.SUCCESS(told))
