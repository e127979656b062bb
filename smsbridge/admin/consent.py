"""Phones that must not be texted, and the ledger of who said so. Both change only through the service."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from notifier.admin_base import FactAdmin, badge, link, when
from smsbridge.admin.people import PhoneForm
from smsbridge.admin.who import PhonesAdmin
from smsbridge.models import ConsentEvent, OptOut
from smsbridge.services import consent
from smsbridge.services.consent import Wish

COLOURS = {"out": "warning", "in": "success", "help": ""}
SOURCES = {
    consent.KEYWORD: "the person, by a keyword",
    consent.VENDOR: "the vendor, which refused a text",
    consent.OPERATOR: "an operator",
    consent.IMPORT: "an imported list",
}


class SourceFilter(DropdownFilter):
    title = "source"
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(SOURCES.items())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(source=self.value()) if self.value() else queryset


class OptOutForm(PhoneForm):
    class Meta:
        model = OptOut
        fields = ("phone", "note")
        help_texts = {"note": "How the person said so, such as by letter. Your name is put before it."}


class ReasonForm(forms.Form):
    """Why somebody is texted again."""

    reason = forms.CharField(
        max_length=150,
        widget=UnfoldAdminTextInputWidget,
        help_text="How the person agreed, and when. It is kept in the consent ledger with your name.",
    )


@admin.register(OptOut)
class OptOutAdmin(PhonesAdmin[OptOut]):
    form = OptOutForm
    list_display = ["masked_phone", "since_when", "source", "note"]
    list_filter = [SourceFilter]
    search_fields = ["note"]
    search_help_text = "A whole phone number, or part of a note."
    ordering = ["-id"]

    def get_fields(self, request: HttpRequest, obj: OptOut | None = None) -> Any:
        return ["phone", "note"] if obj is None else ["phone", "since", "source", "note"]

    @admin.display(description="Since", ordering="since")
    def since_when(self, optout: OptOut) -> SafeString | str:
        return when(optout.since)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # each needs a reason of its own
        return actions

    def save_model(self, request: HttpRequest, obj: OptOut, form: Any, change: bool) -> None:
        consent.opt_out([Wish(obj.phone, consent.OPERATOR, _by(request, obj.note))])
        obj.pk = OptOut.objects.get(phone=obj.phone).pk

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and not form.is_valid():
            messages.error(request, "Say why this phone is texted again.")
            return HttpResponseRedirect(request.path)
        return super().delete_view(request, object_id, {**(extra_context or {}), "form": form})

    def delete_model(self, request: HttpRequest, obj: OptOut) -> None:
        consent.opt_in(Wish(obj.phone, consent.OPERATOR, _by(request, request.POST["reason"])))


def _by(request: HttpRequest, words: str) -> str:
    return f"{request.user.get_username()}: {words}" if words else request.user.get_username()


@admin.register(ConsentEvent)
class ConsentEventAdmin(PhonesAdmin[ConsentEvent], FactAdmin[ConsentEvent]):
    list_display = ["said_at", "masked_phone", "said", "source", "note", "account_link"]
    list_filter = [("what", ChoicesDropdownFilter), SourceFilter]
    list_select_related = ["account"]
    defer_in_lists = ("account__secrets", "account__options")
    search_fields = ["note"]
    search_help_text = "A whole phone number, or part of a note."
    ordering = ["-id"]
    fields = ("phone", "at", "said", "source", "note", "account_link")

    @admin.display(description="When", ordering="at")
    def said_at(self, event: ConsentEvent) -> SafeString | str:
        return when(event.at)

    @admin.display(description="Said", ordering="what")
    def said(self, event: ConsentEvent) -> SafeString:
        return badge(event.get_what_display(), COLOURS[event.what])

    @admin.display(description="Account")
    def account_link(self, event: ConsentEvent) -> SafeString | str:
        return link(event.account)
