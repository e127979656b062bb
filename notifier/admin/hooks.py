"""Hooks: what we listen to, at which URL."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from notifier.admin_base import NOTHING, SettingsAdmin, badge, related, table, when
from notifier.durations import describe_duration
from notifier.forms import CheckedForm, ListedField, SecretField, obscured
from notifier.models import ChatApp, Hook, Listener
from notifier.platforms.base import Can
from notifier.platforms.registry import UnknownPlatform, platform_class
from notifier.services.hooks import forget_hooks
from notifier.services.validation import Problems, problems_of

STATUSES = [
    ("sent", "sent: it has not reached any device of his"),
    ("delivered", "delivered: it has reached a device, and he has not read it"),
    ("read", "read: he has read it (he would be told all the same)"),
]


KINDS = {"receipts": "unread messages", "notify": "every message", "listen": "every event"}
_AT_PLATFORM = ("registered", "listening")


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
            *("chat_app", "slug", "name", "kind", "enabled", "delay", "report_for_status", "ask_first", "events"),
            *("identities", "identity_function", "secret"),
        )
        labels = {
            "identities": "Who people are",
            "identity_function": "Function that tells who people are",
            "ask_first": "Ask the platform before each SMS",
        }
        help_texts = {
            "slug": "The last part of the URL. When it changes, the platform must be told of the new URL.",
            "name": "The platform keeps it with our webhook, and we find our webhook again by it.",
            "delay": 'How long a message may stay unread, such as "10 minutes". '
            "Notifying and listening hooks wait so long.",
            "ask_first": "It is asked right before an SMS whether the message is still unread, so that one who has "
            "read it meanwhile is left in peace even if his receipt was lost.",
            "identity_function": "Its dotted path, such as myproject.people.identities.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "secret" in self.fields:
            self.fields["secret"] = SecretField(
                label="Signing secret",
                stored=self.instance.secret or "",
                help_text="The platform signs with it what it sends; what comes over a connection needs none. "
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
    own_rows = (Listener,)
    list_display = ["name", "slug", "chat_app", "kind_in_words", "waits", "state", "url"]
    list_select_related = ["chat_app"]
    defer_in_lists = ("secret", "chat_app__secrets")
    readonly_fields = ("url", "registered", "listening", "see")
    radio_fields = {"kind": admin.VERTICAL, "identities": admin.VERTICAL, "ask_first": admin.VERTICAL}
    fieldsets = (
        (None, {"fields": ("chat_app", "name", "slug", "url", "kind", "enabled", "see")}),
        ("What is told", {"fields": ("delay", "report_for_status", "ask_first", "events")}),
        ("Who people are", {"fields": ("identities", "identity_function")}),
        ("At the platform", {"fields": ("secret", *_AT_PLATFORM)}),
    )
    conditional_fields = {
        "report_for_status": _shown_while("kind", "receipts"),
        "ask_first": "typeof kind == 'undefined' || kind != 'listen'",
        "identity_function": _shown_while("identities", "function"),
    }

    def get_fieldsets(self, request: HttpRequest, obj: Hook | None = None) -> Any:
        """Who may only look gets every field as text, so the secret itself must not be among them."""
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        return (*self.fieldsets[:-1], ("At the platform", {"fields": ("secret_hint", *_AT_PLATFORM)}))

    @admin.display(description="Signing secret")
    def secret_hint(self, hook: Hook) -> str:
        return obscured(hook.secret or "")

    def forget(self) -> None:
        forget_hooks()

    @admin.display(description="URL for the platform")
    def url(self, hook: Hook) -> str:
        if not hook.slug:
            return "shown once it is saved"
        if not _can(hook, Can.WEBHOOKS):
            return "none: run the process `manage.py listen`"
        return settings.PUBLIC_URL + reverse("chat-webhook", args=[hook.slug])

    @admin.display(description="Registered as")
    def registered(self, hook: Hook) -> str:
        if not _can(hook, Can.WEBHOOKS):
            return "nothing is to be registered: we connect to the platform"
        if not _can(hook, Can.REGISTER):
            return "by hand: the command register_webhooks tells how"
        return hook.webhook_id or "not registered yet: run the command register_webhooks"

    @admin.display(description="Connection")
    def listening(self, hook: Hook) -> SafeString | str:
        if not _can(hook, Can.SOCKET):
            return "none: the platform calls us"
        listener = Listener.objects.filter(hook=hook.pk).first()
        if listener is None:
            return "nobody listens: run the process `manage.py listen`"
        return table(["", ""], _listener_rows(listener))

    @admin.display(description="Kind", ordering="kind")
    def kind_in_words(self, hook: Hook) -> str:
        return KINDS.get(hook.kind, hook.kind)

    @admin.display(description="Delay", ordering="delay")
    def waits(self, hook: Hook) -> str:
        return describe_duration(hook.delay)

    @admin.display(description="State", ordering="enabled")
    def state(self, hook: Hook) -> SafeString:
        return badge("on", "success") if hook.enabled else badge("off", "warning")

    @admin.display(description="See also")
    def see(self, hook: Hook) -> SafeString | str:
        return related(hook, "hook") if hook.pk else "—"


def _can(hook: Hook, able: Can) -> bool:
    """Of an unknown platform everything is said: it is for whoever corrects it."""
    try:
        return able in platform_class(hook.chat_app.platform).can
    except (ChatApp.DoesNotExist, UnknownPlatform):
        return able is not Can.SOCKET


def _listener_rows(listener: Listener) -> list[list[SafeString | str]]:
    return [
        ["Connected since", when(listener.connected_at, none="not connected")],
        ["All is told as it happens since", when(listener.caught_up_at, none="not now")],
        ["The platform was last heard of", when(listener.heard_at, none="never")],
        ["What went wrong last", listener.error or NOTHING],
    ]
