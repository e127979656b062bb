"""Forget what is old."""

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifier.commands import TeachingCommand, spinning
from notifier.durations import InvalidDuration, parse_duration
from notifier.services import retention

HELP = """\
Forget what is old: the words of messages and texts after KEEP_TEXTS, whole rows after KEEP_ROWS.

Beat does this every night; here it can be looked at before, done at once, or done with other ages. What is still at
work stays: messages to be told of, texts to be sent, and the texts that tell where a reply belongs. Opt-outs and the
consent ledger stay. Works in batches that hold up nobody. Safe to repeat.

Examples:
  manage.py forget_old --dry-run             tell how much is old enough
  manage.py forget_old                       forget it
  manage.py forget_old --texts "7 days"      as if KEEP_TEXTS were 7 days

Ages are 2 days at least, as what is younger may be at work; 0 forgets none.
"""


class Command(TeachingCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--texts", type=_age, metavar="AGE", help='in place of KEEP_TEXTS, such as "30 days"')
        parser.add_argument("--rows", type=_age, metavar="AGE", help='in place of KEEP_ROWS, such as "180 days"')
        parser.add_argument("--dry-run", action="store_true", help="only tell how much is old enough")

    def handle(
        self, *args: Any, texts: timedelta | None, rows: timedelta | None, dry_run: bool, **options: Any
    ) -> None:
        for option, age in (("--texts", texts), ("--rows", rows)):
            if age and age < retention.SHORTEST:
                raise CommandError(f"{option} must be at least {retention.SHORTEST.days} days, or 0 to forget none.")
        if dry_run:
            self._tell("old enough", retention.would_forget(texts, rows))
            return
        with spinning("Forgetting", on=self.stdout.isatty()) as tick:
            done = retention.forget_old(texts, rows, tick=tick)
        self._tell("forgotten", done)

    def _tell(self, word: str, found: dict[str, int]) -> None:
        for what, count in found.items():
            self.stdout.write(f"{what}: {count} {word}")
        if not found:
            self.stdout.write(self.style.SUCCESS("Nothing is old enough."))


def _age(written: str) -> timedelta:
    """Raises CommandError for what is no duration."""
    try:
        return parse_duration(written)
    except InvalidDuration as error:
        raise CommandError(str(error)) from error
