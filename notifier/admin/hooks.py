"""Hooks: what we listen to, at which URL."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from notifier.admin_base import SettingsAdmin, badge, related
from notifier.durations import describe_duration
from notifier.forms import CheckedForm, ListedField, SecretField, obscured
from notifier.models import Hook
from notifier.services.hooks import forget_hooks
from notifier.services.validation import Problems, problems_of

STATUSES = [
    ("sent", "sent: it has not reached any device of his"),
    ("delivered", "delivered: it has reached a device, and he has not read it"),
    ("read", "read: he has read it (he would be told all the same)"),
]


def _shown_while(field: str, choice: str) -> str:
    """For the browser; who may only look has no such field in his page, and sees everything."""
    return f"typeof {field} == 'undefined' || {field} == '{choice}'"


class HookForm(CheckedForm):
    events = ListedField(
        required=False, help_text="Names of events, one per line. Empty: those that this kind of hook needs."
    )
    report_for_status = forms.MultipleChoiceField(
        label="Unread means",
        choices=STATUSES,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None chosen: sent and delivered.",
    )
    secret = SecretField(label="Signing secret")

    class Meta:
        model = Hook
        fields = (
            *("chat_app", "slug", "name", "kind", "enabled", "delay", "report_for_status", "events"),
            *("identities", "identity_function", "secret"),
        )
        labels = {"identities": "Who people are", "identity_function": "Function that tells who people are"}
        help_texts = {
            "slug": "The last part of the URL. When it changes, the platform must be told of the new URL.",
            "name": "The platform keeps it with our webhook, and we find our webhook again by it.",
            "delay": 'How long a message may stay unread, such as "10 minutes". '
            "A listening hook hands over each event so much later.",
            "identity_function": "Its dotted path, such as myproject.people.identities.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "secret" in self.fields:
            self.fields["secret"] = SecretField(
                label="Signing secret",
                stored=self.instance.secret or "",
                help_text="The platform signs with it what it sends. "
                "Several, separated by commas and the newest first, while it is being changed.",
            )

    def clean_secret(self) -> str:
        typed: str | None = self.cleaned_data["secret"]
        return (self.instance.secret or "") if typed is None else typed

    def problems(self, instance: object) -> Problems:
        return problems_of(self.instance)


@admin.register(Hook)
class HookAdmin(SettingsAdmin[Hook]):
    form = HookForm
    list_display = ["name", "slug", "chat_app", "kind_in_words", "waits", "state", "url"]
    list_select_related = ["chat_app"]
    defer_in_lists = ("secret", "chat_app__secrets")
    readonly_fields = ("url", "registered", "see")
    radio_fields = {"kind": admin.VERTICAL, "identities": admin.VERTICAL}
    fieldsets = (
        (None, {"fields": ("chat_app", "name", "slug", "url", "kind", "enabled", "see")}),
        ("What is told", {"fields": ("delay", "report_for_status", "events")}),
        ("Who people are", {"fields": ("identities", "identity_function")}),
        ("At the platform", {"fields": ("secret", "registered")}),
    )
    conditional_fields = {
        "report_for_status": _shown_while("kind", "receipts"),
        "identity_function": _shown_while("identities", "function"),
    }

    def get_fieldsets(self, request: HttpRequest, obj: Hook | None = None) -> Any:
        """Who may only look gets every field as text, so the secret itself must not be among them."""
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        return (*self.fieldsets[:-1], ("At the platform", {"fields": ("secret_hint", "registered")}))

    @admin.display(description="Signing secret")
    def secret_hint(self, hook: Hook) -> str:
        return obscured(hook.secret or "")

    def forget(self) -> None:
        forget_hooks()

    @admin.display(description="URL for the platform")
    def url(self, hook: Hook) -> str:
        if not hook.slug:
            return "shown once it is saved"
        return settings.PUBLIC_URL + reverse("chat-webhook", args=[hook.slug])

    @admin.display(description="Registered as")
    def registered(self, hook: Hook) -> str:
        return hook.webhook_id or "not registered yet: run the command register_webhooks"

    @admin.display(description="Kind", ordering="kind")
    def kind_in_words(self, hook: Hook) -> str:
        return "unread messages" if hook.kind == Hook.Kind.RECEIPTS else "every event"

    @admin.display(description="Delay", ordering="delay")
    def waits(self, hook: Hook) -> str:
        return describe_duration(hook.delay)

    @admin.display(description="State", ordering="enabled")
    def state(self, hook: Hook) -> SafeString:
        return badge("on", "success") if hook.enabled else badge("off", "warning")

    @admin.display(description="See also")
    def see(self, hook: Hook) -> SafeString | str:
        return related(hook, "hook") if hook.pk else "—"
