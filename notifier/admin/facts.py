"""Conversations and messages as the chat told us of them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter

from notifier.admin_base import NOTHING, FactAdmin, badge, in_full, link, related, table, when
from notifier.models import Conversation, Message, Participant, Receipt, ReceiptCheck
from notifier.services.roster_rows import ask_again

_MOST_SHOWN = 100


class RosterFilter(DropdownFilter):
    """Conversations whose platform was to be asked who takes part."""

    title = "who takes part"
    parameter_name = "roster"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("asked", "is being asked"), ("missing", "could not be learnt")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "asked":
            return queryset.filter(roster_due_at__isnull=False)
        missing = queryset.filter(roster_due_at__isnull=True).exclude(roster_error="")
        return missing if self.value() == "missing" else queryset


@admin.register(Conversation)
class ConversationAdmin(FactAdmin[Conversation]):
    list_display = ["__str__", "key", "chat_app", "fate"]
    list_filter = [("chat_app", RelatedDropdownFilter), RosterFilter]
    list_select_related = ["chat_app"]
    defer_in_lists = ("chat_app__secrets",)
    search_fields = ["title", "key"]
    search_help_text = "Part of its title or of the platform's id."
    ordering = ["-id"]
    fields = ("chat_app", "key", "title", "encrypted", "deleted_at", "participants", "roster", "departed", "see")
    actions = ["ask_who_takes_part"]

    @admin.display(description="State", ordering="deleted_at")
    def fate(self, conversation: Conversation) -> SafeString | str:
        if conversation.deleted_at:
            return badge("deleted", "danger")
        if conversation.roster_error and not conversation.roster_due_at:
            return badge("nobody known in it", "danger")
        return badge("encrypted", "info") if conversation.encrypted else NOTHING

    @admin.display(description="Who takes part")
    def participants(self, conversation: Conversation) -> str:
        users = Participant.objects.filter(conversation=conversation).order_by("user_id")
        shown = list(users.values_list("user_id", flat=True)[:_MOST_SHOWN])
        more = ["and more"] if len(shown) == _MOST_SHOWN else []
        return ", ".join(shown + more) or "nobody is known; each message may list its recipients itself"

    @admin.display(description="Asking who takes part")
    def roster(self, conversation: Conversation) -> SafeString | str:
        if conversation.roster_due_at:
            due, error = when(conversation.roster_due_at), conversation.roster_error
            return format_html("next at {}{}", due, f", as: {error}" if error else "")
        known = "done, or told by events" if conversation.roster_known else "not needed"
        return f"given up: {conversation.roster_error}" if conversation.roster_error else known

    @admin.action(description="Ask again who takes part, where that could not be learnt", permissions=["act"])
    def ask_who_takes_part(self, request: HttpRequest, conversations: QuerySet[Conversation]) -> None:
        chosen = list(conversations)
        asked = [one for one in chosen if one.roster_error and not one.roster_due_at]
        self.log_all(request, asked, "Asked again who takes part.")
        self.tell(request, ask_again([one.pk for one in chosen]), "Asked again", selected=len(chosen))

    @admin.display(description="Who has left")
    def departed(self, conversation: Conversation) -> SafeString | str:
        rows = conversation.departure_set.order_by("left_at").values_list("user_id", "left_at")
        return table(["User", "Left"], list(rows), none="nobody")

    @admin.display(description="See also")
    def see(self, conversation: Conversation) -> SafeString | str:
        return related(conversation, "conversation")


@admin.register(Message)
class MessageAdmin(FactAdmin[Message]):
    list_display = ["sent", "sender", "conversation_link", "key", "fate"]
    list_filter = [("chat_app", RelatedDropdownFilter)]
    list_select_related = ["conversation"]
    defer_in_lists = ("text", "parts")
    search_fields = ["key__exact", "sender_id__exact", "conversation__key__exact"]
    search_help_text = "The platform's whole id of the message, its sender or its conversation."
    ordering = ["-id"]
    fields = (
        *("chat_app", "conversation", "key", "sender", "sent_at", "deleted_at", "text_in_full", "other_parts"),
        *("receipts_table", "checks", "see"),
    )

    @admin.display(description="Sent", ordering="sent_at")
    def sent(self, message: Message) -> SafeString | str:
        return when(message.sent_at, none="not seen itself yet")

    @admin.display(description="Sender", ordering="sender_id")
    def sender(self, message: Message) -> str:
        return message.sender_id or (f"{message.sender_name} (a bot)" if message.sender_name else "not known yet")

    @admin.display(description="Conversation")
    def conversation_link(self, message: Message) -> SafeString | str:
        return link(message.conversation)

    @admin.display(description="State", ordering="deleted_at")
    def fate(self, message: Message) -> SafeString | str:
        return badge("deleted", "danger") if message.deleted_at else NOTHING

    @admin.display(description="Text")
    def text_in_full(self, message: Message) -> SafeString | str:
        return in_full(message.text) if message.text else NOTHING

    @admin.display(description="Parts that are not text")
    def other_parts(self, message: Message) -> str:
        kinds = [mime for mime, _ in message.all_parts if not mime.startswith("text/")]
        return ", ".join(kinds) or "none"

    @admin.display(description="Who has received or read it")
    def receipts_table(self, message: Message) -> SafeString | str:
        receipts = Receipt.objects.filter(message=message).order_by("-rank", "user_id")
        return table(["User", "Status"], [[one.user_id, one.get_rank_display()] for one in receipts], none="nobody yet")

    @admin.display(description="Still to be looked at")
    def checks(self, message: Message) -> SafeString | str:
        checks = ReceiptCheck.objects.filter(message=message).select_related("hook").defer("hook__secret")
        rows = [
            [link(one.hook), when(one.due_at, none="given up"), one.attempts, one.error or NOTHING] for one in checks
        ]
        return table(["Hook", "Due", "Failed tries", "Error"], rows, none="no")

    @admin.display(description="See also")
    def see(self, message: Message) -> SafeString | str:
        return related(message, "message")
