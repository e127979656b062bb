"""What the commands have in common that decide about texts: which ones, a table of them, a question, batches."""

import getpass
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from humanfriendly.tables import format_pretty_table

from notifier.commands import TeachingCommand, named, spinning
from notifier.durations import InvalidDuration, parse_duration
from notifier.sql import database_now
from smsbridge.models import VendorAccount
from smsbridge.phones import mask

_BATCH = 200
_SHOWN = 50


class DecidingCommand(TeachingCommand):
    """Chooses rows by id, or by state and more; shows them; asks; then decides in batches, each of which is kept."""

    states: ClassVar[Sequence[str]]
    #: what is asked, and what is said when it is done
    question: ClassVar[str]
    done: ClassVar[str]
    #: the moment since when a row without `settled_at` counts
    made_at: ClassVar[str]

    def rows(self) -> QuerySet[Any]:
        raise NotImplementedError

    def chosen_ids(self, given: Sequence[str]) -> list[Any]:
        """The ids as primary keys. Raises ValueError for one that is none."""
        raise NotImplementedError

    def outlook(self, row: Any) -> str:
        """What will become of the row, in words."""
        raise NotImplementedError

    def decide(self, ids: list[Any], options: dict[str, Any]) -> list[Any]:
        raise NotImplementedError

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", metavar="id", help="only these, as the admin and --dry-run show them")
        parser.add_argument("--state", action="append", choices=list(self.states), help="all in this state; repeatable")
        parser.add_argument("--account", metavar="SLUG", help="only those of this vendor account")
        parser.add_argument("--older-than", metavar="DURATION", help='only those so for longer, such as "2 hours"')
        parser.add_argument("--dry-run", action="store_true", help="only show what would happen to which")
        parser.add_argument("--yes", action="store_true", help="do not ask; needed where nobody can be asked")
        parser.add_argument("--by", metavar="NAME", default="", help="who decides; the name you are logged in by")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = list(self.chosen(options))
        if not rows:
            self.stdout.write(self.style.SUCCESS("There are none."))
            return
        self._show(rows)
        if options["dry_run"]:
            return
        self._ask(len(rows), options["yes"])
        options["by"] = options["by"] or _operator()
        self._decide_all([row.pk for row in rows], options)

    def chosen(self, options: dict[str, Any]) -> QuerySet[Any]:
        """The rows that are meant. Raises CommandError when that is not said, or cannot be understood."""
        if not options["ids"] and not options["state"]:
            raise CommandError(f"Say which: ids, or --state {' or --state '.join(self.states)}.")
        rows = self.rows().filter(state__in=options["state"] or self.states)
        if options["ids"]:
            rows = rows.filter(pk__in=self._ids(options["ids"]))
        if options["account"]:
            rows = rows.filter(account_id=_account(options["account"]))
        if options["older_than"]:
            rows = rows.filter(since__lt=_ago(options["older_than"]))
        return rows.order_by("pk")

    def since(self) -> Coalesce:
        """For `rows` to annotate: since when a row is in its state."""
        return Coalesce("settled_at", self.made_at)

    def _ids(self, given: Sequence[str]) -> list[Any]:
        try:
            return self.chosen_ids(given)
        except ValueError as error:
            raise CommandError("An id is not of the form that the admin and --dry-run show.") from error

    def _show(self, rows: Sequence[Any]) -> None:
        shown = [
            (str(row.pk), row.get_state_display(), _minute(row.since), mask(row.phone), self.outlook(row), row.reason)
            for row in rows[:_SHOWN]
        ]
        self.stdout.write(format_pretty_table(shown, ["id", "state", "since", "phone", "will be", "reason"]))
        if len(rows) > _SHOWN:
            self.stdout.write(f"... and {len(rows) - _SHOWN} more.")

    def _ask(self, count: int, yes: bool) -> None:
        if yes:
            return
        if not sys.stdin.isatty():
            raise CommandError("Nobody can be asked here: repeat it with --yes, or with --dry-run to only look.")
        if input(f"{self.question} {count} in all. [y/N] ").strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was done.")

    def _decide_all(self, ids: list[Any], options: dict[str, Any]) -> None:
        count = 0
        with spinning(self.done, on=self.stdout.isatty()) as tick:
            for batch in _batches(ids):
                count += len(self.decide(batch, options))
                tick()
        left = f" Left alone: {len(ids) - count}." if count < len(ids) else ""
        self.stdout.write(self.style.SUCCESS(f"{self.done}: {count}.{left}"))


def _batches(ids: list[Any]) -> Iterable[list[Any]]:
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))


def _account(slug: str) -> int:
    return named("vendor account", [slug], dict(VendorAccount.objects.order_by("slug").values_list("slug", "pk")))[0]


def _ago(text: str) -> datetime:
    try:
        duration: timedelta = parse_duration(text)
    except InvalidDuration as error:
        raise CommandError(str(error)) from error
    return database_now() - duration


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def _operator() -> str:
    """The name that the history shows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return "somebody at the command line"
