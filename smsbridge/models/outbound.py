"""What is to be sent: the decisions about each recipient, and the texts that carry them.

As on the chat side, every message passes through these: no foreign-key constraints to what is few and protected.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from notifier.models import Conversation, Message
from smsbridge.ids import uuid7
from smsbridge.models.configuration import Bridge, Number, VendorAccount
from smsbridge.models.fields import is_e164


class OutboundSms(models.Model):
    """One text to one phone, with its whole history."""

    class State(models.TextChoices):
        READY = "ready", "ready to be sent"
        SENDING = "sending", "being sent"
        SENT = "sent", "accepted by the vendor"
        DELIVERED = "delivered", "delivered"
        UNDELIVERED = "undelivered", "not delivered"
        UNCERTAIN = "uncertain", "perhaps sent"
        DEAD = "dead", "given up"
        WITHDRAWN = "withdrawn", "withdrawn before sending"
        CLOSED = "closed", "closed by an operator"

    class Purpose(models.TextChoices):
        """What it is for. All but the first answer a text that came in, and belong to no bridge and no conversation."""

        NOTICE = "notice", "tells of messages"
        OPTED_OUT = "opted out", "confirms STOP"
        OPTED_IN = "opted in", "confirms START"
        HELP = "help", "answers HELP"
        NO_REPLY = "no reply", "says that a reply cannot be posted"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    purpose = models.CharField(
        max_length=10, choices=Purpose.choices, default=Purpose.NOTICE, db_default=Purpose.NOTICE
    )
    bridge = models.ForeignKey(Bridge, models.PROTECT, null=True, db_index=False, db_constraint=False)
    account = models.ForeignKey(VendorAccount, models.PROTECT, db_index=False, db_constraint=False)
    number = models.ForeignKey(Number, models.PROTECT, db_index=False, db_constraint=False)
    conversation = models.ForeignKey(Conversation, models.CASCADE, null=True)
    user_id = models.CharField(max_length=255, blank=True)
    phone = models.CharField(max_length=16, db_index=True)
    country = models.CharField(max_length=2, blank=True, db_default="", help_text="Of the phone, ISO 3166.")
    zones = models.CharField(
        max_length=255, blank=True, db_default="", help_text="Time zones (IANA) that the person may be in, by comma."
    )
    text = models.TextField()
    segments = models.PositiveSmallIntegerField()
    unicode = models.BooleanField()
    introduces = models.BooleanField(default=False)
    due_at = models.DateTimeField(help_text="When its oldest notice was due.")
    state = models.CharField(max_length=12, choices=State.choices, default=State.READY)
    next_at = models.DateTimeField(
        help_text="Ready: when it is tried. Sending: when it counts as uncertain. Uncertain: when it is looked up."
    )
    claim = models.UUIDField(null=True)
    attempts = models.SmallIntegerField(default=0)
    lookups = models.SmallIntegerField(default=0, db_default=0, help_text="How often the vendor was asked about it.")
    trace = models.BigIntegerField(null=True, help_text="The event that led to it, as logs name it.")
    read_at = models.DateTimeField(null=True, help_text="What was edited since is not in it, and is composed anew.")
    vendor_id = models.CharField(max_length=120, null=True)
    vendor_id_guessed = models.BooleanField(
        default=False, db_default=False, help_text="The vendor's id is of a look-up that found the same words, no more."
    )
    reason = models.TextField(blank=True)
    part_note = models.TextField(
        blank=True, default="", db_default="", help_text="Which parts were not accepted, or did not arrive."
    )
    code = models.CharField(max_length=40, blank=True)
    price = models.DecimalField(max_digits=10, decimal_places=5, null=True)
    currency = models.CharField(max_length=3, blank=True, db_default="", help_text="ISO 4217.")
    media = models.JSONField(null=True, help_text="What goes along as pictures and the like: [URL, type] of each.")
    media_until = models.DateTimeField(null=True, help_text="When the first of these URLs ends.")
    tags = models.JSONField(null=True, help_text="What the project's own function tagged it with.")
    answerable = models.BooleanField(
        default=True, db_default=True, help_text="Not: its sender stands for no conversation, and an answer is lost."
    )
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    log = models.JSONField(default=list, help_text="What happened besides the plain way: [time, state, words].")

    class Meta:
        verbose_name = "outbound SMS"
        verbose_name_plural = "outbound SMS"
        constraints = [
            models.UniqueConstraint(
                fields=["account", "vendor_id"], name="outbound_vendor_id_once", condition=Q(vendor_id__isnull=False)
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "ready",
                        "sending",
                        "sent",
                        "delivered",
                        "undelivered",
                        "uncertain",
                        "dead",
                        "withdrawn",
                        "closed",
                    ]
                ),
                name="outbound_state_is_known",
            ),
            is_e164("phone", "outbound_phone_is_e164"),
        ]
        indexes = [
            # send_sms claims what is due; sweep looks for sends that ran out
            models.Index(fields=["state", "next_at"], name="outbound_due", condition=Q(state__in=["ready", "sending"])),
            # send_sms keeps the texts of one thread in order
            models.Index(
                fields=["phone", "number"], name="outbound_in_order", condition=Q(state__in=["ready", "sending"])
            ),
            # the operator's list of what needs a decision
            models.Index(fields=["state"], name="outbound_open", condition=Q(state__in=["uncertain", "dead"])),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Notice(models.Model):
    """The decision about one recipient of one message: to be texted, or why not."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        IN_SMS = "in_sms", "in an SMS"
        SKIPPED = "skipped", "not texted"

    class Reason(models.TextChoices):
        NONE = "", ""
        READ = "read", "has read it"
        DELETED = "deleted", "the message was deleted"
        LEFT = "left", "has left the conversation"
        MUTED = "muted", "has muted the conversation"
        NO_IDENTITY = "no identity", "the platform does not know this user"
        NO_PHONE = "no phone", "no phone that can be texted"
        OPTED_OUT = "opted out", "does not want texts"
        POOL_USED_UP = "pool used up", "every number of the pool stands for another conversation of this person"
        EMPTY = "empty", "nothing in the message that could be texted"
        TEMPLATE = "template", "the template left nothing to send"
        TOO_OLD = "too old", "could not be sent in time"
        COUNTRY = "country", "a phone of a country that is not texted"
        PREMIUM = "premium", "a number that costs those who text it"
        PHONE_CAP = "phone cap", "had as many texts as allowed for a day"
        BLOCKED = "blocked", "blocked by the project's own function"
        UNTEXTABLE = "untextable", "a phone that cannot receive texts"
        CONVERSATION_CAP = "conversation cap", "the conversation had as many texts as allowed for a day"

    bridge = models.ForeignKey(Bridge, models.CASCADE, db_index=False, db_constraint=False)
    message = models.ForeignKey(Message, models.CASCADE, db_index=False, db_constraint=False)
    conversation = models.ForeignKey(Conversation, models.CASCADE, db_index=False, db_constraint=False)
    user_id = models.CharField(max_length=255)
    due_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=20, choices=Reason.choices, blank=True, default="")
    next_at = models.DateTimeField()
    claim = models.UUIDField(null=True)
    attempts = models.SmallIntegerField(default=0)
    sms = models.ForeignKey(OutboundSms, models.SET_NULL, null=True, related_name="notices")
    note = models.TextField(blank=True, default="")
    in_words = models.BooleanField(
        default=False, db_default=False, help_text="Pictures of the message were refused: they are told in words."
    )
    asked = models.SmallIntegerField(
        default=0, db_default=0, help_text="How often the project's own function was called for it and did not return."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "user_id", "bridge"], name="notice_once"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "in_sms", "skipped"]), name="notice_state_is_known"
            ),
            models.CheckConstraint(condition=~Q(state="skipped") | ~Q(reason=""), name="notice_skipped_says_why"),
        ]
        indexes = [
            # compose_sms claims what is due
            models.Index(fields=["next_at"], name="notice_due", condition=Q(state="waiting")),
            # compose_sms gathers what goes into the same SMS
            models.Index(fields=["conversation", "user_id"], name="notice_together", condition=Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.message} to {self.user_id}"
