"""What the commands `pause` and `resume` share."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifier.commands import TeachingCommand
from smsbridge.services.pausing import chosen, set_paused, standing


class PausingCommand(TeachingCommand):
    """Sets the switch of some bridges or all to `paused`, and says what waits at each."""

    paused: bool

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("bridge", nargs="*", help="names of bridges; without any, all of them")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done, and what waits")

    def handle(self, *args: Any, bridge: list[str], dry_run: bool, **options: Any) -> None:
        try:
            bridges = chosen(bridge)
        except LookupError as error:
            raise CommandError(str(error)) from None
        done = "paused" if self.paused else "resumed"
        before = {one.name: one.paused for one in standing(bridges)}
        if not before:
            raise CommandError("There is no bridge: run `manage.py setup`.")
        if not dry_run:
            set_paused(bridges, paused=self.paused)
        for one in standing(bridges):
            if before[one.name] is self.paused:
                words = f"is {done} already" if self.paused else "is not paused"
            else:
                words = f"would be {done}" if dry_run else f"is {done}"
            self.stdout.write(f"{one.name} {words}; {one.notices} notices and {one.texts} texts wait.")
            for holder in one.held_by:
                self.stdout.write(f"  Beside that, {holder} is paused.")
