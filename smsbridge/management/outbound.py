"""What the commands have in common that decide about texts that went out, or should have."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser
from django.db.models import Count, Q, QuerySet

from notifier.commands import named
from smsbridge.management.decisions import DecidingCommand
from smsbridge.models import Bridge, Notice, OutboundSms
from smsbridge.services import deciding


class OutboundCommand(DecidingCommand):
    states = [state.value for state in deciding.OPEN]
    made_at = "created_at"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--bridge", metavar="NAME", help="only those of this bridge")

    def rows(self) -> QuerySet[Any]:
        told = Count("notices", filter=Q(notices__state=Notice.State.IN_SMS))
        return OutboundSms.objects.defer("text", "log").annotate(since=self.since(), told=told)

    def chosen(self, options: dict[str, Any]) -> QuerySet[Any]:
        rows = super().chosen(options)
        return rows.filter(bridge_id=_bridge(options["bridge"])) if options["bridge"] else rows

    def chosen_ids(self, given: Sequence[str]) -> list[Any]:
        return [UUID(one) for one in given]


def _bridge(name: str) -> int:
    return named("bridge", [name], dict(Bridge.objects.order_by("name").values_list("name", "pk")))[0]
