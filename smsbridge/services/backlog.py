"""What has gone wrong with single events and texts and waits for a person, and what should have been done by now."""

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings

from notifier.durations import rounded
from notifier.models import InboxEvent, ListenedEvent, ReceiptCheck
from notifier.services.findings import Finding, good, note, wrong
from smsbridge.models import InboundSms, OutboundSms
from smsbridge.services.overdue import overdue

_CHECKS = "See why with `manage.py retry_checks --dry-run`, correct that, and run `manage.py retry_checks`."
_TEXTS = (
    "See why with `manage.py send_again --state dead --dry-run`; then `send_again` or `close_sms`, or in the admin."
)
_PERHAPS = (
    "They may have been sent: compare with the vendor's log, then `manage.py close_sms --state uncertain`, or"
    " `send_again`, after which a person may get one twice; or decide one by one in the admin."
)
_REPLIES = "Read them in the admin; then `manage.py retry_replies`, or `close_replies`."
_ADMIN = "Look at them in the admin: each says why, and can be tried again there."


def backlog_findings() -> Iterable[Finding]:
    """Counts of what needs a decision, and the oldest row that is overdue."""
    found = [note(f"{what}: {count}.", remedy) for what, count, remedy in _counts() if count]
    yield from found or [good("Nothing waits for a decision.")]
    yield from _overdue()


def decisions() -> Iterable[tuple[str, int]]:
    """How many of each kind wait for a person's decision."""
    kinds = ("events", "checks", "listened events", "texts dead", "texts uncertain", "replies unrouted", "replies dead")
    return [(kind, count) for kind, (_, count, _) in zip(kinds, _counts(), strict=True)]


def _counts() -> list[tuple[str, int, str]]:
    outbound = OutboundSms.objects.filter
    return [
        ("Events that could not be read", InboxEvent.objects.filter(state=InboxEvent.State.FAILED).count(), _ADMIN),
        ("Checks that were given up", ReceiptCheck.objects.filter(due_at=None).count(), _CHECKS),
        ("Listened events given up", ListenedEvent.objects.filter(state=ListenedEvent.State.DEAD).count(), _ADMIN),
        ("Texts given up", outbound(state=OutboundSms.State.DEAD).count(), _TEXTS),
        ("Texts perhaps sent", outbound(state=OutboundSms.State.UNCERTAIN).count(), _PERHAPS),
        ("Replies of unknown conversations", _inbound(InboundSms.State.UNROUTED), _REPLIES),
        ("Replies that could not be posted", _inbound(InboundSms.State.DEAD), _REPLIES),
    ]


def _inbound(state: str) -> int:
    return InboundSms.objects.filter(state=state).count()


def _overdue() -> Iterable[Finding]:
    late = [(row, seconds) for row, seconds in overdue() if seconds > settings.OVERDUE_SECONDS]
    for row, seconds in late:
        yield wrong(f"{row.what} wait since {rounded(timedelta(seconds=seconds))}.", "Start a worker, or read its log.")
    if not late:
        yield good("No work is overdue.")
