"""Sentry, when SENTRY_DSN names one: what failed and where, and nothing of the people it happened to.

Exceptions are reported by their type and their calls. Left out: the words of exceptions and of other programs' log
lines (a database names the values that it refuses), local variables, requests, users, breadcrumbs.
"""

import logging
from typing import Any, Final

import sentry_sdk
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.integrations.threading import ThreadingIntegration
from sentry_sdk.types import Event, Hint

OURS: Final = ("config", "notifier", "smsbridge", "trail")
_KEPT: Final = {
    "event_id", "timestamp", "level", "logger", "logentry", "exception", "threads", "platform", "release",
    "environment", "server_name", "sdk", "tags", "fingerprint", "transaction", "type",
}  # fmt: skip


def start(dsn: str, *, environment: str, worker: bool) -> None:
    """Report errors from now on; does nothing without a DSN."""
    if not dsn:
        return
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        # Django's and Celery's own would add requests, queries and arguments; both log what fails, which is enough.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None, event_level=logging.ERROR, sentry_logs_level=None),
            ExcepthookIntegration(),
            ThreadingIntegration(),
            AtexitIntegration(),
            DedupeIntegration(),
        ],
        before_send=without_people,
    )
    sentry_sdk.set_tag("process", "worker" if worker else "web")


def without_people(event: Event, hint: Hint) -> Event:
    """The event with nothing left that could be about a person."""
    kept: Any = {name: value for name, value in event.items() if name in _KEPT}
    for exception in kept.get("exception", {}).get("values", []):
        exception["value"] = ""
    if not str(kept.get("logger", "")).startswith(OURS) and "logentry" in kept:
        kept["logentry"] = {"message": kept["logentry"].get("message", "")}
    result: Event = kept
    return result
