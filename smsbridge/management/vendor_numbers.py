"""What the commands about numbers at vendors have in common: which account, a question before it costs, the end."""

import getpass
import re
import sys
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifier.commands import TeachingCommand, named
from smsbridge.models import E164, Pool, VendorAccount
from smsbridge.vendors.base import VendorError


class NumbersCommand(TeachingCommand):
    """A command about one vendor account; what the vendor refuses ends it in a sentence."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except VendorError as error:
            words = str(error)
            raise CommandError(words[:1].upper() + words[1:]) from error

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="slug of the vendor account")

    def add_decision(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only look, and print the plan")
        parser.add_argument("--yes", action="store_true", help="do not ask; needed where nobody can be asked")

    def ask(self, question: str, *, yes: bool) -> None:
        """Raises CommandError unless somebody, or --yes, says yes."""
        if yes:
            return
        if not sys.stdin.isatty():
            raise CommandError("Nobody can be asked here: repeat it with --yes, or with --dry-run to only look.")
        if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was done.")

    def tell(self, done: Sequence[str], failed: Sequence[str] = ()) -> None:
        for sentence in done:
            self.stdout.write(sentence)
        for sentence in failed:
            self.stderr.write(sentence)


def account_named(slug: str) -> VendorAccount:
    """Raises CommandError that names the known ones."""
    return named("vendor account", [slug], {one.slug: one for one in VendorAccount.objects.order_by("slug")})[0]


def pool_named(name: str) -> Pool:
    """Raises CommandError that names the known ones."""
    return named("pool", [name], {one.name: one for one in Pool.objects.order_by("name")})[0]


def e164_of(typed: str) -> str:
    """One of our numbers in any spelling with its country code. Raises CommandError."""
    digits = "+" + re.sub(r"[\s().+-]", "", typed)
    if not re.fullmatch(E164, digits):
        raise CommandError("Write each number with its country code, such as +12025550100.")
    return digits


def operator_name() -> str:
    """Who is logged in, for the journal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return "somebody at the command line"
