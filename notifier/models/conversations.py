"""Conversations: who takes part, who has left, and who has read up to where."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from notifier.models.configuration import ChatApp


class Conversation(models.Model):
    """`key` is the platform's id. A deleted one keeps its row, so that a late event does not revive it."""

    chat_app = models.ForeignKey(ChatApp, models.CASCADE, db_index=False)
    key = models.CharField(max_length=255)
    title = models.TextField(null=True)
    deleted_at = models.DateTimeField(null=True)
    encrypted = models.BooleanField(default=False, db_default=False, help_text="Its words are hidden from us.")
    roster_known = models.BooleanField(
        default=False, db_default=False, help_text="The platform told once who takes part; events tell what changes."
    )
    listed_at = models.DateTimeField(
        null=True, help_text="By the platform's stamp: as of when an event last listed all who take part."
    )
    roster_due_at = models.DateTimeField(
        null=True,
        help_text="When the platform is asked next who takes part. Empty: that is known, or comes with events.",
    )
    roster_attempts = models.SmallIntegerField(default=0, db_default=0)
    roster_error = models.TextField(default="", db_default="", blank=True)
    roster_again_at = models.DateTimeField(
        null=True,
        help_text="From when on news of the conversation let the platform be asked again, once it was given up.",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chat_app", "key"], name="conversation_once")]
        indexes = [
            # the roster stage claims what is due
            models.Index(fields=["roster_due_at"], name="roster_due", condition=Q(roster_due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.title or self.key


class Participant(models.Model):
    """Somebody who takes part in a conversation of a platform that does not list the recipients of each message.

    `since` is the place in the conversation from which on messages are for him, as `Message.position` is; `came` the
    last one in which we were told that he came.
    """

    pk = models.CompositePrimaryKey("conversation_id", "user_id")
    conversation = models.ForeignKey(Conversation, models.CASCADE, db_index=False, db_constraint=False)
    user_id = models.CharField(max_length=255)
    since = models.BigIntegerField(default=0, db_default=0)
    came = models.BigIntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        return self.user_id


class Watermark(models.Model):
    """Up to which message of a conversation somebody has read: one row for all of them.

    `message` is the platform's id of that one. `position` is empty as long as the message itself is not known to us;
    of those that are known only the last one is kept.
    """

    pk = models.CompositePrimaryKey("conversation_id", "user_id", "message")
    conversation = models.ForeignKey(Conversation, models.CASCADE, db_index=False, db_constraint=False)
    user_id = models.CharField(max_length=255)
    message = models.CharField(max_length=255)
    position = models.BigIntegerField(null=True)
    marked_at = models.DateTimeField(db_default=Now(), help_text="By our clock.")

    def __str__(self) -> str:
        return f"{self.user_id} up to {self.message}"


class Departure(models.Model):
    """Somebody left a conversation: messages sent to him before are no longer reported."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, db_index=False)
    user_id = models.CharField(max_length=255)
    left_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "user_id"], name="departure_once")]

    def __str__(self) -> str:
        return self.user_id
