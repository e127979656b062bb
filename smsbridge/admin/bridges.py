"""Bridges: the whole policy of who is texted what, from which numbers."""

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget

from notifier.admin_base import SettingsAdmin, badge, link, related
from notifier.durations import describe_duration
from notifier.forms import CheckedForm
from notifier.services.validation import Problems
from smsbridge.models import Bridge
from smsbridge.services.accounts import forget_accounts
from smsbridge.services.validation import MOST_SEGMENTS, problems_of


class BridgeForm(CheckedForm):
    class Meta:
        model = Bridge
        fields = (
            *("name", "hook", "pool", "region", "template", "introduction", "introduction_function"),
            *("lease_lifetime", "when_exhausted", "digest", "max_segments", "max_age", "paused", "dry_run"),
        )
        widgets = {
            "template": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
            "introduction": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        }
        labels = {
            "template": "Text",
            "introduction_function": "Function that writes the introduction",
            "lease_lifetime": "A number stays with a conversation for",
            "when_exhausted": "When no number is free",
            "digest": "Several messages in one SMS",
            "max_segments": "Longest SMS, in segments",
            "max_age": "Give up after",
            "region": "Country of phones without a country code",
        }
        help_texts = {
            "hook": "Whose unread messages are texted.",
            "pool": "Which numbers they are texted from.",
            "region": "Its ISO code, such as US. Empty: every phone must have its country code.",
            "template": "What is said of one message. Between <%= and %> may stand: text; sender.name, recipient.name, "
            "and whatever else is told of these two; conversation.title, conversation.id; message.id, "
            "message.sent_at; app.name.",
            "introduction": "Comes before the first text of every new or changed link between a number and a "
            "conversation, and may use the same fields. Empty: none.",
            "introduction_function": "Its dotted path, such as myproject.words.introduction. It is used instead of the "
            "introduction above.",
            "lease_lifetime": 'Such as "1 week". It starts anew with each text in either direction.',
            "when_exhausted": "Every number of the pool stands for another conversation on the person's phone.",
            "digest": "Messages of one conversation that are due together become one SMS. "
            "Off: one SMS for each message.",
            "max_segments": f"From 1 to {MOST_SEGMENTS}. What is longer is cut, and the oldest messages go first. "
            "Each segment costs as much as an SMS.",
            "max_age": 'Such as "12 hours". What could not be sent for so long is not sent any more.',
            "paused": "Nobody is texted; what is due waits, and is given up when it gets too old.",
            "dry_run": "Do everything but the call to the vendor: no SMS leaves the house.",
        }

    def problems(self, instance: object) -> Problems:
        return problems_of(self.instance)


@admin.register(Bridge)
class BridgeAdmin(SettingsAdmin[Bridge]):
    form = BridgeForm
    list_display = ["name", "hook_link", "pool_link", "waits", "keeps", "state"]
    list_select_related = ["hook", "pool"]
    defer_in_lists = ("hook__secret",)
    search_fields = ["name"]
    readonly_fields = ("see",)
    radio_fields = {"when_exhausted": admin.VERTICAL}
    fieldsets = (
        (None, {"fields": ("name", "hook", "pool", "paused", "dry_run", "see")}),
        ("Words", {"fields": ("template", "introduction", "introduction_function", "digest", "max_segments")}),
        ("Numbers", {"fields": ("lease_lifetime", "when_exhausted")}),
        ("People and time", {"fields": ("region", "max_age")}),
    )

    def forget(self) -> None:
        forget_accounts()

    @admin.display(description="Hook", ordering="hook__slug")
    def hook_link(self, bridge: Bridge) -> SafeString | str:
        return link(bridge.hook)

    @admin.display(description="Pool", ordering="pool__name")
    def pool_link(self, bridge: Bridge) -> SafeString | str:
        return link(bridge.pool)

    @admin.display(description="Unread for", ordering="hook__delay")
    def waits(self, bridge: Bridge) -> str:
        return describe_duration(bridge.hook.delay)

    @admin.display(description="Keeps a number for", ordering="lease_lifetime")
    def keeps(self, bridge: Bridge) -> str:
        return describe_duration(bridge.lease_lifetime)

    @admin.display(description="State")
    def state(self, bridge: Bridge) -> SafeString:
        if bridge.paused:
            return badge("paused", "warning")
        return badge("dry run", "info") if bridge.dry_run else badge("on", "success")

    @admin.display(description="See also")
    def see(self, bridge: Bridge) -> SafeString | str:
        return related(bridge, "bridge") if bridge.pk else "—"
