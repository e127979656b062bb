"""What has gone wrong with single events and texts and waits for a person, and what should have been done by now."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Min, Model, QuerySet

from notifier.models import InboxEvent, ListenedEvent, ReceiptCheck
from notifier.services.findings import Finding, good, note, wrong
from notifier.sql import database_now
from smsbridge.models import InboundSms, Notice, OutboundSms

#: seconds after which work that is due counts as forgotten: far above any sweep and claim
LATE_SECONDS = 120

_CHECKS = "See why with `manage.py retry_checks --dry-run`, correct that, and run `manage.py retry_checks`."
_ADMIN = "Look at them in the admin: each says why, and can be tried again there."


def backlog_findings() -> Iterable[Finding]:
    """Counts of what needs a decision, and the oldest row that is overdue."""
    found = [note(f"{what}: {count}.", remedy) for what, count, remedy in _counts() if count]
    yield from found or [good("Nothing waits for a decision.")]
    yield from _overdue()


def _counts() -> list[tuple[str, int, str]]:
    outbound = OutboundSms.objects.filter
    compare = "They may have been sent: compare with the vendor's log, and settle them in the admin."
    return [
        ("Events that could not be read", InboxEvent.objects.filter(state=InboxEvent.State.FAILED).count(), _ADMIN),
        ("Checks that were given up", ReceiptCheck.objects.filter(due_at=None).count(), _CHECKS),
        ("Listened events given up", ListenedEvent.objects.filter(state=ListenedEvent.State.DEAD).count(), _ADMIN),
        ("Texts given up", outbound(state=OutboundSms.State.DEAD).count(), _ADMIN),
        ("Texts perhaps sent", outbound(state=OutboundSms.State.UNCERTAIN).count(), compare),
        ("Replies of unknown conversations", _inbound(InboundSms.State.UNROUTED), "Read them in the admin."),
        ("Replies that could not be posted", _inbound(InboundSms.State.DEAD), _ADMIN),
    ]


def _inbound(state: str) -> int:
    return InboundSms.objects.filter(state=state).count()


def _overdue() -> Iterable[Finding]:
    now = database_now()
    late = [(what, (now - oldest).total_seconds()) for what, oldest in _oldest() if oldest is not None]
    late = [(what, seconds) for what, seconds in late if seconds > LATE_SECONDS]
    for what, seconds in late:
        yield wrong(f"{what} wait since {_rounded(seconds)}.", "Start a worker, or read its log.")
    if not late:
        yield good("No work is overdue.")


def _oldest() -> list[tuple[str, datetime | None]]:
    """Since when the oldest row of each stage is due. What a pause or a disabled hook holds back is not late."""
    texts = OutboundSms.objects.exclude(account__paused=True).exclude(bridge__paused=True)
    texts = texts.exclude(bridge__hook__chat_app__paused=True)
    notices = Notice.objects.filter(state="waiting").exclude(bridge__paused=True)
    return [
        ("Events", _first(InboxEvent.objects.filter(state=InboxEvent.State.WAITING), "received_at")),
        ("Checks", _first(ReceiptCheck.objects.exclude(hook__enabled=False), "due_at")),
        ("Listened events", _first(ListenedEvent.objects.filter(state="waiting"), "next_at")),
        ("Notices", _first(notices.exclude(bridge__hook__chat_app__paused=True), "next_at")),
        ("Texts", _first(texts.filter(state__in=["ready", "sending"]), "next_at")),
        ("Replies", _first(InboundSms.objects.filter(state="waiting"), "next_at")),
    ]


def _first(rows: QuerySet[Model], moment: str) -> datetime | None:
    oldest: datetime | None = rows.aggregate(oldest=Min(moment))["oldest"]
    return oldest


def _rounded(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
