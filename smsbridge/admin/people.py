"""Contacts: whom we text, and by what phone."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter

from notifier.admin_base import when
from notifier.forms import ModelForm, PhoneField
from smsbridge.admin.contact_file import ContactFilePage
from smsbridge.admin.who import PhonesAdmin, typed_phone
from smsbridge.models import Contact
from smsbridge.services import contacts
from smsbridge.zones import zone_named


class PhoneForm(ModelForm):
    """Takes a phone in any spelling that has its country code."""

    phone = PhoneField(help_text="With its country code. No number of ours texts it any more.")

    def clean_phone(self) -> str:
        written: str = self.cleaned_data["phone"].strip()
        if not written:
            return ""
        phone = typed_phone(written)
        if phone is None:
            raise forms.ValidationError("Write the phone with its country code, such as +12025550100.")
        return phone


class ContactForm(PhoneForm):
    phone = PhoneField(
        required=False,
        help_text="With its country code. Empty: this person is not texted. What is entered here stays: the platform "
        "is not asked about this person any more, until the contact is deleted.",
    )

    class Meta:
        model = Contact
        fields = ("chat_app", "user_id", "name", "phone", "time_zone", "custom")
        help_texts = {
            "name": "As texts say it.",
            "time_zone": "For quiet hours: its IANA name, such as Europe/Zurich. Empty: where the phone is from.",
            "custom": "Everything else that was told of him; templates may use it, such as <%= sender.city %>.",
        }

    def clean_time_zone(self) -> str:
        written: str = self.cleaned_data["time_zone"].strip()
        known = zone_named(written)
        if written and not known:
            raise forms.ValidationError("There is no such time zone: write its IANA name, such as Europe/Zurich.")
        return known


class SourceFilter(DropdownFilter):
    title = "source"
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("platform", "the platform"),
            ("function", "own function"),
            (contacts.ADMIN, "entered here"),
            (contacts.IMPORT, "imported"),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(source=self.value()) if self.value() else queryset


@admin.register(Contact)
class ContactAdmin(ContactFilePage, PhonesAdmin[Contact]):
    form = ContactForm
    actions_list = ("import_file",)
    list_display = ["who", "user_id", "masked_phone", "chat_app", "told_by", "told_at"]
    list_filter = [SourceFilter, ("chat_app", RelatedDropdownFilter)]
    list_select_related = ["chat_app"]
    defer_in_lists = ("custom", "chat_app__secrets")
    search_fields = ["name", "user_id"]
    search_help_text = "Part of a name or user id, or a whole phone number."
    ordering = ["-id"]

    def get_fields(self, request: HttpRequest, obj: Contact | None = None) -> Any:
        fields = ["chat_app", "user_id", "name", "phone", "time_zone", "custom"]
        return fields if obj is None else [*fields, "told_by", "fetched_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Contact | None = None) -> Any:
        return () if obj is None else ("chat_app", "user_id", "told_by", "fetched_at")

    def save_model(self, request: HttpRequest, obj: Contact, form: Any, change: bool) -> None:
        obj.source, obj.fetched_at = contacts.ADMIN, timezone.now()
        super().save_model(request, obj, form, change)

    @admin.display(description="Contact", ordering="name")
    def who(self, contact: Contact) -> str:
        return contact.name or contact.user_id

    @admin.display(description="Source", ordering="source")
    def told_by(self, contact: Contact) -> str:
        return {contacts.ADMIN: "entered here", contacts.IMPORT: "imported"}.get(contact.source, contact.source)

    @admin.display(description="Told", ordering="fetched_at")
    def told_at(self, contact: Contact) -> SafeString | str:
        return when(contact.fetched_at)
