"""What texts cost: the price of a segment by country, and the sums of each day."""

from django.db import models
from django.db.models.functions import Coalesce

from smsbridge.models.configuration import Bridge, VendorAccount


class Rate(models.Model):
    """What one segment to a country costs at an account: as the vendor last told, or an operator says."""

    class Source(models.TextChoices):
        VENDOR = "vendor", "told by the vendor"
        OPERATOR = "operator", "entered by an operator"

    account = models.ForeignKey(VendorAccount, models.CASCADE, related_name="rates")
    country = models.CharField(max_length=2, blank=True, help_text="ISO 3166. Empty: every other country.")
    currency = models.CharField(max_length=3, help_text="ISO 4217.")
    per_segment = models.DecimalField(max_digits=10, decimal_places=5)
    source = models.CharField(max_length=8, choices=Source.choices, default=Source.OPERATOR)
    since = models.DateTimeField()

    class Meta:
        verbose_name = "price of a segment"
        verbose_name_plural = "prices of segments"
        constraints = [models.UniqueConstraint(fields=["account", "country"], name="rate_once")]

    def __str__(self) -> str:
        return f"{self.account}, {self.country or 'elsewhere'}: {self.per_segment} {self.currency}"


class DailyCost(models.Model):
    """What the texts made on one day (UTC) cost; it outlives them. `estimated` is what a rate makes of missing prices.

    It is written anew while the day is young, and stays from then on, whatever becomes of the texts and rates.
    """

    day = models.DateField()
    bridge = models.ForeignKey(
        Bridge, models.CASCADE, null=True, db_index=False, help_text="Empty: answers to keywords."
    )
    account = models.ForeignKey(VendorAccount, models.CASCADE, db_index=False)
    country = models.CharField(max_length=2, blank=True)
    currency = models.CharField(max_length=3, blank=True, help_text="Empty: nobody knows what they cost.")
    texts = models.PositiveIntegerField()
    segments = models.PositiveBigIntegerField()
    amount = models.DecimalField(max_digits=20, decimal_places=5)
    estimated = models.DecimalField(max_digits=20, decimal_places=5)

    class Meta:
        verbose_name = "cost of a day"
        verbose_name_plural = "costs by day"
        constraints = [
            models.UniqueConstraint(
                "day", Coalesce("bridge", 0), "account", "country", "currency", name="daily_cost_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day}, {self.bridge or 'keywords'}: {self.amount + self.estimated} {self.currency}".strip()


class ForgottenCost(models.Model):
    """What was told of texts whose rows are gone: stands for them when their day is added up anew.

    It names no phones, and holds no estimates. Texts without a told price have rows of their own, without currency.
    """

    day = models.DateField()
    bridge = models.ForeignKey(Bridge, models.CASCADE, null=True, db_index=False)
    account = models.ForeignKey(VendorAccount, models.CASCADE, db_index=False)
    country = models.CharField(max_length=2, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    told = models.BooleanField(help_text="Whether their prices were told.")
    texts = models.PositiveIntegerField()
    segments = models.PositiveBigIntegerField()
    amount = models.DecimalField(max_digits=20, decimal_places=5)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "day", Coalesce("bridge", 0), "account", "country", "currency", "told", name="forgotten_cost_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.texts} texts, {self.amount} {self.currency}".strip()
