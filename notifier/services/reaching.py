"""Whether platforms that are registered with by hand reach us: asked of themselves, by making them call.

Such a call also makes a platform bring at once what it has kept for us while we were away. A Matrix homeserver would
otherwise come back after up to 512 seconds.
"""

import logging

from django.conf import settings

from notifier.platforms.base import Done, Platform, Reading
from notifier.services.hooks import live_hooks
from notifier.services.steps import follow

log = logging.getLogger(__name__)


def reached(platform: Platform) -> Reading[str] | None:
    """One call: what the platform says of reaching us; None when it cannot be asked."""
    steps = platform.reach_steps()
    return None if steps is None else follow(steps, timeout=settings.HTTP_TIMEOUT_SECONDS)


class Waker:
    """Asks every platform that can be asked, again and again, and tells of each change in what comes of it."""

    def __init__(self) -> None:
        self._reached: dict[int, bool] = {}

    def round(self) -> None:
        """One call for each chat app. No transaction may be open. Raises OperationalError when the database is away."""
        hooks = {hook.chat_app: hook for hook in live_hooks().values() if hook.enabled and hook.secrets}
        for chat_app, hook in hooks.items():
            if not hook.platform.configured() and (reading := reached(hook.platform)) is not None:
                self._tell(chat_app, hook.slug, hook.platform.title, reading)

    def _tell(self, chat_app: int, slug: str, title: str, reading: Reading[str]) -> None:
        good = isinstance(reading, Done)
        if self._reached.get(chat_app, True) != good:
            if isinstance(reading, Done):
                log.info("%s reaches the hook %s again.", title, slug)
            else:
                log.warning("%s does not reach the hook %s: %s.", title, slug, reading.reason.rstrip("."))
        self._reached[chat_app] = good
