"""The SMS side's rows: accounts and numbers, who holds which, what is to be sent and what came in.

Identity is decided by the constraints below, never by code. Each partial index serves exactly one
query of a worker, named beside it.
"""

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from notifier.fields import SecretsField
from notifier.models import ChatApp, Conversation, Hook, Message
from smsbridge.ids import uuid7

E164 = r"^\+[1-9][0-9]{6,14}$"


def _is_e164(field: str, name: str) -> models.CheckConstraint:
    return models.CheckConstraint(condition=Q(**{f"{field}__regex": E164}), name=name)


class VendorAccount(models.Model):
    """One account at an SMS vendor. Its webhooks are /webhooks/sms/<slug>/inbound/ and .../status/."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    vendor = models.CharField(max_length=40, help_text="Key of the vendor adapter, such as vonage.")
    options = models.JSONField(default=dict, blank=True)
    secrets = SecretsField(default=dict, blank=True, null=True)
    paused = models.BooleanField(default=False, help_text="While paused, nothing is sent; texts wait.")

    class Meta:
        verbose_name = "vendor account"

    def __str__(self) -> str:
        return self.name


class Pool(models.Model):
    """Numbers that a bridge may text from."""

    name = models.CharField(max_length=100, unique=True)

    def __str__(self) -> str:
        return self.name


class Number(models.Model):
    """One of our numbers. Without a pool, or not active, it takes no new conversation; replies to it still arrive."""

    e164 = models.CharField("number", max_length=16, unique=True)
    account = models.ForeignKey(VendorAccount, models.PROTECT, related_name="numbers")
    pool = models.ForeignKey(Pool, models.PROTECT, related_name="numbers", null=True, blank=True)
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [_is_e164("e164", "number_is_e164")]

    def __str__(self) -> str:
        return self.e164


class Bridge(models.Model):
    """Joins one receipts hook to one pool, with the policy."""

    class WhenExhausted(models.TextChoices):
        SKIP = "skip", "Do not text, and say so"
        WAIT = "wait", "Wait for a number until the notice is too old"

    name = models.CharField(max_length=100, unique=True)
    hook = models.ForeignKey(Hook, models.PROTECT, related_name="bridges")
    pool = models.ForeignKey(Pool, models.PROTECT, related_name="bridges")
    template = models.TextField(default="<%= sender.name %>: <%= text %>")
    introduction = models.TextField(
        blank=True,
        help_text="Put in front of the first text of every new or changed link between a number and a conversation.",
    )
    introduction_function = models.CharField(
        max_length=200, blank=True, help_text="Dotted path of a function that writes the introduction instead."
    )
    lease_lifetime = models.DurationField(default=timedelta(weeks=1))
    digest = models.BooleanField(
        default=True, help_text="Messages of one conversation that are due together become one SMS."
    )
    max_segments = models.PositiveSmallIntegerField(default=6)
    when_exhausted = models.CharField(max_length=4, choices=WhenExhausted.choices, default=WhenExhausted.SKIP)
    max_age = models.DurationField(
        default=timedelta(hours=12), help_text="A notice that could not be sent for so long is given up."
    )
    region = models.CharField(
        max_length=2,
        blank=True,
        help_text="Country (ISO, such as US) of phones that are stored without a country code.",
    )
    paused = models.BooleanField(default=False)
    dry_run = models.BooleanField(default=False, help_text="Do everything but the call to the vendor.")

    def __str__(self) -> str:
        return self.name


class Contact(models.Model):
    """A chat user as we may text him. `phone` is E.164, or empty when there is none that can be texted."""

    chat_app = models.ForeignKey(ChatApp, models.CASCADE, db_index=False)
    user_id = models.CharField(max_length=255)
    name = models.CharField(max_length=255, blank=True)
    phone = models.CharField(max_length=16, blank=True, db_index=True)
    custom = models.JSONField(default=dict, blank=True, help_text="Everything else that the source said.")
    source = models.CharField(max_length=20, help_text="Where this came from: platform, function, admin.")
    fetched_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chat_app", "user_id"], name="contact_once"),
            models.CheckConstraint(condition=Q(phone="") | Q(phone__regex=E164), name="contact_phone_is_e164"),
        ]

    def __str__(self) -> str:
        return self.name or self.user_id


class OptOut(models.Model):
    """A phone that must not be texted, whatever number or vendor it would be from."""

    phone = models.CharField(max_length=16, unique=True)
    since = models.DateTimeField(db_default=Now())
    source = models.CharField(max_length=40, help_text="Who said so: keyword, vendor, operator.")
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = "opt-out"
        constraints = [_is_e164("phone", "optout_is_e164")]

    def __str__(self) -> str:
        from smsbridge.phones import mask

        return mask(self.phone)


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

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    bridge = models.ForeignKey(Bridge, models.PROTECT, null=True, db_index=False)
    account = models.ForeignKey(VendorAccount, models.PROTECT, db_index=False)
    number = models.ForeignKey(Number, models.PROTECT, db_index=False)
    conversation = models.ForeignKey(Conversation, models.CASCADE, null=True)
    user_id = models.CharField(max_length=255, blank=True)
    phone = models.CharField(max_length=16, db_index=True)
    text = models.TextField()
    segments = models.PositiveSmallIntegerField()
    unicode = models.BooleanField()
    introduces = models.BooleanField(default=False)
    due_at = models.DateTimeField(help_text="When its oldest notice was due.")
    state = models.CharField(max_length=12, choices=State.choices, default=State.READY)
    next_at = models.DateTimeField(help_text="Ready: when it is tried. Sending: when it counts as uncertain.")
    claim = models.UUIDField(null=True)
    attempts = models.SmallIntegerField(default=0)
    vendor_id = models.CharField(max_length=120, null=True)
    reason = models.TextField(blank=True)
    code = models.CharField(max_length=40, blank=True)
    price = models.DecimalField(max_digits=10, decimal_places=5, null=True)
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
                    ]
                ),
                name="outbound_state_is_known",
            ),
            _is_e164("phone", "outbound_phone_is_e164"),
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


class Lease(models.Model):
    """One number standing for one conversation on one phone, until `expires_at`.

    An expired lease keeps its row until the number is taken over, so the person's next text finds it gone
    only when somebody else's conversation needed it.
    """

    number = models.ForeignKey(Number, models.PROTECT, related_name="leases")
    phone = models.CharField(max_length=16)
    conversation = models.ForeignKey(Conversation, models.CASCADE, db_index=True)
    user_id = models.CharField(max_length=255)
    linked_at = models.DateTimeField(help_text="Since when the number stands for this conversation.")
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField()
    introduced_by = models.ForeignKey(OutboundSms, models.SET_NULL, null=True, related_name="+", db_index=False)

    class Meta:
        verbose_name = "number assignment"
        constraints = [
            models.UniqueConstraint(fields=["phone", "number"], name="lease_phone_number"),
            models.UniqueConstraint(fields=["user_id", "conversation"], name="lease_user_conversation"),
            _is_e164("phone", "lease_phone_is_e164"),
        ]

    def __str__(self) -> str:
        return f"{self.number} for {self.conversation}"


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
        NO_IDENTITY = "no identity", "the platform does not know this user"
        NO_PHONE = "no phone", "no phone that can be texted"
        OPTED_OUT = "opted out", "does not want texts"
        POOL_USED_UP = "pool used up", "every number of the pool stands for another conversation of this person"
        EMPTY = "empty", "nothing in the message that could be texted"
        TEMPLATE = "template", "the template left nothing to send"
        TOO_OLD = "too old", "could not be sent in time"
        IDENTITY_FAILED = "identity failed", "the identity could not be had"
        CLOSED = "closed", "closed by an operator"

    bridge = models.ForeignKey(Bridge, models.CASCADE, db_index=False)
    message = models.ForeignKey(Message, models.CASCADE, db_index=False)
    conversation = models.ForeignKey(Conversation, models.CASCADE, db_index=False)
    user_id = models.CharField(max_length=255)
    due_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=20, choices=Reason.choices, blank=True, default="")
    next_at = models.DateTimeField()
    claim = models.UUIDField(null=True)
    attempts = models.SmallIntegerField(default=0)
    sms = models.ForeignKey(OutboundSms, models.SET_NULL, null=True, related_name="notices")
    note = models.TextField(blank=True, default="")

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


class InboundSms(models.Model):
    """One text received, and what became of it."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        POSTED = "posted", "posted to the chat"
        UNROUTED = "unrouted", "no conversation known for it"
        KEYWORD = "keyword", "a keyword, not posted"
        DEAD = "dead", "given up"

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
