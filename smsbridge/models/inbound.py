"""What came in."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from notifier.models import Conversation
from smsbridge.models.configuration import VendorAccount


class InboundSms(models.Model):
    """One text received, and what became of it."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        POSTED = "posted", "posted to the chat"
        UNROUTED = "unrouted", "no conversation known for it"
        REFUSED = "refused", "cannot be posted into this chat"
        KEYWORD = "keyword", "a keyword, not posted"
        BLOCKED = "blocked", "blocked by the project's own function"
        DEAD = "dead", "given up"
        CLOSED = "closed", "closed by an operator"

    account = models.ForeignKey(VendorAccount, models.PROTECT, db_index=False)
    vendor_id = models.CharField(max_length=120)
    number = models.CharField(max_length=20, help_text="The number that it was sent to.")
    phone = models.CharField(max_length=20, help_text="The phone that it came from.")
    text = models.TextField()
    meaning = models.CharField(
        max_length=5, blank=True, db_default="", help_text="What the vendor took it for: stop, start or help."
    )
    media = models.JSONField(default=list)
    received_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(
        null=True, help_text="By the vendor's stamp, when it came late: what its number stood for then counts."
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING, db_default=State.WAITING)
    reason = models.TextField(blank=True, default="", db_default="")
    next_at = models.DateTimeField(db_default=Now())
    claim = models.UUIDField(null=True)
    attempts = models.SmallIntegerField(default=0, db_default=0)
    post_began = models.BooleanField(
        default=False, db_default=False, help_text="A post of it may have reached the chat: its words are settled."
    )
    asked = models.SmallIntegerField(
        default=0, db_default=0, help_text="How often the project's own function was called for it and did not return."
    )
    conversation = models.ForeignKey(Conversation, models.SET_NULL, null=True, db_index=False)
    user_id = models.CharField(max_length=255, blank=True, default="", db_default="")
    trace = models.BigIntegerField(null=True, help_text="The event that led to the text it answers.")
    posted_as = models.CharField(max_length=255, blank=True, default="", db_default="")
    settled_at = models.DateTimeField(null=True)
    tags = models.JSONField(null=True, help_text="What the project's own function tagged it with.")
    part_reference = models.CharField(max_length=120, blank=True, db_default="", help_text="Of one in several parts.")
    part_total = models.SmallIntegerField(null=True, help_text="How many parts it has, where it came in several.")
    part_note = models.TextField(
        blank=True, default="", db_default="", help_text="Which parts did not come in time: stands in the reason."
    )

    class Meta:
        verbose_name = "inbound SMS"
        verbose_name_plural = "inbound SMS"
        constraints = [models.UniqueConstraint(fields=["account", "vendor_id"], name="inbound_once")]
        indexes = [
            # post_replies claims what is due
            models.Index(fields=["next_at"], name="inbound_due", condition=Q(state="waiting")),
            # post_replies keeps the texts of one phone in order
            models.Index(
                fields=["phone", "number", "account", "id"], name="inbound_first", condition=Q(state="waiting")
            ),
            # a part finds the text that it belongs to
            models.Index(
                fields=["phone", "number", "part_reference"],
                name="inbound_of_part",
                condition=Q(part_total__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class InboundPart(models.Model):
    """One part of a text that came in several; its row stays as long as the text's, so that a repeat is known."""

    sms = models.ForeignKey(InboundSms, models.CASCADE, related_name="parts")
    account = models.ForeignKey(VendorAccount, models.PROTECT, db_index=False)
    vendor_id = models.CharField(max_length=120)
    place = models.SmallIntegerField(help_text="Counted from 1.")
    text = models.TextField()
    said_at = models.DateTimeField(null=True, help_text="The vendor's stamp.")
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "part of an inbound SMS"
        verbose_name_plural = "parts of inbound SMS"
        constraints = [
            models.UniqueConstraint(fields=["account", "vendor_id"], name="inbound_part_once"),
            models.UniqueConstraint(fields=["sms", "place"], name="inbound_part_place_once"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"
