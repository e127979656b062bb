"""What platforms delivered, until it is worked on."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from notifier.models.configuration import Hook


class InboxEvent(models.Model):
    """One delivery as accepted, raw, once. It is deleted in the transaction that makes its effect visible."""

    class State(models.IntegerChoices):
        WAITING = 0, "waiting"
        FAILED = 1, "failed"

    hook = models.ForeignKey(Hook, models.CASCADE, db_index=False)
    key = models.CharField(max_length=255)
    conversation = models.CharField(max_length=255, null=True, help_text="Empty: it may be about any conversation.")
    received_at = models.DateTimeField(db_default=Now())
    state = models.SmallIntegerField(choices=State.choices, default=State.WAITING, db_default=State.WAITING)
    body = models.BinaryField()
    error = models.TextField(null=True)

    class Meta:
        verbose_name = "inbox event"
        constraints = [models.UniqueConstraint(fields=["hook", "key"], name="inbox_once")]
        indexes = [
            # drain_inbox claims the oldest
            models.Index(fields=["id"], name="inbox_waiting", condition=Q(state=0)),
            # check_receipts and send_sms: is anything undrained about this conversation?
            models.Index(fields=["conversation", "received_at"], name="inbox_conversation", condition=Q(state=0)),
        ]

    def __str__(self) -> str:
        return self.key


class ListenedEvent(models.Model):
    """One event on its way to the project's own code. Its key is kept 30 days, so that a repeat is not told twice."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        DEAD = "dead"

    hook = models.ForeignKey(Hook, models.CASCADE, db_index=False)
    key = models.CharField(max_length=255)
    body = models.TextField(help_text="Empty once it was told.")
    received_at = models.DateTimeField()
    next_at = models.DateTimeField(help_text="When it is told next.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    claim = models.UUIDField(null=True)
    attempts = models.SmallIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        verbose_name = "listened event"
        constraints = [models.UniqueConstraint(fields=["hook", "key"], name="listened_once")]
        indexes = [
            # tell_listeners claims what is due
            models.Index(fields=["next_at"], name="listened_due", condition=Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return self.key
