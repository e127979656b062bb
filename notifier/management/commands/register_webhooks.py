"""Make the chat platforms call our hooks."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifier.commands import TeachingCommand, named, spinning
from notifier.models import Hook
from notifier.services.registration import RegistrationError, instructions, register

HELP = """\
Register each hook's webhook with its chat platform, so that it calls {PUBLIC_URL}/webhooks/chat/<slug>/.

What is registered as it should be is left as it is, so this may be repeated at any time, also by several processes at
once. A changed signing secret or list of events is registered anew before the old webhook is removed. Duplicates are
removed, and inactive webhooks activated, but only those at our URL and under the hook's name: never anybody else's.

The platform checks the URL by calling it, so the web process must be running and reachable at PUBLIC_URL.
With several secrets in a hook, the first one is registered, and deliveries signed with any of them are accepted.

A platform that has no call to register with, such as Matrix, is set up by hand: what there is to do is printed, with
the tokens that belong into it, so mind who looks on. Then the platform is made to call us, to see that all of it works;
with --dry-run it is not. To a platform that we connect to ourselves nothing is registered: see `manage.py listen`.

Examples:
  manage.py register_webhooks              every hook that is enabled
  manage.py register_webhooks layer        only this one
  manage.py register_webhooks --dry-run    only look, and tell what would be done
"""


class Command(TeachingCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("hooks", nargs="*", metavar="hook", help="slug of a hook; all enabled hooks when none")
        parser.add_argument("--dry-run", action="store_true", help="only look, and tell what would be done")

    def handle(self, *args: Any, hooks: list[str], dry_run: bool, **options: Any) -> None:
        failed = [hook.slug for hook in _chosen(hooks) if not self._register(hook, dry_run)]
        if failed:
            raise CommandError(f"Not registered: {', '.join(failed)}. The reasons stand above.")

    def _register(self, hook: Hook, dry_run: bool) -> bool:
        try:
            if words := instructions(hook):
                self.stdout.write(words)
            with spinning(f"Registering {hook.slug}", on=self.stdout.isatty()) as tick:
                sentences = register(hook, dry_run=dry_run, tick=tick)
        except RegistrationError as error:
            self.stderr.write(f"{hook.slug}: {error}")
            return False
        for sentence in sentences:
            self.stdout.write(f"{hook.slug}: {sentence}")
        return True


def _chosen(slugs: list[str]) -> list[Hook]:
    """The named hooks, else every enabled one. Raises CommandError for a name that is none."""
    known = {hook.slug: hook for hook in Hook.objects.select_related("chat_app").order_by("slug")}
    chosen = named("hook", slugs, known) or [hook for hook in known.values() if hook.enabled]
    if not chosen:
        raise CommandError("There is no enabled hook: make one with `manage.py setup` or in the admin.")
    return chosen
