"""Look once more at messages whose check was given up."""

from typing import Any

from django.core.management.base import CommandParser

from notifier.commands import TeachingCommand, named
from notifier.models import Hook
from notifier.services.rechecking import check_again, given_up

HELP = """\
Try the checks again that were given up, after you have corrected what made them fail.

A check looks who has not read a message when the hook's delay is over, and hands them on to be texted. One that fails
eight times, because of a hook that is misconfigured or of code that raised an error, is given up: nobody is texted for
that message, and `manage.py doctor` counts it. This command makes these checks due now. Who has read the message
meanwhile is not texted; the others are, however old the message is, so look at the reasons and counts first.

Checks of a hook that is disabled wait until it is enabled. Safe to repeat.

Examples:
  manage.py retry_checks --dry-run    tell how many were given up, and why
  manage.py retry_checks              try them all again
  manage.py retry_checks layer        only those of this hook
"""


class Command(TeachingCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("hooks", nargs="*", metavar="hook", help="slug of a hook; all hooks when none")
        parser.add_argument("--dry-run", action="store_true", help="only tell how many were given up, and why")

    def handle(self, *args: Any, hooks: list[str], dry_run: bool, **options: Any) -> None:
        chosen = _chosen(hooks)
        reasons = given_up(chosen)
        for slug, why, count in reasons:
            self.stdout.write(f"{slug}: {count} given up: {why}")
        if not reasons:
            self.stdout.write(self.style.SUCCESS("No check was given up."))
        elif not dry_run:
            self.stdout.write(self.style.SUCCESS(f"Tried again: {check_again(chosen)}."))


def _chosen(slugs: list[str]) -> list[int]:
    """Primary keys of the named hooks, else of all. Raises CommandError for a name that is none."""
    known = dict(Hook.objects.order_by("slug").values_list("slug", "pk"))
    return named("hook", slugs, known) or list(known.values())
