"""Accounts, pools, numbers, and the bridges that join a chat's hook to a pool."""

from datetime import timedelta

from django.db import models
from django.db.models import Q

from notifier.fields import SecretsField
from notifier.models import Hook
from smsbridge.models.fields import E164, SENDER_NAME


class VendorAccount(models.Model):
    """One account at an SMS vendor. Its webhooks are /webhooks/sms/<slug>/inbound/ and .../status/."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    vendor = models.CharField(max_length=40, help_text="Key of the vendor adapter, such as vonage.")
    options = models.JSONField(default=dict, blank=True)
    secrets = SecretsField(default=dict, blank=True, null=True)
    paused = models.BooleanField(default=False, help_text="While paused, nothing is sent; texts wait.")
    answers_keywords = models.BooleanField(
        default=False,
        help_text="The vendor itself answers STOP, START and HELP. They are obeyed here too, but not answered.",
    )
    segments_per_second = models.FloatField(
        null=True, blank=True, help_text="The most that all numbers together may send. Empty: as fast as it goes."
    )
    number_segments_per_second = models.FloatField(
        null=True, blank=True, help_text="The most that each number may send, such as 1 for a US long code."
    )

    organisation = models.CharField(
        max_length=100, blank=True, db_default="", help_text="Whose account it is. Empty: everybody's here."
    )
    number_limit = models.PositiveIntegerField(
        default=20, db_default=20, help_text="The most numbers that it may hold: nothing is bought beyond it."
    )
    looks_up = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Ask this vendor what kind of phone a new number is, which costs money where free ways do not tell.",
    )
    lookup_limit = models.PositiveIntegerField(
        default=100, db_default=100, help_text="The most paid look-ups on one day (UTC)."
    )

    class Meta:
        verbose_name = "vendor account"
        constraints = [
            models.CheckConstraint(
                condition=Q(segments_per_second__isnull=True) | Q(segments_per_second__gt=0),
                name="account_pace_is_some",
            ),
            models.CheckConstraint(
                condition=Q(number_segments_per_second__isnull=True) | Q(number_segments_per_second__gt=0),
                name="number_pace_is_some",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Pool(models.Model):
    """Numbers that a bridge may text from."""

    name = models.CharField(max_length=100, unique=True)
    stop_answer = models.TextField(blank=True, help_text="What confirms a STOP. Empty: a sentence in its language.")
    start_answer = models.TextField(blank=True, help_text="What confirms a START. Empty: a sentence in its language.")
    help_answer = models.TextField(blank=True, help_text="What answers HELP. Empty: a sentence in its language.")
    no_reply_answer = models.TextField(
        blank=True,
        default="",
        db_default="",
        help_text="What answers a text that cannot be posted into the chat. Empty: a sentence in its language.",
    )
    one_way_end = models.TextField(
        blank=True,
        default="",
        db_default="",
        help_text="What closes a text that cannot be answered. Empty: a sentence that says so.",
    )

    def __str__(self) -> str:
        return self.name


class Number(models.Model):
    """One of our numbers. Without a pool, or not active, it takes no new conversation; replies to it still arrive."""

    class Rest(models.TextChoices):
        POINTING = "pointing", "the texts to it do not come here yet"
        RELEASE = "release", "it is being given back"
        GONE = "gone", "the vendor does not list it any more"

    e164 = models.CharField("number", max_length=16, unique=True)
    account = models.ForeignKey(VendorAccount, models.PROTECT, related_name="numbers")
    pool = models.ForeignKey(Pool, models.PROTECT, related_name="numbers", null=True, blank=True)
    active = models.BooleanField(default=True)
    rests_for = models.CharField(
        max_length=8,
        choices=Rest.choices,
        blank=True,
        default="",
        db_default="",
        help_text="Why it was put to rest by itself. Empty: it was not; while it is active it means nothing.",
    )
    one_way = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Nobody can answer it: a sender name, such as ACME, or a number that takes no texts.",
    )
    released_at = models.DateTimeField(null=True, help_text="Given back to the vendor; kept for what it sent.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(e164__regex=E164) | Q(one_way=True, e164__regex=SENDER_NAME), name="number_is_e164_or_name"
            ),
            models.CheckConstraint(
                condition=Q(released_at__isnull=True) | Q(active=False, pool__isnull=True),
                name="number_released_is_not_used",
            ),
        ]

    def __str__(self) -> str:
        return self.e164


class Bridge(models.Model):
    """Joins one receipts hook to one pool, with the policy."""

    class WhenExhausted(models.TextChoices):
        SKIP = "skip", "Do not text, and say so"
        WAIT = "wait", "Wait for a number until the notice is too old"

    class OverBudget(models.TextChoices):
        WAIT = "wait", "Wait for the next day, until the notice is too old"
        STOP = "stop", "Pause the bridge until somebody resumes it"

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
    countries = models.CharField(
        max_length=800,
        blank=True,
        help_text="Countries (ISO, such as US, CA) that are texted; * for all. Empty: those of the pool's numbers.",
    )
    quiet_from = models.TimeField(
        null=True, blank=True, help_text="At the person's own place nobody is texted from then on, such as 21:00."
    )
    quiet_until = models.TimeField(null=True, blank=True, help_text="Until then; what was due meanwhile is texted now.")
    phone_cap = models.PositiveIntegerField(
        null=True, blank=True, help_text="The most texts to one phone on one day (UTC). Empty: no limit."
    )
    conversation_cap = models.PositiveIntegerField(
        null=True, blank=True, help_text="The most texts about one conversation on one day (UTC). Empty: no limit."
    )
    daily_budget = models.PositiveIntegerField(
        null=True, blank=True, help_text="The most segments of all texts on one day (UTC). Empty: no limit."
    )
    over_budget = models.CharField(max_length=4, choices=OverBudget.choices, default=OverBudget.WAIT)
    before_sending = models.CharField(
        max_length=200,
        blank=True,
        db_default="",
        help_text="Dotted path of a function that sees each text before it is sent, and may change, block or tag it.",
    )
    after_receiving = models.CharField(
        max_length=200,
        blank=True,
        db_default="",
        help_text="Dotted path of a function that sees each text that came in before it is posted.",
    )
    failover = models.BooleanField(
        default=False,
        db_default=False,
        help_text="While an account does not send, its conversations get a number of another account of the pool.",
    )
    failover_after = models.DurationField(
        default=timedelta(minutes=5), help_text="For how long an account may not send before others take over."
    )
    one_way = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Where no number can be had, text from a one-way sender of the pool, which cannot be answered.",
    )
    sends_media = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Send pictures as such where the vendor can, which costs more. Else they are put in words.",
    )
    paused = models.BooleanField(default=False)
    dry_run = models.BooleanField(default=False, help_text="Do everything but the call to the vendor.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="bridge_quiet_has_both_ends",
            )
        ]

    def __str__(self) -> str:
        return self.name
