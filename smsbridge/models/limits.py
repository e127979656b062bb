"""What holds sending back: a vendor that fails, the pace it allows, and what a day has cost so far."""

from django.db import models

from smsbridge.models.configuration import Bridge, VendorAccount


class Breaker(models.Model):
    """What a vendor account's calls have come to lately. While open, its texts wait and spend no attempts."""

    account = models.OneToOneField(VendorAccount, models.CASCADE, primary_key=True, related_name="breaker")
    failures = models.IntegerField(default=0, db_default=0, help_text="In a row, until now.")
    opened_at = models.DateTimeField(null=True, help_text="Empty: it is closed, and texts go.")
    probe_at = models.DateTimeField(null=True, help_text="When one text is let through, to see whether it goes again.")
    trusted_until = models.DateTimeField(
        null=True, help_text="Until then that text is under way, and others do not take over meanwhile."
    )
    openings = models.IntegerField(default=0, db_default=0, help_text="In a row, without a success between them.")
    reason = models.TextField(blank=True, db_default="")

    def __str__(self) -> str:
        return f"{self.account}: {'open' if self.opened_at else 'closed'}"


class Pace(models.Model):
    """Until when a number's or account's pace is used up; the stand-in for Redis while that is away."""

    key = models.CharField(primary_key=True, max_length=60)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return self.key


class DailyUse(models.Model):
    """How much of a cap or budget a day (UTC) has used.

    `key` is a phone, a conversation's primary key, or empty; with `used up` it is the budget that was used up that day.
    """

    class Kind(models.TextChoices):
        PHONE = "phone", "texts to a phone"
        CONVERSATION = "conv", "texts about a conversation"
        BUDGET = "budget", "segments of a bridge"

    bridge = models.ForeignKey(Bridge, models.CASCADE, db_index=False)
    day = models.DateField()
    kind = models.CharField(max_length=6, choices=Kind.choices)
    key = models.CharField(max_length=40, blank=True)
    used = models.IntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "bridge", "kind", "key"], name="daily_use_once")]

    def __str__(self) -> str:
        return f"{self.bridge}, {self.day}: {self.used} {self.get_kind_display()}"
