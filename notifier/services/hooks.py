"""Hooks as the hot paths need them: read, decrypted and parsed once, and kept for some seconds."""

import time
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock

from notifier.models import ChatApp, Hook
from notifier.platforms.base import Platform, PlatformConfig
from notifier.platforms.registry import make_platform

KEEP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class LiveHook:
    """A hook ready for use. `receipts` is None for a listening hook: then its events go to the project's own code."""

    id: int
    slug: str
    chat_app: int
    receipts: bool
    enabled: bool
    delay: timedelta
    ranks: tuple[int, ...]
    secrets: tuple[str, ...]
    platform: Platform
    identities: str
    identity_function: str


_mutex = Lock()
_kept: dict[int, LiveHook] = {}
_kept_until = 0.0


def platform_of(chat_app: ChatApp) -> Platform:
    """The adapter of a chat app, with its options and secrets. Raises KeyError naming the known platforms."""
    return make_platform(chat_app.platform, PlatformConfig(options=chat_app.options, secrets=chat_app.secrets or {}))


def live_hooks() -> dict[int, LiveHook]:
    """Every hook by primary key, at most five seconds old: a changed secret or a pause is seen that late."""
    global _kept, _kept_until
    with _mutex:
        if time.monotonic() > _kept_until:
            _kept = {hook.pk: _live(hook) for hook in Hook.objects.select_related("chat_app")}
            _kept_until = time.monotonic() + KEEP_SECONDS
        return _kept


def live_hook(slug: str) -> LiveHook | None:
    return next((hook for hook in live_hooks().values() if hook.slug == slug), None)


def forget_hooks() -> None:
    """After a change in this process: the next look reads the database."""
    global _kept_until
    with _mutex:
        _kept_until = 0.0


def _live(hook: Hook) -> LiveHook:
    return LiveHook(
        id=hook.pk,
        slug=hook.slug,
        chat_app=hook.chat_app_id,
        receipts=hook.kind == Hook.Kind.RECEIPTS,
        enabled=hook.enabled,
        delay=hook.delay,
        ranks=tuple(hook.reported_ranks),
        secrets=tuple(hook.secrets),
        platform=platform_of(hook.chat_app),
        identities=hook.identities,
        identity_function=hook.identity_function,
    )
