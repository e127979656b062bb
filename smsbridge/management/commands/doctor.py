"""Say what is not configured or not reachable, each with its remedy."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifier.commands import TeachingCommand, spinning
from notifier.services.findings import Finding, Level
from smsbridge.services.checkup import checkup

HELP = """\
Look at everything that this program needs, and say what is wrong, each with its remedy.

Settings, database and migrations, broker and workers, PUBLIC_URL, chat apps and their webhooks, vendor accounts and
their numbers, bridges, and what waits for a decision or is overdue. Nothing is changed.

wrong: something does not work. note: worth knowing, perhaps wanted so. good: as it should be.
The exit status is 1 when something is wrong, and 0 when there are only notes.

Examples:
  manage.py doctor              everything; calls the broker, the chat platforms and the SMS vendors
  manage.py doctor --offline    calls nobody but the database
"""


class Command(TeachingCommand):
    help = HELP
    requires_system_checks = []  # they are part of what it tells

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--offline", action="store_true", help="call nobody but the database")

    def handle(self, *args: Any, offline: bool, **options: Any) -> None:
        findings: list[Finding] = []
        with spinning("Looking", on=self.stdout.isatty()) as tick:
            for finding in checkup(offline=offline):
                tick()
                findings.append(finding)
        self._show(findings)
        if count := sum(finding.level is Level.WRONG for finding in findings):
            raise CommandError(f"{count} {'things are' if count > 1 else 'thing is'} wrong.")
        self.stdout.write(self.style.SUCCESS("Nothing is wrong."))

    def _show(self, findings: list[Finding]) -> None:
        styles = {Level.WRONG: self.style.ERROR, Level.NOTE: self.style.WARNING, Level.GOOD: self.style.SUCCESS}
        for finding in findings:
            self.stdout.write(f"{styles[finding.level](f'{finding.level:5}')}  {finding.what}")
            if finding.remedy:
                self.stdout.write(f"       {finding.remedy}")
