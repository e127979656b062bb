"""Conversations and messages as the chat told us of them."""

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RelatedDropdownFilter

from notifier.admin_base import NOTHING, FactAdmin, badge, in_full, link, related, table, when
from notifier.models import Conversation, Message, Receipt, ReceiptCheck


@admin.register(Conversation)
class ConversationAdmin(FactAdmin[Conversation]):
    list_display = ["__str__", "key", "chat_app", "fate"]
    list_filter = [("chat_app", RelatedDropdownFilter)]
    list_select_related = ["chat_app"]
    defer_in_lists = ("chat_app__secrets",)
    search_fields = ["title", "key"]
    search_help_text = "Part of its title or of the platform's id."
    ordering = ["-id"]
    fields = ("chat_app", "key", "title", "deleted_at", "departed", "see")

    @admin.display(description="State", ordering="deleted_at")
    def fate(self, conversation: Conversation) -> SafeString | str:
        return badge("deleted", "danger") if conversation.deleted_at else NOTHING

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
