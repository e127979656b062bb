"""Whether the ground is firm: settings, database, broker, workers, and the address that others call."""

import ipaddress
from urllib.parse import urlsplit

from celery import current_app
from django.conf import settings
from django.core import checks
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from notifier import transport
from notifier.services.findings import Finding, good, note, wrong
from notifier.wire import Request, Response

_BROKER_SECONDS = 3
_PING_SECONDS = 1.0
_HEALTH_SECONDS = 3.0


def settings_findings() -> list[Finding]:
    """What Django's system checks say; errors are wrong, warnings are notes."""
    found = [message for message in checks.run_checks() if not message.is_silenced()]
    return [
        (wrong if message.level >= checks.ERROR else note)(f"{message.msg} ({message.id})", message.hint or "")
        for message in found
    ] or [good("The settings pass Django's checks.")]


def database_findings() -> list[Finding]:
    """One that is wrong means that nothing that needs the database can be looked at."""
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except OperationalError as error:
        return [
            wrong(f"The database cannot be reached ({type(error).__name__}).", "Start it, or correct DATABASE_URL.")
        ]
    if missing:
        return [wrong(f"{len(missing)} migrations are not applied.", "Run `manage.py migrate`.")]
    findings = [good(f"The database answers ({connection.display_name}), and its tables are up to date.")]
    if connection.vendor == "sqlite" and not settings.DEBUG:
        findings.append(
            note("SQLite is for trying things out: one writer at a time.", "Set DATABASE_URL to a Postgres.")
        )
    return findings


def broker_findings() -> list[Finding]:
    """Whether the broker answers, and any worker through it. Takes a few seconds at most."""
    broker = current_app.connection_for_write(connect_timeout=_BROKER_SECONDS)
    where = broker.as_uri()  # without its password
    try:
        with broker:
            broker.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=_BROKER_SECONDS)
    except Exception as error:  # each transport raises its own
        why = f"The broker at {where} does not answer ({type(error).__name__}), so no work is begun."
        return [wrong(why, "Start it, or correct REDIS_URL or CELERY_BROKER_URL.")]
    return [good(f"The broker answers ({where})."), _worker_finding()]


def _worker_finding() -> Finding:
    remedy = "Start one: celery -A config worker --pool=threads."
    try:
        answers = current_app.control.ping(timeout=_PING_SECONDS) or []
    except Exception as error:  # each transport raises its own
        return note(f"Workers could not be asked ({type(error).__name__}).", remedy)
    if not answers:
        return note(f"No worker answered within {_PING_SECONDS:g} s: nothing is sent while none runs.", remedy)
    return good(f"Workers that answer: {len(answers)}.")


def public_url_findings(*, offline: bool) -> list[Finding]:
    """Whether others can reach PUBLIC_URL, as far as that can be told from here."""
    url = urlsplit(settings.PUBLIC_URL)
    if _is_private(url.hostname or ""):
        remedy = "Set PUBLIC_URL to the address that platforms and vendors call."
        local = f"PUBLIC_URL ({settings.PUBLIC_URL}) is an address that only this machine or network knows."
        findings = [(note if settings.DEBUG else wrong)(local, remedy)]
    elif url.scheme != "https":
        findings = [wrong("PUBLIC_URL is not https, which platforms refuse.", "Serve the program behind TLS.")]
    else:
        findings = [good(f"PUBLIC_URL is {settings.PUBLIC_URL}.")]
    return findings if offline else [*findings, _health_finding()]


def _health_finding() -> Finding:
    """A note at most: some networks cannot reach their own address from inside."""
    answer = transport.call(Request("GET", f"{settings.PUBLIC_URL}/healthz"), timeout=_HEALTH_SECONDS)
    if isinstance(answer, Response) and answer.status == 200:
        return good("The web process answers at PUBLIC_URL.")
    why = f"it answered {answer.status}" if isinstance(answer, Response) else answer.detail
    return note(f"{settings.PUBLIC_URL}/healthz does not answer from here: {why}.", "Start the web process.")


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or "." not in host
