"""Tell by the exit status whether this machine's worker is alive, for the probes of containers and systemd."""

from typing import Any

from celery.utils.nodenames import gethostname
from django.core.management.base import CommandError, CommandParser
from django.db import OperationalError

from notifier.commands import TeachingCommand
from notifier.durations import InvalidDuration, positive_duration
from notifier.services.heartbeats import State, Worker, workers
from notifier.services.readiness import ask_broker

HELP = """\
Tell whether the worker of this machine is alive: exit status 0 when it is, 1 when it is not.

A worker writes down every few seconds that its clock runs, and when it last took something from the broker. It is not
alive when its last sign is older than --within, or when it hears nothing although the broker answers.
While the database or the broker is away, nothing can be told, or nothing is the worker's fault: the exit status is 0,
since a restart would not help.

Without --worker any worker of this machine will do. Where several run on one machine, give each a name
(celery -A config worker -n one@%h) and ask for each.

Examples:
  manage.py worker_alive                        within WORKER_SILENT_SECONDS (60)
  manage.py worker_alive --within "2 minutes"
  manage.py worker_alive --worker one@host
"""


class Command(TeachingCommand):
    help = HELP
    requires_system_checks = []  # it runs every few seconds

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--within", metavar="DURATION", help='such as "60 s"; default: WORKER_SILENT_SECONDS')
        parser.add_argument("--worker", metavar="NAME", help="a worker's whole name, such as celery@host")

    def handle(self, *args: Any, within: str | None, worker: str | None, **options: Any) -> None:
        fresh = _seconds(within)
        try:
            found = [one for one in workers() if _is_meant(one, worker)]
        except OperationalError as error:
            self.stdout.write(f"The database does not answer ({type(error).__name__}), so nothing can be told.")
            return
        states = {one.state(fresh) for one in found}
        if State.WORKING in states:
            self.stdout.write("Alive.")
        elif State.DEAF not in states:
            raise CommandError(f"{worker or 'This machine'} gives no sign of a worker's life. Start it again.")
        elif ask_broker().ok:
            raise CommandError("The worker runs, but takes nothing from the broker, which answers. Start it again.")
        else:
            self.stdout.write("The worker runs. It hears nothing, as the broker does not answer.")


def _is_meant(one: Worker, name: str | None) -> bool:
    return one.name == name if name else one.name.rpartition("@")[2] == gethostname()


def _seconds(within: str | None) -> float | None:
    if within is None:
        return None
    try:
        return positive_duration(within).total_seconds()
    except InvalidDuration as error:
        raise CommandError(f"--within cannot be used: {error}") from error
