"""Pools and numbers: what we may text from, and how much of it is in use."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import BooleanRadioFilter, RelatedDropdownFilter

from notifier.admin_base import NOTHING, SettingsAdmin, TabularInline, badge, link, related, table, with_reason
from notifier.forms import CheckedForm, PhoneField
from notifier.services.validation import Problems
from smsbridge.admin.number_actions import NumberActions
from smsbridge.keywords import Meaning
from smsbridge.models import Number, OutboundSms, Pool
from smsbridge.phones import to_e164
from smsbridge.segments import measure
from smsbridge.services.accounts import forget_accounts
from smsbridge.services.answering import PURPOSES, wording
from smsbridge.services.policy import one_way_end
from smsbridge.services.validation import problems_of


class NumberForm(CheckedForm):
    e164 = PhoneField(label="Number", help_text="With its country code, such as +12025550100.")

    class Meta:
        model = Number
        fields = ("e164", "account", "pool", "active", "one_way")
        labels = {"one_way": "Cannot be answered"}
        help_texts = {
            "account": "The vendor account that the number belongs to.",
            "pool": "Without a pool it takes no new conversation.",
            "active": "A number at rest takes no new conversation; replies to it still arrive.",
            "one_way": "A number that takes no texts, or a sender name such as ACME. It stands for no conversation, "
            "and is used where the bridge texts from one-way senders.",
        }

    def clean_e164(self) -> str:
        written: str = self.cleaned_data["e164"]
        return to_e164(written) or written

    def problems(self, instance: object) -> Problems:
        return problems_of(self.instance)

    def save(self, commit: bool = True) -> Number:
        """What an operator says of its use counts from then on."""
        if "active" in self.changed_data:
            self.instance.rests_for = ""
        saved: Number = super().save(commit)
        return saved


class NumbersInline(TabularInline[Number, Pool]):
    model = Number
    form = NumberForm
    fields = ("e164", "account", "active", "one_way", "stands_for")
    readonly_fields = ("stands_for",)
    extra = 0
    can_delete = False
    show_change_link = True
    verbose_name_plural = "numbers of this pool"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Number]:
        rows = super().get_queryset(request).select_related("account").defer("account__secrets")
        return rows.annotate(live=_live("leases")).order_by("e164")

    @admin.display(description="Conversations now")
    def stands_for(self, number: Any) -> int:
        return int(getattr(number, "live", 0))


_ANSWERED = {
    **{meaning.upper(): PURPOSES[meaning] for meaning in Meaning},
    "What cannot be posted": OutboundSms.Purpose.NO_REPLY,
}


class PoolForm(CheckedForm):
    class Meta:
        model = Pool
        fields = ("name", "stop_answer", "start_answer", "help_answer", "no_reply_answer", "one_way_end")

    def problems(self, instance: object) -> Problems:
        return problems_of(self.instance)


@admin.register(Pool)
class PoolAdmin(SettingsAdmin[Pool]):
    form = PoolForm
    list_display = ["name", "numbers_in_it", "numbers_in_use", "conversations"]
    fieldsets = (
        (None, {"fields": ("name", "see")}),
        (
            "Answers",
            {
                "fields": ("stop_answer", "start_answer", "help_answer", "no_reply_answer", "answered"),
                "description": "Say who you are, and how to come back or to stop. The confirmation of a STOP must not "
                "advertise anything. An answer to HELP should name how to reach you. What cannot be posted is a reply "
                "to a chat in which nobody can write as somebody else, or whose words are encrypted.",
            },
        ),
        ("One-way senders", {"fields": ("one_way_end", "closed_with")}),
    )
    readonly_fields = ("see", "answered", "closed_with")
    search_fields = ["name"]
    inlines = [NumbersInline]

    def forget(self) -> None:
        forget_accounts()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pool]:
        alive = Q(numbers__leases__expires_at__gt=Now(), numbers__leases__left_at=None)
        return (
            super()
            .get_queryset(request)
            .annotate(
                total=Count("numbers", distinct=True),
                used=Count("numbers", distinct=True, filter=alive),
                live=Count("numbers__leases", distinct=True, filter=alive),
            )
        )

    @admin.display(description="Numbers", ordering="total")
    def numbers_in_it(self, pool: Any) -> int:
        return int(pool.total)

    @admin.display(description="Numbers in use", ordering="used")
    def numbers_in_use(self, pool: Any) -> int:
        return int(pool.used)

    @admin.display(description="Conversations now", ordering="live")
    def conversations(self, pool: Any) -> int:
        return int(pool.live)

    @admin.display(description="So what cannot be answered ends")
    def closed_with(self, pool: Pool) -> str:
        return one_way_end(pool)

    @admin.display(description="What is answered in English")
    def answered(self, pool: Pool) -> SafeString | str:
        rows = []
        for said, purpose in _ANSWERED.items() if pool.pk else ():
            text = wording(pool.pk, purpose, "en")
            rows.append([said, text, measure(text).count])
        return table(["What is texted", "Answer", "SMS"], rows, none=NOTHING)

    @admin.display(description="See also")
    def see(self, pool: Pool) -> SafeString | str:
        return related(pool, "pool") if pool.pk else "—"


@admin.register(Number)
class NumberAdmin(NumberActions):
    form = NumberForm
    list_display = ["e164", "pool_link", "account_link", "state", "conversations"]
    list_filter = [
        ("pool", RelatedDropdownFilter),
        ("account", RelatedDropdownFilter),
        ("active", BooleanRadioFilter),
        ("one_way", BooleanRadioFilter),
    ]
    list_select_related = ["pool", "account"]
    defer_in_lists = ("account__secrets",)
    search_fields = ["e164"]
    ordering = ["e164"]
    fields = ("e164", "account", "pool", "active", "one_way", "see")
    readonly_fields = ("see",)
    actions = ["rest", "activate", "point_here", "release_at_vendor"]

    def forget(self) -> None:
        forget_accounts()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Number]:
        return super().get_queryset(request).annotate(live=_live("leases"))

    @admin.display(description="Pool", ordering="pool__name")
    def pool_link(self, number: Number) -> SafeString | str:
        return link(number.pool)

    @admin.display(description="Account", ordering="account__name")
    def account_link(self, number: Number) -> SafeString | str:
        return link(number.account)

    @admin.display(description="State", ordering="active")
    def state(self, number: Number) -> SafeString:
        if not number.active:
            rests = with_reason(badge("at rest", "warning"), number.get_rests_for_display())
            return badge("released") if number.released_at else rests
        return badge("cannot be answered", "info") if number.one_way else badge("active", "success")

    @admin.display(description="Conversations now", ordering="live")
    def conversations(self, number: Any) -> int:
        return int(number.live)

    @admin.display(description="See also")
    def see(self, number: Number) -> SafeString | str:
        return related(number, "number") if number.pk else "—"

    @admin.action(description="Rest: take no new conversations", permissions=["change"])
    def rest(self, request: HttpRequest, numbers: QuerySet[Number]) -> None:
        self._switch(request, numbers, False, "Put to rest")

    @admin.action(description="Activate: take new conversations", permissions=["change"])
    def activate(self, request: HttpRequest, numbers: QuerySet[Number]) -> None:
        self._switch(request, numbers, True, "Activated")

    def _switch(self, request: HttpRequest, numbers: QuerySet[Number], active: bool, done: str) -> None:
        rows = list(numbers.filter(released_at=None).exclude(active=active))
        changed = [number for number in rows if self._may_be(request, number, active)]
        count = Number.objects.filter(pk__in=[number.pk for number in changed]).update(active=active, rests_for="")
        self.log_all(request, changed, "Activated." if active else "Put to rest.")
        self.forget()
        self.tell(request, count, done, selected=numbers.count())

    def _may_be(self, request: HttpRequest, number: Number, active: bool) -> bool:
        """Whether it can work so; if not, says why."""
        number.active = active
        sentences = [sentence for told in problems_of(number).values() for sentence in told] if active else []
        for sentence in sentences:
            messages.warning(request, f"{number}: {sentence}")
        return not sentences


def _live(way: str) -> Count:
    """How many leases that are alive stand behind a relation."""
    return Count(way, filter=Q(**{f"{way}__expires_at__gt": Now(), f"{way}__left_at": None}))
