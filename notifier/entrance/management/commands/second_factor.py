"""Help for the operator whose phone is lost."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser

from notifier.commands import TeachingCommand
from notifier.entrance import codes
from notifier.entrance.record import write_down

HELP = """\
Show, remove or renew the second factor of somebody who uses the admin.

Alone, it tells what there is. With --reset the authenticator app and the backup codes of that user count no longer, his
sessions end, and his next login leads him to set up a new app. With --backup-codes ten new backup codes are printed,
and earlier ones count no longer. Both are written into the admin's log.

First make sure that whoever asks for it is that user: with a reset, his password alone lets somebody in.

Examples:
  manage.py second_factor ann
  manage.py second_factor ann --backup-codes
  manage.py second_factor ann --reset
"""


class Command(TeachingCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--reset", action="store_true", help="remove the authenticator app and the backup codes")
        what.add_argument("--backup-codes", action="store_true", help="print ten new backup codes")

    def handle(self, *args: Any, username: str, reset: bool, backup_codes: bool, **options: Any) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError("There is no such user: the page of users in the admin lists them.")
        if reset:
            self._reset(user)
        elif backup_codes:
            self._renew(user)
        else:
            self._show(user)

    def _reset(self, user: User) -> None:
        if not codes.forget(user):
            raise CommandError("This user has no second factor; there is nothing to remove.")
        write_down(user, user, "Removed by the command second_factor.")
        self.stdout.write("Removed. The next login leads to setting up a new app.")

    def _renew(self, user: User) -> None:
        if codes.authenticator_of(user) is None:
            raise CommandError("This user has no authenticator app yet: his next login leads him to set one up.")
        fresh = codes.new_backup_codes(user)
        write_down(user, user, "New backup codes by the command second_factor.")
        self.stdout.write("\n".join(fresh))

    def _show(self, user: User) -> None:
        present = codes.authenticator_of(user)
        app = "none" if present is None else f"set up {present.created_at:%Y-%m-%d}"
        self.stdout.write(f"Authenticator app: {app}. Backup codes left: {codes.backup_codes_left(user)}.")
