"""Erase one person."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifier.commands import TeachingCommand, named, spinning
from notifier.models import ChatApp
from smsbridge.phones import to_e164
from smsbridge.services import erasing, persons

HELP = """\
Erase one person, by user id or by phone: texts to and from him, his contact and number assignments, the decisions about
him, his receipts, and what he wrote, which counts as deleted from then on.

By user id, what names the phones by which he is or was known goes too, unless another user is or was known by the same
phone. By phone, every user who has it now is erased; --dry-run names them. Texts that tell others of his messages lose
their words; those that are being sent are waited for, a minute at most.

With --chat-app, only what belongs to that chat app goes. What names a phone and belongs to no chat app stays then:
keywords, their answers, texts that could not be routed.

Opt-outs and the consent ledger stay, so that he is not texted again against his will; --consent erases them as well.
They are of a phone: once a user is erased, only --phone finds them. What the chat platform and the SMS vendor keep is
theirs to erase. If the chat tells of him again, he is a new person here: erase him there first. Safe to repeat.

Examples:
  manage.py erase --user anna --dry-run         tell what there is
  manage.py erase --user anna                   erase it, after a question
  manage.py erase --phone +12025550100 --yes    without the question
"""


class Command(TeachingCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--user", help="id of the user at the chat platform")
        who.add_argument("--phone", help="a phone with its country code")
        parser.add_argument(
            "--chat-app", metavar="SLUG", help="only what belongs to this chat app; in all when not given"
        )
        parser.add_argument("--consent", action="store_true", help="erase opt-outs and the consent ledger as well")
        parser.add_argument("--dry-run", action="store_true", help="only tell what would be erased")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(
        self, *args: Any, user: str | None, phone: str | None, consent: bool, dry_run: bool, yes: bool, **options: Any
    ) -> None:
        person = _person(user, phone, _apps(options["chat_app"]))
        if consent:
            _refuse_consent(person)
        found = erasing.would_erase(person, consent=consent)
        self.stdout.write(f"Users: {', '.join(person.names) or 'none'}. Phones: {len(person.phones)}.")
        self._tell("to erase", found)
        self._tell("kept", kept := erasing.kept(person, consent=consent))
        if not found:
            self.stdout.write("Nothing else is kept of this person." if kept else "Nothing is kept of this person.")
        if dry_run or not found:
            return
        if not yes and input("Erase all this? It cannot be undone. [y/N] ").strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was erased.")
        with spinning("Erasing", on=self.stdout.isatty()) as tick:
            done = erasing.erase(person, consent=consent, tick=tick)
        self._tell("erased", done)
        if left := erasing.unfinished(person):
            raise CommandError(f"Texts of his, or that quote him, are still worked on: {left}. Run this again later.")
        self.stdout.write(self.style.SUCCESS("Done."))

    def _tell(self, word: str, found: dict[str, int]) -> None:
        for what, count in found.items():
            self.stdout.write(f"  {what}: {count} {word}")


def _refuse_consent(person: persons.Person) -> None:
    """Raises CommandError where opt-outs and ledger cannot be told to be his, before anything is erased."""
    if person.apps is not None:
        raise CommandError("Opt-outs and the consent ledger belong to no chat app: leave out --chat-app or --consent.")
    if not person.phones:
        raise CommandError(
            "No phone is known that is this user's alone, and opt-outs and the consent ledger are found by phone:"
            " leave out --consent here, and erase them by --phone."
        )


def _apps(slug: str | None) -> list[int] | None:
    """Primary key of the chat app, None for all. Raises CommandError for a name that is none."""
    if slug is None:
        return None
    return named("chat app", [slug], dict(ChatApp.objects.order_by("slug").values_list("slug", "pk")))


def _person(user: str | None, phone: str | None, apps: list[int] | None) -> persons.Person:
    """Raises CommandError for a phone that is none."""
    if user is not None:
        return persons.by_user(user, apps)
    number = to_e164(phone or "")
    if number is None:
        raise CommandError("Write the phone with its country code, such as +12025550100.")
    return persons.by_phone(number, apps)
