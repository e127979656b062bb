"""What the commands have in common that decide about texts that came in and were not posted."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from smsbridge.management.decisions import DecidingCommand
from smsbridge.models import InboundSms
from smsbridge.services import deciding


class InboundCommand(DecidingCommand):
    states = [state.value for state in deciding.LOST]
    made_at = "received_at"

    def rows(self) -> QuerySet[Any]:
        return InboundSms.objects.defer("text", "media").annotate(since=self.since())

    def chosen_ids(self, given: Sequence[str]) -> list[Any]:
        return [int(one) for one in given]
