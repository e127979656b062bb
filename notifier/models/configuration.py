"""What we listen to, and whom it is for."""

from django.db import models

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
        NOTIFY = "notify", "Notify: tell everybody of each message after a delay, read or not"
        LISTEN = "listen", "Listen: hand each event to the project's own code"

    class Identities(models.TextChoices):
        OFF = "off", "Off: no names, no phones"
        PLATFORM = "platform", "Ask the platform"
        FUNCTION = "function", "Own function, by dotted path"
        DIRECTORY = "directory", "Our own contacts, as entered or imported here"

    class AskFirst(models.TextChoices):
        USUAL = "", "As the platform needs it: where receipts can get lost"
        ALWAYS = "always", "Always: one more call for each SMS, or for several at once"
        NEVER = "never", "Never: what we were told counts"

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
    ask_first = models.CharField(
        max_length=6,
        blank=True,
        default="",
        db_default="",
        choices=AskFirst.choices,
        verbose_name="ask the platform before each SMS",
        help_text="Whether it is asked, right before an SMS, if the message is still unread.",
    )
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
        """Of a notifying hook all: it asks for nobody's status."""
        if self.kind == self.Kind.NOTIFY:
            return [int(rank) for rank in Rank]
        words = self.report_for_status or ["sent", "delivered"]
        return [int(Rank[word.upper()]) for word in words]


class Rule(models.Model):
    """Whom a chat app's new messages are for, where the platform itself does not say, or says too much.

    Without a rule they are for whomever the platform names. With rules, an event that fits none is for nobody.
    """

    class Recipients(models.TextChoices):
        USERS = "users", "The conversation's users, but the author"
        PHONES = "phones", "These phones, whoever is in the conversation"

    chat_app = models.ForeignKey(ChatApp, models.CASCADE, related_name="rules")
    name = models.CharField(max_length=100)
    enabled = models.BooleanField(default=True)
    events = models.JSONField(default=list, blank=True, help_text="Event types. Empty: all that tell of something new.")
    contexts = models.JSONField(default=list, blank=True, help_text="Ids of contexts. Empty: all.")
    conversations = models.JSONField(default=list, blank=True, help_text="Ids of conversations. Empty: all.")
    recipients = models.CharField(max_length=10, choices=Recipients.choices, default=Recipients.USERS)
    phones = models.JSONField(default=list, blank=True, help_text="Such as +12025550100, each with its country code.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chat_app", "name"], name="rule_once")]

    def __str__(self) -> str:
        return self.name


class Listener(models.Model):
    """The one process that listens to a hook's platform over a connection, and where it goes on after a loss."""

    hook = models.OneToOneField(Hook, models.CASCADE, primary_key=True, related_name="listener")
    holder = models.UUIDField(null=True, help_text="The process that listens, until it is not heard of any more.")
    held_until = models.DateTimeField(null=True)
    connected_at = models.DateTimeField(null=True)
    caught_up_at = models.DateTimeField(null=True, help_text="Since when all is told as it happens. Empty: not now.")
    heard_at = models.DateTimeField(null=True, help_text="When the platform was last heard of.")
    error = models.TextField(default="", blank=True, help_text="Why the last connection ended, or none was made.")
    place = models.JSONField(default=dict, help_text="From where on it catches up, in the adapter's own words.")

    def __str__(self) -> str:
        return f"listener of {self.hook_id}"
