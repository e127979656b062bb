"""What is known of phones: by the numbering plan, vendors' look-ups, deliveries that failed, and operators."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminSelectWidget

from notifier.admin_base import NOTHING, badge, when
from smsbridge.admin.people import PhoneForm
from smsbridge.admin.who import PhonesAdmin
from smsbridge.models import PhoneFact
from smsbridge.services import phone_words
from smsbridge.services.phone_facts import lookers
from smsbridge.vendors.base import PhoneStatus

_SAYS = [
    ("", "choose what is so"),
    (1, "it can be texted"),
    (-1, "it is a landline"),
    (-2, "it is not in service"),
    (-4, "there is no such number"),
]


class PhoneFactForm(PhoneForm):
    """An operator's word. What else is known of the phone is for others to tell."""

    status = forms.TypedChoiceField(
        choices=_SAYS,
        coerce=int,
        widget=UnfoldAdminSelectWidget(choices=_SAYS),
        help_text="What you say here wins over all look-ups and receipts, until you delete it.",
    )

    class Meta:
        model = PhoneFact
        fields = ("phone", "status")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "phone" in self.fields:
            self.fields["phone"].help_text = "With its country code."

    def validate_unique(self) -> None:
        """Of a phone that has a row already the word is taken as well."""


@admin.register(PhoneFact)
class PhoneFactAdmin(PhonesAdmin[PhoneFact]):
    form = PhoneFactForm
    list_display = ["masked_phone", "state", "line_type", "carrier", "country", "source", "told_at", "next_look"]
    list_filter = [("status", ChoicesDropdownFilter), ("source", ChoicesDropdownFilter)]
    search_fields = ["carrier"]
    search_help_text = "A whole phone number, or part of a carrier's name."
    ordering = ["-id"]
    actions = ["look_again"]

    def get_fields(self, request: HttpRequest, obj: PhoneFact | None = None) -> Any:
        more = ("line_type", "carrier", "country", "source", "code", "account", "looked_at", "next_at", "attempts")
        return ["phone", "status"] if obj is None else ["phone", "status", *more]

    def get_readonly_fields(self, request: HttpRequest, obj: PhoneFact | None = None) -> Any:
        return () if obj is None else tuple(name for name in self.get_fields(request, obj) if name != "status")

    @admin.display(description="State", ordering="status")
    def state(self, fact: PhoneFact) -> SafeString:
        colour = "success" if fact.status > 0 else "danger" if fact.status < 0 else ""
        return badge(str(fact.get_status_display()), colour)

    @admin.display(description="Told", ordering="looked_at")
    def told_at(self, fact: PhoneFact) -> SafeString | str:
        return when(fact.looked_at)

    @admin.display(description="Looked up", ordering="next_at")
    def next_look(self, fact: PhoneFact) -> SafeString | str:
        return when(fact.next_at) if fact.next_at else NOTHING

    def save_model(self, request: HttpRequest, obj: PhoneFact, form: Any, change: bool) -> None:
        phone_words.say(obj.phone, PhoneStatus(obj.status))
        obj.pk = PhoneFact.objects.get(phone=obj.phone).pk

    @admin.action(description="Look up again, which may cost", permissions=["change"])
    def look_again(self, request: HttpRequest, facts: QuerySet[PhoneFact]) -> None:
        if not lookers():
            remedy = 'Switch on "looks up" of a vendor account whose vendor can tell about phones.'
            messages.warning(request, f"No vendor account looks phones up. {remedy}")
            return
        chosen = list(facts.exclude(source=PhoneFact.Source.OPERATOR))
        self.log_all(request, chosen, "Looked up again.")
        asked = phone_words.again(chosen)
        self.tell(request, asked, "To be looked up", selected=facts.count())
        if asked < len(chosen):
            why = "Some are being looked up already, or no vendor may be asked about them"
            messages.warning(request, f'{why}: switch on "looks up" of an account of the pool that texts them.')
