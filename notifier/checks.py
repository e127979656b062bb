"""What Django's own checks say about the chat side's settings. They read no database."""

import ipaddress
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Concern

from notifier.platforms.registry import UnknownPlatform, platform_class

#: the sweep's thread, beside the worker's own
_SPARE_CONNECTIONS = 1


@register()
def chat_platform(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    try:
        platform_class(settings.CHAT_PLATFORM)
    except UnknownPlatform as error:
        return [Error(f"CHAT_PLATFORM: {error}", hint="Correct the variable CHAT_PLATFORM.", id="notifier.E001")]
    return []


@register()
def time_limits(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """A claim that runs out during a call lets a second worker do the same work."""
    if settings.CLAIM_SECONDS > settings.HTTP_TIMEOUT_SECONDS:
        return []
    return [
        Concern(
            "CLAIM_SECONDS is not above HTTP_TIMEOUT_SECONDS: work is taken over while its first worker still waits "
            "for an answer, and is done twice.",
            hint="Set CLAIM_SECONDS to at least HTTP_TIMEOUT_SECONDS and some seconds.",
            id="notifier.W002",
        )
    ]


@register(Tags.security)
def public_url(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Secrets and messages travel to PUBLIC_URL; only on the same machine may they do so in the clear."""
    url = urlsplit(settings.PUBLIC_URL)
    if settings.DEBUG or url.scheme == "https" or is_loopback(url.hostname or ""):
        return []
    return [
        Concern(
            "PUBLIC_URL is not https: messages and phone numbers would travel in the clear, and platforms refuse it.",
            hint="Serve this program behind TLS, and set PUBLIC_URL to its https address.",
            id="notifier.W003",
        )
    ]


@register(Tags.database, deploy=True)
def database(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    if not settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        return []
    return [
        Concern(
            "The database is SQLite, which has one writer at a time and lives on one machine.",
            hint="Set DATABASE_URL to a Postgres (14 or newer).",
            id="notifier.W004",
        )
    ]


@register()
def connection_budget(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """In a worker, where threads share a pool of connections; `celery worker` runs the checks at its start."""
    pool = settings.DATABASES["default"].get("OPTIONS", {}).get("pool")
    needed = settings.CELERY_WORKER_CONCURRENCY + _SPARE_CONNECTIONS
    if not isinstance(pool, dict) or pool.get("max_size", needed) >= needed:
        return []
    return [
        Concern(
            f"{settings.CELERY_WORKER_CONCURRENCY} worker threads and the sweep share {pool['max_size']} database "
            f"connections, so some wait for others.",
            hint=f"Set DATABASE_POOL_SIZE to at least {needed}, or WORKER_THREADS lower.",
            id="notifier.W005",
        )
    ]


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine itself."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
