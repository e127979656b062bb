"""The chat side's rows: what we listen to, what we were told, and what is still to be looked at.

Identity is decided by the constraints below, never by code. Each partial index serves exactly one
query of a worker, named beside it. The tables that every message passes through have no foreign-key constraints
to rows that are written in the same transaction or are few and protected: each would be checked again at commit, for
a tenth of all that a message costs the database.
"""

from collections.abc import Sequence

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from notifier.fields import SecretsField, SecretTextField
from notifier.platforms.base import Rank


class ChatApp(models.Model):
    """One chat application on one platform."""

    slug = models.SlugField(unique=True, help_text="Used in commands and logs.")
    name = models.CharField(max_length=100)
    platform = models.CharField(max_length=40, help_text="Key of the platform adapter, such as layer.")
    options = models.JSONField(default=dict, blank=True)
    secrets = SecretsField(default=dict, blank=True, null=True)
    paused = models.BooleanField(default=False, help_text="While paused, events are kept and nobody is texted.")
    organisation = models.CharField(
        max_length=100, blank=True, db_default="", help_text="Whose chat it is. Empty: everybody's here."
    )

    class Meta:
        verbose_name = "chat app"

    def __str__(self) -> str:
        return self.name


class Hook(models.Model):
    """What we listen to for a chat app, at a URL of its own: /webhooks/chat/<slug>/."""

    class Kind(models.TextChoices):
        RECEIPTS = "receipts", "Receipts: tell who has not read a message after a delay"
        LISTEN = "listen", "Listen: hand each event to the project's own code"

    class Identities(models.TextChoices):
        OFF = "off", "Off: no names, no phones"
        PLATFORM = "platform", "Ask the platform"
        FUNCTION = "function", "Own function, by dotted path"

    chat_app = models.ForeignKey(ChatApp, models.CASCADE, related_name="hooks")
    slug = models.SlugField(unique=True, help_text="The last part of the hook's URL.")
    name = models.CharField(max_length=100, help_text="Registered with the platform, to find our own webhooks again.")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.RECEIPTS)
    events = models.JSONField(default=list, blank=True, help_text="Event names; empty means what the kind needs.")
    delay = models.DurationField(help_text="How long a message may stay unread (receipts), or an event wait (listen).")
    report_for_status = models.JSONField(
        default=list, blank=True, help_text='Statuses that count as unread: "sent", "delivered". Empty means both.'
    )
    identities = models.CharField(max_length=10, choices=Identities.choices, default=Identities.PLATFORM)
    identity_function = models.CharField(max_length=200, blank=True, help_text="Dotted path, for own function.")
    secret = SecretTextField(
        blank=True, null=True, help_text="Signing secret; several, by comma, while one is changed."
    )
    enabled = models.BooleanField(default=True)
    webhook_id = models.CharField(max_length=200, blank=True, editable=False)
    registered_as = models.CharField(max_length=64, blank=True, editable=False)
    registering_until = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return self.slug

    @property
    def secrets(self) -> list[str]:
        """The newest first: the one to register with."""
        return [part.strip() for part in (self.secret or "").split(",") if part.strip()]

    @property
    def reported_ranks(self) -> list[int]:
        words = self.report_for_status or ["sent", "delivered"]
        return [int(Rank[word.upper()]) for word in words]


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


class Conversation(models.Model):
    """`key` is the platform's id. A deleted one keeps its row, so that a late event does not revive it."""

    chat_app = models.ForeignKey(ChatApp, models.CASCADE, db_index=False)
    key = models.CharField(max_length=255)
    title = models.TextField(null=True)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chat_app", "key"], name="conversation_once")]

    def __str__(self) -> str:
        return self.title or self.key


class Departure(models.Model):
    """Somebody left a conversation: messages sent to him before are no longer reported."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, db_index=False)
    user_id = models.CharField(max_length=255)
    left_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "user_id"], name="departure_once")]

    def __str__(self) -> str:
        return self.user_id


class Message(models.Model):
    """A chat message as far as we need it.

    Written by whichever event comes first: `sent_at` stays NULL until one shows the message itself, and a
    deletion is a tombstone. `text` joins the text parts; `parts` is kept only when there is anything else,
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


class Tally(models.Model):
    """A count of one kind of happening, summed over all processes, for /metrics."""

    name = models.CharField(max_length=80)
    labels = models.JSONField(default=dict)
    key = models.CharField(max_length=255, primary_key=True, help_text="Name and labels, in one fixed spelling.")
    value = models.FloatField(default=0)

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return self.key


class Heartbeat(models.Model):
    """A worker's signs of life: its own clock, and the last ring that it took from the broker."""

    worker = models.CharField(max_length=120, primary_key=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    consumed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.worker
