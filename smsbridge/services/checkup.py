"""All that `doctor` looks at, in the order in which it should be mended."""

from collections.abc import Callable, Iterable, Iterator

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from notifier.services.chat_findings import chat_findings
from notifier.services.findings import Finding, Level, wrong
from notifier.services.heartbeats import worker_findings
from notifier.services.infrastructure import (
    broker_findings,
    database_findings,
    public_url_findings,
    settings_findings,
)
from smsbridge.services.backlog import backlog_findings
from smsbridge.services.order_findings import order_findings, resting_findings
from smsbridge.services.sms_findings import sms_findings

Section = Callable[[], Iterable[Finding]]


def checkup(*, offline: bool) -> Iterator[Finding]:
    """Everything that is not configured or not reachable, and what is good. `offline` calls nobody but the database."""
    yield from settings_findings()
    database = database_findings()
    yield from database
    if not offline:
        yield from broker_findings()
    yield from public_url_findings(offline=offline)
    if not any(finding.level is Level.WRONG for finding in database):
        yield from _safely(lambda: chat_findings(offline=offline))
        yield from _safely(lambda: sms_findings(offline=offline))
        yield from _safely(order_findings)
        yield from _safely(resting_findings)
        yield from _safely(worker_findings)
        yield from _safely(backlog_findings)


def _safely(section: Section) -> Iterator[Finding]:
    """A section that stumbles is itself a finding, and the others go on."""
    try:
        yield from section()
    except ImproperlyConfigured as error:  # a secret that cannot be decrypted
        yield wrong(str(error))
    except DatabaseError as error:
        yield wrong(f"The database refused a question ({type(error).__name__}).", "Run `manage.py migrate`.")
