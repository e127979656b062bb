"""Listen to the chat platforms that tell of events over a connection of ours."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifier.commands import TeachingCommand, named
from notifier.models import Hook
from notifier.platforms.base import Can
from notifier.services.hooks import LiveHook, live_hooks
from notifier.services.listening_posts import Posts

HELP = """\
Listen, for ever, to the chat platforms that tell of events over a connection of ours instead of by webhook.

Run it beside web, worker and beat, as the Procfile's line "listen" does: it waits while there is no such hook, and
notices within seconds when one is made, changed or disabled. After a loss it connects again by itself, at first after a
second, at last after a minute, and brings what it has missed.

Of several processes one listens to a hook; the others stand by and take over within 15 seconds when it dies.
SIGTERM or Ctrl-C ends it in good order. What is wrong with a connection is in the log and in `manage.py doctor`.

Examples:
  manage.py listen                  to every enabled hook of such a platform
  manage.py listen privmx           to this one only
  manage.py listen --once           catch up, and end: exit status 1 when that failed
"""


class Command(TeachingCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("hooks", nargs="*", metavar="hook", help="slug of a hook; all hooks when none")
        parser.add_argument("--once", action="store_true", help="catch up with what has happened, and end")

    def handle(self, *args: Any, hooks: list[str], once: bool, **options: Any) -> None:
        _check(hooks)
        posts = Posts(hooks)
        with _ending(posts.stopping):
            if once:
                self._catch_up(posts)
            else:
                posts.run()

    def _catch_up(self, posts: Posts) -> None:
        failures: list[str] = []

        def failed(hook: LiveHook, why: str) -> None:
            failures.append(f"{hook.slug}: {why}")

        def done(hook: LiveHook, caught_up: bool) -> None:
            told = "caught up." if caught_up else "another process listens to it."
            self.stdout.write(f"{hook.slug}: {told}")

        posts.catch_up(failed, done)
        if failures:
            raise CommandError("\n".join(failures))


def _check(slugs: list[str]) -> None:
    """Raises CommandError for a hook that does not exist, or whose platform is not listened to."""
    named("hook", slugs, dict(Hook.objects.values_list("slug", "pk")))
    for hook in live_hooks().values():
        if hook.slug in slugs and Can.SOCKET not in hook.platform.can:
            raise CommandError(f"{hook.slug} is told of events by webhook: there is nothing to listen to.")


@contextmanager
def _ending(stopping: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT are the wish to end."""
    before = {one: signal.signal(one, lambda *_: stopping.set()) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
