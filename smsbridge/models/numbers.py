"""What was bought and released at vendors, and what is known of phones."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from smsbridge.models.configuration import Pool, VendorAccount
from smsbridge.models.fields import is_e164
from smsbridge.phones import mask


class NumberOrder(models.Model):
    """One step that costs money, written before the vendor is asked: buying or releasing one number.

    A row that is still open after a crash says that it may have happened; only the vendor's list can tell.
    """

    class Action(models.TextChoices):
        BUY = "buy", "buy"
        RELEASE = "release", "release"

    class State(models.TextChoices):
        STARTED = "started", "being asked for"
        PENDING = "pending", "the vendor works on it"
        UNCERTAIN = "uncertain", "perhaps done"
        DONE = "done", "done"
        REFUSED = "refused", "refused by the vendor"
        NOT_DONE = "not done", "found not to be done"

    account = models.ForeignKey(VendorAccount, models.PROTECT, related_name="orders")
    action = models.CharField(max_length=8, choices=Action.choices)
    e164 = models.CharField("number", max_length=16)
    pool = models.ForeignKey(Pool, models.SET_NULL, null=True, help_text="Which a bought number goes to.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.STARTED, db_default=State.STARTED)
    order = models.CharField(max_length=120, blank=True, db_default="", help_text="The vendor's id of the order.")
    by = models.CharField(max_length=150, blank=True, db_default="", help_text="Who asked for it.")
    price = models.DecimalField(max_digits=10, decimal_places=5, null=True, help_text="A month, as it was offered.")
    currency = models.CharField(max_length=3, blank=True, db_default="")
    reason = models.TextField(blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True)
    absent_at = models.DateTimeField(null=True, help_text="Since when the vendor's lists do not show the number.")

    class Meta:
        verbose_name = "number order"
        constraints = [
            is_e164("e164", "number_order_is_e164"),
            # whoever would buy or release the same number meanwhile finds it being done
            models.UniqueConstraint(
                fields=["e164"],
                name="number_order_open_once",
                condition=Q(state__in=["started", "pending", "uncertain"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {mask(self.e164)}"


class PhoneFact(models.Model):
    """What is known of a phone, and since when: by the numbering plan, a vendor's look-up, a receipt or an operator.

    `status` below zero: it cannot be texted. A row that was only wished for has no `looked_at`.
    """

    class Source(models.TextChoices):
        PLAN = "plan", "the numbering plan"
        LOOKUP = "look-up", "a vendor's look-up"
        RECEIPT = "receipt", "texts to it or from it"
        OPERATOR = "operator", "an operator"

    phone = models.CharField(max_length=16, unique=True)
    status = models.SmallIntegerField(
        default=0,
        db_default=0,
        choices=[
            (1, "can be texted"),
            (0, "unknown"),
            (-1, "a landline"),
            (-2, "not in service"),
            (-3, "of another country"),
            (-4, "not known to the vendor"),
        ],
    )
    line_type = models.CharField(max_length=40, blank=True, db_default="")
    carrier = models.CharField(max_length=100, blank=True, db_default="")
    country = models.CharField(max_length=2, blank=True, db_default="", help_text="ISO 3166.")
    source = models.CharField(max_length=8, choices=Source.choices, blank=True, db_default="")
    code = models.CharField(max_length=40, blank=True, db_default="", help_text="The vendor's, where it was an error.")
    account = models.ForeignKey(VendorAccount, models.SET_NULL, null=True, db_index=False)
    looked_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True, help_text="When a look-up is due. Empty: none is.")
    attempts = models.SmallIntegerField(default=0, db_default=0)

    class Meta:
        verbose_name = "phone look-up"
        constraints = [is_e164("phone", "phone_fact_is_e164")]
        indexes = [
            # look_up claims what is due
            models.Index(fields=["next_at"], name="phone_fact_due", condition=Q(next_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return mask(self.phone)


class DailyLookups(models.Model):
    """How many look-ups that cost money an account was asked for on one day (UTC), answered or not."""

    account = models.ForeignKey(VendorAccount, models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    used = models.IntegerField(default=0, db_default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "day"], name="daily_lookups_once")]

    def __str__(self) -> str:
        return f"{self.account}, {self.day}: {self.used}"
