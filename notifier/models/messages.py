"""Messages: what they say, who has which, and when we look."""

from collections.abc import Sequence

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from notifier.models.configuration import ChatApp, Hook
from notifier.models.conversations import Conversation
from notifier.platforms.base import Rank


class Message(models.Model):
    """A chat message as far as we need it.

    Written by whichever event comes first: `sent_at` stays NULL until one shows the message itself, and a
    deletion is a tombstone. One that stands outside of the conversation's order, such as in a thread, has no
    `position`. `text` joins the text parts; `parts` is kept only when there is anything else,
    as a list of [mime type, text or null], followed by its URL and the moment (or null) until which that can be fetched
    where the platform told one.
    """

    chat_app = models.ForeignKey(ChatApp, models.CASCADE, db_index=False, db_constraint=False)
    conversation = models.ForeignKey(Conversation, models.CASCADE)
    key = models.CharField(max_length=255)
    sender_id = models.CharField(max_length=255, null=True)
    sender_name = models.CharField(max_length=255, null=True, help_text="Of a bot.")
    text = models.TextField(default="")
    parts = models.JSONField(null=True)
    sent_at = models.DateTimeField(null=True)
    position = models.BigIntegerField(
        null=True, help_text="Its place in the conversation's order, as the platform counts what was read up to where."
    )
    to_participants = models.BooleanField(
        null=True, help_text="For all who take part: the platform lists no recipients. Empty: it does."
    )
    edited_at = models.DateTimeField(null=True, help_text="By the platform's stamp: the newest edit counts.")
    changed_at = models.DateTimeField(null=True, help_text="By our clock: what was made of it before is out of date.")
    deleted_at = models.DateTimeField(null=True)
    trace = models.BigIntegerField(null=True, help_text="The inbox event that first told of it, as logs name it.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chat_app", "key"], name="message_once")]

    def __str__(self) -> str:
        return self.key

    @property
    def all_parts(self) -> Sequence[tuple[str, str | None]]:
        if self.parts is None:
            return [("text/plain", self.text)] if self.text else []
        return [(mime, body) for mime, body, *_ in self.parts]


class EarlyEdit(models.Model):
    """An edit of a message that was not seen itself yet: whether it is its sender's is known only then.

    The newest of each editor. A user has an `editor_id`, a bot an `editor_name`, and an edit that names nobody neither.
    """

    pk = models.CompositePrimaryKey("message_id", "editor_id", "editor_name")
    message = models.ForeignKey(Message, models.CASCADE, db_index=False, db_constraint=False)
    editor_id = models.CharField(max_length=255, blank=True)
    editor_name = models.CharField(max_length=255, blank=True)
    text = models.TextField()
    parts = models.JSONField(null=True)
    edited_at = models.DateTimeField(help_text="By the platform's stamp.")
    noted_at = models.DateTimeField(db_default=Now(), help_text="By our clock.")

    class Meta:
        verbose_name = "early edit"

    def __str__(self) -> str:
        return f"message {self.message_id}"


class Receipt(models.Model):
    """One recipient's status of one message: sent < delivered < read, and only upward."""

    pk = models.CompositePrimaryKey("message_id", "user_id")
    message = models.ForeignKey(Message, models.CASCADE, db_index=False, related_name="receipts", db_constraint=False)
    user_id = models.CharField(max_length=255)
    rank = models.SmallIntegerField(choices=[(int(rank), rank.name.lower()) for rank in Rank])

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(rank__gte=0) & Q(rank__lte=2), name="receipt_rank_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.get_rank_display()}"


class ReceiptCheck(models.Model):
    """Look at this message at `due_at`. Deleted when done; one that was given up has no `due_at`, and says why."""

    pk = models.CompositePrimaryKey("hook_id", "message_id")
    hook = models.ForeignKey(Hook, models.CASCADE, db_index=False, db_constraint=False)
    message = models.ForeignKey(Message, models.CASCADE, db_index=False, db_constraint=False)
    due_at = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)
    error = models.TextField(null=True)

    class Meta:
        verbose_name = "receipt check"
        indexes = [
            # check_receipts claims what is due
            models.Index(fields=["due_at"], name="check_due"),
        ]

    def __str__(self) -> str:
        return f"message {self.message_id} for hook {self.hook_id}"
