"""What came in and is not done with: events of the inbox, and events told to the project's own code."""

import json

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from notifier.admin_base import FactAdmin, badge, preformatted, when
from notifier.models import InboxEvent, ListenedEvent
from notifier.services.inbox import redrive
from notifier.services.listening import tell_again

STATES = {"waiting": ("waiting", "info"), "done": ("told", "success"), "dead": ("given up", "danger")}


def readable(body: bytes | memoryview | str) -> str:
    """A delivery's body for people: JSON with indents, anything else as it is, bytes that are no text replaced."""
    text = body if isinstance(body, str) else bytes(body).decode(errors="replace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


@admin.register(InboxEvent)
class InboxEventAdmin(FactAdmin[InboxEvent]):
    list_display = ["received", "hook", "key", "in_words", "error"]
    list_filter = [("state", ChoicesDropdownFilter), ("hook", RelatedDropdownFilter)]
    list_select_related = ["hook"]
    defer_in_lists = ("body", "hook__secret")
    search_fields = ["key__exact", "conversation__exact"]
    search_help_text = "The whole key of an event, or the platform's whole id of a conversation."
    ordering = ["-id"]
    fields = ("hook", "key", "conversation", "received_at", "in_words", "error", "decoded")
    actions = ["drain_again"]

    @admin.display(description="State", ordering="state")
    def in_words(self, event: InboxEvent) -> SafeString:
        return badge(event.get_state_display(), "danger" if event.state == InboxEvent.State.FAILED else "info")

    @admin.display(description="Received", ordering="received_at")
    def received(self, event: InboxEvent) -> SafeString | str:
        return when(event.received_at)

    @admin.display(description="What the platform sent")
    def decoded(self, event: InboxEvent) -> SafeString:
        return preformatted(readable(event.body))

    @admin.action(description="Re-drive: try failed events again", permissions=["act"])
    def drain_again(self, request: HttpRequest, events: QuerySet[InboxEvent]) -> None:
        chosen = list(events)
        self.log_all(request, [one for one in chosen if one.state == InboxEvent.State.FAILED], "Re-driven.")
        self.tell(request, redrive([one.pk for one in chosen]), "Tried again", selected=len(chosen))


@admin.register(ListenedEvent)
class ListenedEventAdmin(FactAdmin[ListenedEvent]):
    list_display = ["received", "hook", "key", "in_words", "attempts", "next_time", "error"]
    list_filter = [("state", ChoicesDropdownFilter), ("hook", RelatedDropdownFilter)]
    list_select_related = ["hook"]
    defer_in_lists = ("body", "hook__secret")
    search_fields = ["key__exact"]
    search_help_text = "The whole key of an event."
    ordering = ["-id"]
    fields = ("hook", "key", "received_at", "in_words", "attempts", "next_at", "error", "decoded")
    actions = ["tell_once_more"]

    @admin.display(description="State", ordering="state")
    def in_words(self, event: ListenedEvent) -> SafeString:
        return badge(*STATES[event.state])

    @admin.display(description="Received", ordering="received_at")
    def received(self, event: ListenedEvent) -> SafeString | str:
        return when(event.received_at)

    @admin.display(description="Told next", ordering="next_at")
    def next_time(self, event: ListenedEvent) -> SafeString | str:
        return when(event.next_at) if event.state == ListenedEvent.State.WAITING else "—"

    @admin.display(description="What the platform sent")
    def decoded(self, event: ListenedEvent) -> SafeString | str:
        return preformatted(readable(event.body)) if event.body else "not kept once it was told"

    @admin.action(description="Tell again what was given up", permissions=["act"])
    def tell_once_more(self, request: HttpRequest, events: QuerySet[ListenedEvent]) -> None:
        chosen = list(events)
        self.log_all(request, [one for one in chosen if one.state == ListenedEvent.State.DEAD], "Told again.")
        self.tell(request, tell_again([one.pk for one in chosen]), "Told again", selected=len(chosen))
