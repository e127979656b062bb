"""Take in contacts from a CSV file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifier.commands import TeachingCommand
from notifier.models import ChatApp
from smsbridge.services import contact_import
from smsbridge.services.contact_import import FileError, Preview

HELP = """\
Take in contacts from a CSV file: whom to text, and by what phone.

The first line names the columns: user_id, and any of name, phone (with its country code) and time_zone (IANA); every
other column is a custom field, which templates may use. A column that is not there changes nothing, an empty cell
empties the field. With one wrong line nothing is written. Who is not in the file stays as he is. Safe to repeat.

What was imported stays: the platform is not asked about these people any more.

Examples:
  manage.py import_contacts people.csv --dry-run          what would change
  manage.py import_contacts people.csv                    with one chat app, its own
  manage.py import_contacts people.csv --chat-app privmx
"""


class Command(TeachingCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="CSV in UTF-8, with commas or semicolons")
        parser.add_argument("--chat-app", default="", help="its slug; needed when there are several")
        parser.add_argument("--dry-run", action="store_true", help="only tell what would change")

    def handle(self, *args: Any, file: Path, chat_app: str, dry_run: bool, **options: Any) -> None:
        found = _look(_app(chat_app), file, contact_import.preview if dry_run else contact_import.take_in)
        for sentence in found.wrong:
            self.stderr.write(sentence)
        if found.wrong:
            raise CommandError(f"Nothing was written: {len(found.wrong)} lines are wrong. Correct them, and repeat.")
        told = f"New: {found.new}. Changed: {found.changed}. Unchanged: {found.unchanged}."
        self.stdout.write(self.style.SUCCESS(f"Nothing was written. {told}" if dry_run else told))


def _app(slug: str) -> ChatApp:
    """Raises CommandError unless it is clear which one is meant."""
    apps = {app.slug: app for app in ChatApp.objects.order_by("slug")}
    if slug in apps:
        return apps[slug]
    if not slug and len(apps) == 1:
        return next(iter(apps.values()))
    known = ", ".join(apps) or "none: make one with `manage.py setup`"
    raise CommandError(f"{f'There is no chat app {slug}' if slug else 'Say --chat-app'}; there are: {known}.")


def _look(app: ChatApp, file: Path, into: Callable[[ChatApp, str], Preview]) -> Preview:
    """Raises CommandError for a file that cannot be read."""
    try:
        return into(app, contact_import.text_of(file.read_bytes()))
    except OSError as error:
        raise CommandError(f"{file} cannot be read ({type(error).__name__}).") from None
    except FileError as error:
        raise CommandError(str(error)) from None
