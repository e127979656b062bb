"""The chat side's stages, registered when the app is ready."""

from django.conf import settings

from notifier import stages
from notifier.runner import Stage
from notifier.services import inbox, listening, receipts, roster_rows, rosters


def register() -> None:
    stages.register(
        Stage(inbox.STAGE, inbox.drain, pause=settings.DRAIN_PAUSE_MS / 1000),
        task="notifier.tasks.drain_inbox",
        due="exists (select 1 from notifier_inboxevent where state = 0)",
    )
    stages.register(
        Stage(receipts.STAGE, receipts.check, pause=settings.CHECK_PAUSE_MS / 1000),
        task="notifier.tasks.check_receipts",
        due="exists (select 1 from notifier_receiptcheck where due_at <= {now+ahead})",
    )
    stages.register(
        Stage(listening.STAGE, listening.tell),
        task="notifier.tasks.tell_listeners",
        due="exists (select 1 from notifier_listenedevent where state = 'waiting' and next_at <= {now+ahead})",
    )
    stages.register(
        Stage(roster_rows.STAGE, rosters.Asker().step),
        task="notifier.tasks.ask_rosters",
        due="exists (select 1 from notifier_conversation where roster_due_at <= {now+ahead})",
    )
    stages.REPAIRS.append(listening.purge_hourly)
