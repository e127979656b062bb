"""Hooks: what we listen to, at which URL."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from notifier.admin_base import SettingsAdmin, related
from notifier.durations import describe_duration
from notifier.forms import CheckedForm, ListedField, SecretField
from notifier.models import Hook
from notifier.services.hooks import forget_hooks
from notifier.services.validation import Problems, problems_of

STATUSES = [
    ("sent", "sent: it has not reached any device of his"),
    ("delivered", "delivered: it has reached a device, and he has not read it"),
    ("read", "read: he has read it (he would be told all the same)"),
]


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
        "report_for_status": "kind == 'receipts'",
        "identity_function": "identities == 'function'",
    }

    def forget(self) -> None:
        forget_hooks()

    @admin.display(description="URL for the platform")
    def url(self, hook: Hook) -> str:
        if not hook.slug:
            return "shown once it is saved"
        return settings.PUBLIC_URL + reverse("chat-webhook", args=[hook.slug])

    @admin.display(description="Registered as", empty_value="not registered yet: run the command register_webhooks")
    def registered(self, hook: Hook) -> str | None:
        return hook.webhook_id or None

    @display(description="Kind", ordering="kind")
    def kind_in_words(self, hook: Hook) -> str:
        return "unread messages" if hook.kind == Hook.Kind.RECEIPTS else "every event"

    @admin.display(description="Delay", ordering="delay")
    def waits(self, hook: Hook) -> str:
        return describe_duration(hook.delay)

    @display(description="State", label={"on": "success", "off": "warning"})
    def state(self, hook: Hook) -> str:
        return "on" if hook.enabled else "off"

    @admin.display(description="See also")
    def see(self, hook: Hook) -> SafeString | str:
        return related(hook, "hook") if hook.pk else "—"
