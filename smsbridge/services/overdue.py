"""What should have been done by now, stage by stage. What is held back is not late: by a pause, a disabled hook, an
account or bridge that cannot be used, an open breaker, a pace, or an earlier text of the same thread. A pace holds back
only while texts of its account go.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from notifier.models import Conversation, InboxEvent, ListenedEvent, ReceiptCheck
from notifier.services.hooks import hooks_with
from notifier.services.readiness import Overdue
from notifier.sql import database_now
from smsbridge.models import InboundSms, Notice, OutboundSms
from smsbridge.services import pacing, queue
from smsbridge.services.accounts import held_accounts, live_bridges
from smsbridge.services.claiming import working

#: more rows than this are not counted: a look must stay cheap
MOST_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A stage's rows: `all_` that it still has to do, `due` those that nothing holds back, by the moment `since`."""

    stage: str
    what: str
    all_: QuerySet[Model]
    due: QuerySet[Model]
    since: str

    def count(self) -> int:
        """How many wait, due or not, held back or not; MOST_ROWS for more."""
        return self.all_.order_by()[:MOST_ROWS].count()


def stages() -> list[Waiting]:
    """Every stage, in the order of a message's way."""
    return [
        _plain("drain", "Events", InboxEvent.objects.filter(state=InboxEvent.State.WAITING), "received_at"),
        _checks(),
        _plain("roster", "Rosters", Conversation.objects.filter(roster_due_at__isnull=False), "roster_due_at"),
        _plain("listen", "Listened events", ListenedEvent.objects.filter(state="waiting"), "next_at"),
        _notices(),
        _texts(),
        _lost(),
        _replies(),
    ]


def overdue() -> Iterator[tuple[Waiting, float]]:
    """Each stage with something due, and for how many seconds its oldest row has been."""
    now = database_now()
    for waiting in stages():
        oldest = waiting.due.filter(**{f"{waiting.since}__lte": now}).order_by(waiting.since)
        for moment in oldest.values_list(waiting.since, flat=True)[:1]:
            yield waiting, (now - moment).total_seconds()


def most_overdue() -> Overdue | None:
    """The oldest of all stages."""
    found = [Overdue(waiting.stage, seconds) for waiting, seconds in overdue()]
    return max(found, key=lambda one: one.seconds, default=None)


def _plain(stage: str, what: str, rows: QuerySet[Model], since: str) -> Waiting:
    return Waiting(stage, what, rows, rows, since)


def _checks() -> Waiting:
    rows = ReceiptCheck.objects.filter(due_at__isnull=False)
    return Waiting("check", "Checks", rows, rows.exclude(hook__enabled=False), "due_at")


def _notices() -> Waiting:
    rows = Notice.objects.filter(state=Notice.State.WAITING)
    return Waiting("compose", "Notices", rows, rows.filter(bridge__in=sorted(working())), "next_at")


def _texts() -> Waiting:
    rows = OutboundSms.objects.filter(state=OutboundSms.State.READY)
    earlier = OutboundSms.objects.filter(
        phone=OuterRef("phone"), number=OuterRef("number"), state__in=["ready", "sending"], pk__lt=OuterRef("pk")
    )
    same_thread = earlier.annotate(of=Coalesce("bridge_id", 0)).filter(of=Coalesce(OuterRef("bridge_id"), 0))
    due = rows.exclude(account__in=held_accounts()).exclude(account__paused=True)
    due = due.exclude(account__breaker__opened_at__isnull=False)
    due = due.exclude(bridge__in=_unusable_bridges()).exclude(bridge__paused=True)
    due = due.exclude(bridge__hook__chat_app__paused=True)
    due = due.exclude(purpose=OutboundSms.Purpose.NOTICE, account__in=_moving(due))  # answers queue for no pace
    return Waiting("send", "Texts", rows, due.exclude(Exists(same_thread)), "next_at")


def _unusable_bridges() -> list[int]:
    bridges = live_bridges()
    return queue.unusable(bridges, hooks_with([bridge.hook for bridge in bridges.values()]))


def _moving(due: QuerySet[OutboundSms]) -> list[int]:
    """Accounts whose texts wait for their pace, not for a worker: one left lately, or none is late yet.

    Looks through the texts only where one is late.
    """
    paced, since = pacing.paced(), database_now() - timedelta(seconds=settings.OVERDUE_SECONDS)
    late = due.filter(purpose=OutboundSms.Purpose.NOTICE, account__in=paced, next_at__lte=since)
    late_accounts = set(late.order_by().values_list("account_id", flat=True).distinct()) if paced else set()
    sent = OutboundSms.objects.filter(sent_at__gt=since)
    return [id_ for id_ in paced if id_ not in late_accounts or sent.filter(account=id_).exists()]


def _lost() -> Waiting:
    """Texts whose worker has had SENDING_SECONDS and more: the next sweep should have called them uncertain."""
    return _plain("sending", "Texts that were being sent", OutboundSms.objects.filter(state="sending"), "next_at")


def _replies() -> Waiting:
    rows = InboundSms.objects.filter(state=InboundSms.State.WAITING)
    earlier = rows.filter(phone=OuterRef("phone"), number=OuterRef("number"), pk__lt=OuterRef("pk"))
    return Waiting("reply", "Replies", rows, rows.exclude(Exists(earlier)), "next_at")
