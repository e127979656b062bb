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
        KEYWORD = "keyword", "a keyword, not posted"
        DEAD = "dead", "given up"
        CLOSED = "closed", "closed by an operator"

    account = models.ForeignKey(VendorAccount, models.PROTECT, db_index=False)
    vendor_id = models.CharField(max_length=120)
    number = models.CharField(max_length=20, help_text="The number that it was sent to.")
    phone = models.CharField(max_length=20, help_text="The phone that it came from.")
    text = models.TextField()
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
    conversation = models.ForeignKey(Conversation, models.SET_NULL, null=True, db_index=False)
    user_id = models.CharField(max_length=255, blank=True, default="", db_default="")
    trace = models.BigIntegerField(null=True, help_text="The event that led to the text it answers.")
    posted_as = models.CharField(max_length=255, blank=True, default="", db_default="")
    settled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "inbound SMS"
        verbose_name_plural = "inbound SMS"
        constraints = [models.UniqueConstraint(fields=["account", "vendor_id"], name="inbound_once")]
        indexes = [
            # post_replies claims what is due
            models.Index(fields=["next_at"], name="inbound_due", condition=Q(state="waiting")),
            # post_replies keeps the texts of one phone in order
            models.Index(fields=["phone", "number"], name="inbound_in_order", condition=Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"
