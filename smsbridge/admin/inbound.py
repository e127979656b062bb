"""Texts that came in, and what became of them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from notifier.admin_base import FactAdmin, badge, in_full, link, table, when, with_reason
from smsbridge.admin.deciding import WantsDecision, closing, decide
from smsbridge.admin.tags import TagFilter, TaggedAdmin
from smsbridge.admin.who import NamedAdmin, PhonesAdmin
from smsbridge.models import InboundSms
from smsbridge.services import deciding
from smsbridge.services.inbound import AGAIN, again

State = InboundSms.State
COLOURS = {
    State.WAITING.value: "info",
    State.POSTED.value: "success",
    State.UNROUTED.value: "warning",
    State.REFUSED.value: "warning",
    State.KEYWORD.value: "",
    State.BLOCKED.value: "warning",
    State.DEAD.value: "danger",
    State.CLOSED.value: "",
}
LOST = deciding.LOST


class LostReplies(WantsDecision):
    states = LOST


CLOSE = closing(
    what="replies",
    meaning=[
        "Nobody in the chat sees them: they are not posted, and whoever texted them is not told.",
        'They become "closed by an operator", and stay here to be read.',
    ],
    act=deciding.close_replies,
    states=LOST,
    command="close_replies",
)


@admin.register(InboundSms)
class InboundSmsAdmin(TaggedAdmin, NamedAdmin[InboundSms], PhonesAdmin[InboundSms], FactAdmin[InboundSms]):
    list_display = ["received", "masked_phone", "number", "why", "who", "conversation_link"]
    list_filter = [LostReplies, ("state", ChoicesDropdownFilter), ("account", RelatedDropdownFilter), TagFilter]
    list_select_related = ["conversation"]
    defer_in_lists = ("text", "media")
    search_fields = ["user_id__exact", "vendor_id__exact", "conversation__key__exact"]
    search_help_text = "A whole phone number, user id, vendor's message id or platform's id of a conversation."
    number_fields = ("number",)
    ordering = ["-id"]
    fieldsets = (
        (None, {"fields": ("fate", "reason", "text_in_full", "tagged", "media", "parts_in_full")}),
        ("Who and where", {"fields": ("phone", "number", "who", "conversation", "posted_as")}),
        ("When", {"fields": ("received_at", "next_at", "settled_at", "attempts")}),
        ("At the vendor", {"fields": ("account", "vendor_id")}),
    )
    actions = ["try_again", "close"]

    @admin.display(description="Received", ordering="received_at")
    def received(self, sms: InboundSms) -> SafeString | str:
        return when(sms.received_at)

    @admin.display(description="What became of it", ordering="state")
    def fate(self, sms: InboundSms) -> SafeString:
        return badge(sms.get_state_display(), COLOURS[sms.state])

    @admin.display(description="What became of it", ordering="state")
    def why(self, sms: InboundSms) -> SafeString:
        return with_reason(self.fate(sms), sms.reason)

    @admin.display(description="Conversation")
    def conversation_link(self, sms: InboundSms) -> SafeString | str:
        return link(sms.conversation)

    @admin.display(description="Text")
    def text_in_full(self, sms: InboundSms) -> SafeString:
        return in_full(sms.text)

    @admin.display(description="Parts that it came in")
    def parts_in_full(self, sms: InboundSms) -> SafeString | str:
        rows = [
            [f"{one.place} of {sms.part_total}", in_full(one.text), when(one.received_at), one.vendor_id]
            for one in sms.parts.order_by("place")
        ]
        return table(["Part", "Text", "Received", "Vendor id"], rows, none="It came whole.")

    @admin.action(
        description="Try again what found no conversation, was given up, blocked or refused", permissions=["act"]
    )
    def try_again(self, request: HttpRequest, texts: QuerySet[Any]) -> None:
        chosen = list(texts)
        self.log_all(request, [sms for sms in chosen if sms.state in AGAIN], "Tried again.")
        self.tell(request, again([sms.pk for sms in chosen]), "Tried again", selected=len(chosen))

    @admin.action(description="Close what found no conversation or was given up", permissions=["act"])
    def close(self, request: HttpRequest, texts: QuerySet[Any]) -> HttpResponse | None:
        return decide(self, request, texts, CLOSE)
