"""Hooks as the hot paths need them: read, decrypted and parsed once, and kept for some seconds."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock

from notifier.models import ChatApp, Hook
from notifier.platforms.base import Can, Platform, PlatformConfig
from notifier.platforms.registry import make_platform
from notifier.services import rules

log = logging.getLogger(__name__)

KEEP_SECONDS = 5.0
#: How often a hook that is not known makes us look again: strangers may ask for any slug.
_LOOK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class LiveHook:
    """A hook ready for use. `receipts`: it reports who is to be told of messages; else its events go to own code."""

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
    asks_first: bool = False


_mutex = Lock()
_kept: dict[int, LiveHook] = {}
_read_at = float("-inf")


def platform_of(chat_app: ChatApp) -> Platform:
    """The adapter of a chat app, with its options and secrets. Raises UnknownPlatform."""
    return make_platform(chat_app.platform, PlatformConfig(options=chat_app.options, secrets=chat_app.secrets or {}))


def live_hooks(at_most: float = KEEP_SECONDS) -> dict[int, LiveHook]:
    """Every usable hook by primary key, at most so many seconds old: a changed secret or a pause is seen that late."""
    global _kept, _read_at
    with _mutex:
        if time.monotonic() - _read_at >= at_most:
            _kept, _read_at = _read(), time.monotonic()
        return _kept


def hooks_with(ids: Iterable[int]) -> dict[int, LiveHook]:
    """As `live_hooks`, and read anew when one of these is not among them: it may have been made just now."""
    hooks = live_hooks()
    return hooks if all(id_ in hooks for id_ in ids) else live_hooks(at_most=0.0)


def live_hook(slug: str) -> LiveHook | None:
    return _with_slug(slug, live_hooks()) or _with_slug(slug, live_hooks(at_most=_LOOK_AGAIN_SECONDS))


def forget_hooks() -> None:
    """After a change in this process: the next look reads the database."""
    global _read_at
    with _mutex:
        _read_at = float("-inf")
    rules.forget()


def _with_slug(slug: str, hooks: dict[int, LiveHook]) -> LiveHook | None:
    return next((hook for hook in hooks.values() if hook.slug == slug), None)


def _read() -> dict[int, LiveHook]:
    """A hook that cannot be used, such as one of an unknown platform, is left out: the others work on."""
    found = {}
    for hook in Hook.objects.select_related("chat_app"):
        try:
            found[hook.pk] = _live(hook)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            log.error("The hook %s cannot be used (%s): correct it in the admin.", hook.slug, error)
    return found


def _live(hook: Hook) -> LiveHook:
    platform = platform_of(hook.chat_app)
    return LiveHook(
        id=hook.pk,
        slug=hook.slug,
        chat_app=hook.chat_app_id,
        receipts=hook.kind != Hook.Kind.LISTEN,
        enabled=hook.enabled,
        delay=hook.delay,
        ranks=tuple(hook.reported_ranks),
        secrets=tuple(hook.secrets),
        platform=platform,
        identities=hook.identities,
        identity_function=hook.identity_function,
        asks_first=_asks_first(hook, platform),
    )


def _asks_first(hook: Hook, platform: Platform) -> bool:
    usual = platform.asks_first and hook.kind == Hook.Kind.RECEIPTS
    return Can.ASK in platform.can and (usual if not hook.ask_first else hook.ask_first == Hook.AskFirst.ALWAYS)
