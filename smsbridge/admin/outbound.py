"""Texts that went out, with their whole history, and the decisions that led to them or not."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from notifier.admin_base import NOTHING, FactAdmin, badge, in_full, link, table, when, with_reason
from smsbridge.admin.costs import in_money
from smsbridge.admin.deciding import Decision, WantsDecision, closing, decide
from smsbridge.admin.tags import TagFilter, TaggedAdmin
from smsbridge.admin.who import NamedAdmin, PhonesAdmin
from smsbridge.models import Notice, OutboundSms
from smsbridge.services import deciding

State = OutboundSms.State
STATE_COLOURS = {
    State.READY.value: "info",
    State.SENDING.value: "info",
    State.SENT.value: "success",
    State.DELIVERED.value: "success",
    State.UNDELIVERED.value: "danger",
    State.UNCERTAIN.value: "warning",
    State.DEAD.value: "danger",
    State.WITHDRAWN.value: "",
    State.CLOSED.value: "",
}
NOTICE_COLOURS = {"waiting": "info", "in_sms": "success", "skipped": "warning"}


class OpenTexts(WantsDecision):
    states = deciding.WANTS_DECISION


def _means_sending(texts: Sequence[OutboundSms]) -> list[str]:
    perhaps = sum(sms.state == State.UNCERTAIN for sms in texts)
    twice = f"Perhaps sent: {perhaps}. These people may get the same words twice; look into the vendor's log first."
    return [
        *([twice] if perhaps else []),
        "What they tell is asked about anew: who has read it meanwhile, or does not want texts, is not texted.",
        f"Up to {sum(sms.segments for sms in texts)} parts are paid for again.",
        'These texts become "closed by an operator"; the new ones are rows of their own.',
    ]


SEND_AGAIN = Decision(
    action="send_again",
    question="Send these texts again?",
    meaning=_means_sending,
    act=lambda ids, who, why: deciding.send_again(ids, who),
    done="Sent again",
    states=deciding.OPEN,
    command="send_again",
)
CLOSE = closing(
    what="texts",
    meaning=[
        "Nobody is texted: what they tell is not sent again.",
        'They become "closed by an operator". If a receipt says later that one was delivered, it says so.',
    ],
    act=deciding.close,
    states=deciding.OPEN,
    command="close_sms",
)


@admin.register(OutboundSms)
class OutboundSmsAdmin(TaggedAdmin, NamedAdmin[OutboundSms], PhonesAdmin[OutboundSms], FactAdmin[OutboundSms]):
    list_display = [
        *("created", "why", "who", "masked_phone", "number_link", "conversation_link"),
        *("sent", "tries", "parts"),
    ]
    list_display_links = ["created"]
    list_filter = [
        OpenTexts,
        ("state", ChoicesDropdownFilter),
        ("purpose", ChoicesDropdownFilter),
        ("bridge", RelatedDropdownFilter),
        ("account", RelatedDropdownFilter),
        TagFilter,
    ]
    list_select_related = ["number", "conversation"]
    defer_in_lists = ("text", "log")
    search_fields = ["user_id__exact", "vendor_id__exact", "conversation__key__exact"]
    search_help_text = "A whole phone number, user id, vendor's message id or platform's id of a conversation."
    number_fields = ("number__e164",)
    ordering = ["-id"]  # ids begin with the time
    fieldsets = (
        (
            None,
            {"fields": ("in_words", "purpose", "reason", "code", "text_in_full", "media", "tagged", "notices_table")},
        ),
        ("Who and where", {"fields": ("who", "phone", "number", "conversation", "bridge", "account")}),
        ("When", {"fields": ("due_at", "created_at", "next_at", "sent_at", "settled_at", "attempts", "lookups")}),
        ("At the vendor", {"fields": ("vendor_id", "segments", "encoding", "cost", "introduces", "history")}),
    )
    actions = ["send_again", "close"]

    @admin.action(description="Send again what was given up, perhaps sent or not delivered", permissions=["act"])
    def send_again(self, request: HttpRequest, texts: QuerySet[Any]) -> HttpResponse | None:
        return decide(self, request, texts, SEND_AGAIN)

    @admin.action(description="Close what was given up, perhaps sent or not delivered", permissions=["act"])
    def close(self, request: HttpRequest, texts: QuerySet[Any]) -> HttpResponse | None:
        return decide(self, request, texts, CLOSE)

    @admin.display(description="Created", ordering="created_at")
    def created(self, sms: OutboundSms) -> SafeString | str:
        return when(sms.created_at)

    @admin.display(description="Sent", ordering="sent_at")
    def sent(self, sms: OutboundSms) -> SafeString | str:
        return when(sms.sent_at)

    @admin.display(description="Parts", ordering="segments")
    def parts(self, sms: OutboundSms) -> int:
        return sms.segments

    @admin.display(description="Tries", ordering="attempts")
    def tries(self, sms: OutboundSms) -> int:
        return sms.attempts

    @admin.display(description="State", ordering="state")
    def in_words(self, sms: OutboundSms) -> SafeString:
        return badge(sms.get_state_display(), STATE_COLOURS[sms.state])

    @admin.display(description="State", ordering="state")
    def why(self, sms: OutboundSms) -> SafeString:
        return with_reason(self.in_words(sms), sms.reason)

    @admin.display(description="Number", ordering="number__e164")
    def number_link(self, sms: OutboundSms) -> SafeString | str:
        number = link(sms.number)
        return number if sms.answerable else with_reason(badge("cannot be answered", "info"), sms.number.e164)

    @admin.display(description="Conversation")
    def conversation_link(self, sms: OutboundSms) -> SafeString | str:
        return link(sms.conversation)

    @admin.display(description="Text")
    def text_in_full(self, sms: OutboundSms) -> SafeString:
        return in_full(sms.text)

    @admin.display(description="Encoding")
    def encoding(self, sms: OutboundSms) -> str:
        return "UCS-2 (has characters beyond the GSM alphabet)" if sms.unicode else "GSM-7"

    @admin.display(description="Price")
    def cost(self, sms: OutboundSms) -> str:
        if sms.price is None:
            return "not told by the vendor"
        return f"{in_money(sms.price, sms.currency)} for {sms.segments} part{'s' if sms.segments > 1 else ''}"

    @admin.display(description="What it tells of")
    def notices_table(self, sms: OutboundSms) -> SafeString | str:
        notices = sms.notices.select_related("message").defer("message__text", "message__parts").order_by("due_at")
        rows = [
            [link(one, one.message.key), when(one.due_at), one.get_state_display(), one.note or NOTHING]
            for one in notices
        ]
        return table(["Message", "Due", "State", "Note"], rows, none="of no message")

    @admin.display(description="What happened besides the plain way")
    def history(self, sms: OutboundSms) -> SafeString | str:
        rows = [[when(datetime.fromisoformat(moment)), State(state).label, words] for moment, state, words in sms.log]
        return table(["When", "Became", "Why"], rows, none="nothing")


@admin.register(Notice)
class NoticeAdmin(NamedAdmin[Notice], FactAdmin[Notice]):
    list_display = ["due", "who", "in_words", "why", "conversation_link", "sms_link", "attempts"]
    list_display_links = ["due"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("reason", ChoicesDropdownFilter),
        ("bridge", RelatedDropdownFilter),
    ]
    list_select_related = ["conversation", "sms"]
    defer_in_lists = ("sms__text", "sms__log")
    search_fields = ["user_id__exact", "message__key__exact", "conversation__key__exact"]
    search_help_text = "A whole user id, or the platform's whole id of a message or a conversation."
    ordering = ["-id"]
    fields = (
        *("who", "message", "conversation", "bridge", "in_words", "why", "note", "sms_link"),
        *("due_at", "next_at", "attempts"),
    )

    @admin.display(description="Due", ordering="due_at")
    def due(self, notice: Notice) -> SafeString | str:
        return when(notice.due_at)

    @admin.display(description="State", ordering="state")
    def in_words(self, notice: Notice) -> SafeString:
        return badge(notice.get_state_display(), NOTICE_COLOURS[notice.state])

    @admin.display(description="Reason", ordering="reason")
    def why(self, notice: Notice) -> str:
        return notice.get_reason_display() or NOTHING

    @admin.display(description="Conversation")
    def conversation_link(self, notice: Notice) -> SafeString | str:
        return link(notice.conversation)

    @admin.display(description="SMS")
    def sms_link(self, notice: Notice) -> SafeString | str:
        return link(notice.sms, notice.sms.get_state_display()) if notice.sms else NOTHING
