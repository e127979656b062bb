"""What the management commands of both halves share: help that keeps its lines, and a spinner on a terminal."""

import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter
from django.db import OperationalError, ProgrammingError
from humanfriendly.terminal.spinners import Spinner

T = TypeVar("T")


class _Formatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """A command's own arguments first, and its description as it was written."""


class TeachingCommand(BaseCommand):
    """A command whose `help` is a page of its own, and which ends in a sentence when the database cannot be used."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except (OperationalError, ProgrammingError) as error:
            why = f"The database cannot be used ({type(error).__name__})"
            raise CommandError(f"{why}: look at DATABASE_URL, and run `manage.py migrate`.") from error

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=_Formatter, **kwargs)


def named(what: str, names: Sequence[str], known: Mapping[str, T]) -> list[T]:
    """Those of these names, in their order. Raises CommandError that tells the known ones, for a name that is none."""
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CommandError(f"There is no {what} {', '.join(unknown)}: known are {', '.join(known) or 'none yet'}.")
    return [known[name] for name in names]


@contextmanager
def spinning(label: str, *, on: bool) -> Iterator[Callable[[], object]]:
    """Yields what the work calls again and again to turn the spinner. With `on` False nothing is shown."""
    with Spinner(label=label, stream=sys.stdout, interactive=on) as spinner:
        yield spinner.step
