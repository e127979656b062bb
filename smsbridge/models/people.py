"""Whom we may text, whom not, and which number stands for what on whose phone."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from notifier.models import ChatApp, Conversation
from smsbridge.models.configuration import Number, VendorAccount
from smsbridge.models.fields import E164, is_e164
from smsbridge.models.outbound import OutboundSms
from smsbridge.phones import mask


class Contact(models.Model):
    """A chat user as we may text him. `phone` is E.164, or empty when there is none that can be texted."""

    chat_app = models.ForeignKey(ChatApp, models.CASCADE, db_index=False)
    user_id = models.CharField(max_length=255)
    name = models.CharField(max_length=255, blank=True)
    phone = models.CharField(max_length=16, blank=True, db_index=True)
    time_zone = models.CharField(
        max_length=64, blank=True, db_default="", help_text="IANA name, such as Europe/Zurich. Empty: by the phone."
    )
    custom = models.JSONField(default=dict, blank=True, help_text="Everything else that the source said.")
    source = models.CharField(max_length=20, help_text="Where this came from: platform, function, admin, import.")
    fetched_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chat_app", "user_id"], name="contact_once"),
            models.CheckConstraint(condition=Q(phone="") | Q(phone__regex=E164), name="contact_phone_is_e164"),
        ]

    def __str__(self) -> str:
        """The key alone: the audit keeps it for ever, and must not keep whose contact it was."""
        return f"{self._meta.verbose_name} {self.pk}"


class OptOut(models.Model):
    """A phone that must not be texted, whatever number or vendor it would be from."""

    phone = models.CharField(max_length=16, unique=True)
    since = models.DateTimeField(db_default=Now())
    source = models.CharField(max_length=40, help_text="Who said so: keyword, vendor, operator.")
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = "opt-out"
        constraints = [is_e164("phone", "optout_is_e164")]

    def __str__(self) -> str:
        return mask(self.phone)


class ConsentEvent(models.Model):
    """One entry of the consent ledger: who said what about being texted, when, and by which way. Never changed."""

    class What(models.TextChoices):
        OUT = "out", "opted out"
        IN = "in", "opted in again"
        HELP = "help", "asked for help"

    phone = models.CharField(max_length=16, db_index=True)
    at = models.DateTimeField(db_default=Now())
    what = models.CharField(max_length=4, choices=What.choices)
    source = models.CharField(max_length=40, help_text="Who said so: keyword, vendor, operator.")
    note = models.CharField(max_length=200, blank=True, help_text="The keyword, the vendor's code, the operator.")
    account = models.ForeignKey(VendorAccount, models.SET_NULL, null=True, db_index=False)

    class Meta:
        verbose_name = "consent event"
        constraints = [is_e164("phone", "consent_phone_is_e164")]

    def __str__(self) -> str:
        return f"{mask(self.phone)} {self.get_what_display()}"


class Lease(models.Model):
    """One number standing for one conversation on one phone, until `expires_at`.

    An expired lease keeps its row until the number is taken over, so the person's next text finds it gone
    only when somebody else's conversation needed it. So does one that its conversation has left for another number:
    until it expires nothing else gets the number on this phone, where an answer would reach the wrong people.
    """

    number = models.ForeignKey(Number, models.PROTECT, related_name="leases")
    phone = models.CharField(max_length=16)
    conversation = models.ForeignKey(Conversation, models.CASCADE, db_index=True)
    user_id = models.CharField(max_length=255)
    linked_at = models.DateTimeField(help_text="Since when the number stands for this conversation.")
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField()
    left_at = models.DateTimeField(
        null=True, help_text="Since when its conversation has another one; until it expires it stands for nothing else."
    )
    # No constraint: each text that is forgotten would be looked for among all leases, and an index costs each new link.
    introduced_by = models.ForeignKey(
        OutboundSms, models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False
    )

    class Meta:
        verbose_name = "number assignment"
        constraints = [
            models.UniqueConstraint(fields=["phone", "number"], name="lease_phone_number"),
            models.UniqueConstraint(
                fields=["user_id", "conversation"], condition=Q(left_at__isnull=True), name="lease_user_conversation"
            ),
            is_e164("phone", "lease_phone_is_e164"),
        ]

    def __str__(self) -> str:
        """The key alone, as a contact's: a conversation's title may name people."""
        return f"{self._meta.verbose_name} {self.pk}"
