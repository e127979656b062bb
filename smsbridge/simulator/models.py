"""What the pretend outside world remembers. Identity of everything is held by unique constraints, not by code."""

from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.utils import timezone


class Row(models.Model):
    """Shown by kind and key only: texts and phones have no place in logs."""

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class User(Row):
    """A user whom the chat server has seen: once a participant, or given an identity."""

    user_id = models.TextField(primary_key=True)


class Identity(Row):
    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="identity")
    properties = models.JSONField(default=dict)


class Block(Row):
    owner = models.TextField()
    blocked = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "blocked"], name="simulator_block_once")]


class Conversation(Row):
    """`distinct_key` is a digest of the participants while the conversation is the distinct one of that set."""

    uid = models.UUIDField(unique=True, default=uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    distinct_key = models.CharField(max_length=64, null=True, unique=True)
    metadata = models.JSONField(default=dict)
    deleted_at = models.DateTimeField(null=True)


class Participant(Row):
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="members")
    user_id = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "user_id"], name="simulator_member_once")]
        indexes = [models.Index(fields=["user_id"], name="simulator_member_user")]


class Message(Row):
    """Deleted messages stay as tombstones, so that a repeated send with the same UUID does not revive them."""

    uid = models.UUIDField(unique=True, default=uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="messages")
    sender_user = models.TextField(null=True)
    sender_name = models.TextField(null=True)
    sent_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(sender_user__isnull=True, sender_name__isnull=False)
                | Q(sender_user__isnull=False, sender_name__isnull=True),
                name="simulator_one_sender",
            )
        ]


class Part(Row):
    message = models.ForeignKey(Message, models.CASCADE, related_name="parts")
    position = models.PositiveSmallIntegerField()
    mime_type = models.TextField()
    body = models.TextField()
    encoding = models.CharField(max_length=16, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["message", "position"], name="simulator_part_once")]


class Receipt(Row):
    """One recipient's status of one message; `rank` only ever grows."""

    class Rank(models.IntegerChoices):
        SENT = 1
        DELIVERED = 2
        READ = 3

    message = models.ForeignKey(Message, models.CASCADE, related_name="receipts")
    user_id = models.TextField()
    rank = models.PositiveSmallIntegerField(choices=Rank, default=Rank.SENT)
    received_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "user_id"], name="simulator_receipt_once")]
        indexes = [models.Index(fields=["user_id", "rank"], name="simulator_receipt_user")]


class Announcement(Row):
    uid = models.UUIDField(unique=True, default=uuid4, editable=False)
    sent_at = models.DateTimeField(default=timezone.now)
    content = models.JSONField()


class Webhook(Row):
    class Status(models.TextChoices):
        UNVERIFIED = "unverified"
        ACTIVE = "active"
        INACTIVE = "inactive"

    uid = models.UUIDField(unique=True, default=uuid4, editable=False)
    dedupe_key = models.UUIDField(unique=True, null=True)
    version = models.CharField(max_length=8)
    target_url = models.TextField()
    events = models.JSONField()
    secret = models.TextField()
    config = models.JSONField(default=dict)
    status = models.CharField(max_length=16, choices=Status, default=Status.UNVERIFIED)
    status_reason = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)


class Service(Row):
    """A messaging service at the pretend vendor."""

    uid = models.UUIDField(unique=True, default=uuid4, editable=False)
    name = models.TextField()
    inbound_url = models.TextField(blank=True)
    status_url = models.TextField(blank=True)


class NumberOrder(Row):
    """A number that is being bought at the pretend vendor; `asked` counts how often somebody wanted to know."""

    uid = models.UUIDField(unique=True, default=uuid4, editable=False)
    e164 = models.CharField(max_length=16)
    asked = models.PositiveSmallIntegerField(default=0)


class Number(Row):
    """A number at the pretend vendor. `dialect` says how its inbound texts are written to `inbound_url`."""

    e164 = models.CharField(max_length=16, primary_key=True)
    inbound_url = models.TextField(blank=True)
    dialect = models.CharField(max_length=20, default="fake")  # a key of `dialects`
    service = models.ForeignKey(Service, models.SET_NULL, null=True, related_name="numbers")


class Phone(Row):
    e164 = models.CharField(max_length=16, primary_key=True)
    owner = models.TextField(blank=True)


class Text(Row):
    """One SMS as the phone shows it: received from a number, or sent to it."""

    class Status(models.TextChoices):
        DELIVERED = "delivered"  # received by the phone, or its answer taken by the receiver
        WAITING = "waiting"  # sent by the phone, not yet taken by the receiver
        LOST = "lost"  # sent by the phone, and nobody took it

    uid = models.CharField(max_length=64, unique=True)
    phone = models.ForeignKey(Phone, models.CASCADE, related_name="texts")
    number = models.CharField(max_length=16)
    received = models.BooleanField()
    text = models.TextField()
    reference = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)
    segments = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=16, choices=Status)
    media = models.JSONField(default=list)


class Delivery(Row):
    """One HTTP call that waits to be made, or to be made again.

    `lane` names the receiver: lanes do not hold each other up. A claim moves `due_at` to the future
    on condition that it is unchanged, so that of several processes one makes the call.
    """

    class Kind(models.TextChoices):
        HANDSHAKE = "handshake"
        EVENT = "event"
        SMS = "sms"  # a text or a receipt, by a vendor: `dialect` says which

    lane = models.TextField()
    kind = models.CharField(max_length=16, choices=Kind)
    dialect = models.CharField(max_length=20, blank=True)
    method = models.CharField(max_length=8, default="POST")
    url = models.TextField()
    content_type = models.TextField(blank=True)
    body = models.TextField(blank=True)
    event_type = models.TextField(blank=True)
    request_id = models.UUIDField(default=uuid4)
    webhook = models.ForeignKey(Webhook, models.CASCADE, null=True, related_name="deliveries")
    text = models.ForeignKey(Text, models.CASCADE, null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["due_at", "id"]
        indexes = [models.Index(fields=["lane", "due_at"], name="simulator_delivery_due")]


class Faults(Row):
    """At most one row (id 1): the faults asked for at run time."""

    settings = models.JSONField(default=dict)
