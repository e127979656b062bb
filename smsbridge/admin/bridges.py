"""Bridges: the whole policy of who is texted what, from which numbers."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget

from notifier.admin_base import NOTHING, SettingsAdmin, badge, link, related
from notifier.durations import describe_duration
from notifier.forms import CheckedForm
from notifier.services.validation import Problems
from smsbridge.models import Bridge
from smsbridge.services.accounts import KEEP_SECONDS, forget_accounts
from smsbridge.services.daily_findings import words_of_today
from smsbridge.services.notices import WAITED_FOR, look_again
from smsbridge.services.policy import countries_of
from smsbridge.services.validation import MOST_SEGMENTS, problems_of


class BridgeForm(CheckedForm):
    class Meta:
        model = Bridge
        fields = (
            *("name", "hook", "pool", "region", "template", "introduction", "introduction_function"),
            *("lease_lifetime", "when_exhausted", "digest", "max_segments", "max_age", "paused", "dry_run"),
            *("before_sending", "after_receiving", "failover", "failover_after", "one_way", "sends_media"),
            *("countries", "quiet_from", "quiet_until", "phone_cap", "conversation_cap", "daily_budget", "over_budget"),
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
            "before_sending": "Function that sees texts before they are sent",
            "after_receiving": "Function that sees texts before they are posted",
            "failover": "Other accounts take over",
            "failover_after": "when an account has not sent for",
            "one_way": "Text from one-way senders where there is no number",
            "sends_media": "Send pictures as pictures",
            "countries": "Countries that are texted",
            "quiet_from": "Nobody is texted from",
            "quiet_until": "until",
            "phone_cap": "Texts to one phone, at most",
            "conversation_cap": "Texts about one conversation, at most",
            "daily_budget": "Segments in all, at most",
            "over_budget": "When these are used up",
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
            "before_sending": "Its dotted path, such as shop.guards.outgoing. It may change, block or tag each text; "
            "while it fails, nothing is sent. Empty: none.",
            "after_receiving": "Its dotted path, such as shop.guards.incoming. It may change, block or tag what people "
            "text, and opt them out; while it fails, nothing is posted. Empty: none.",
            "failover": "While an account is paused, misconfigured or fails, its conversations get numbers of the "
            "pool's other accounts, with an introduction.",
            "failover_after": 'Such as "5 minutes". A paused or misconfigured account is replaced at once.',
            "one_way": "Where no number can be had, the text leaves from a sender of the pool that cannot be answered, "
            "and says so. Off: the bridge waits or skips, as above.",
            "sends_media": "Where the vendor can and the platform tells their addresses, unless a function of your own "
            "sees texts first; such a text costs what a multimedia message costs. Off: they are told as [image].",
            "countries": "Their ISO codes, such as US, CA; * for all. Empty: those of the pool's active numbers. "
            "Premium-rate numbers and their like are never texted.",
            "quiet_from": "By the clock where the person is, such as 21:00. Empty: at any hour.",
            "quiet_until": "Such as 08:00. What was due meanwhile and is still unread is texted then, in one SMS.",
            "phone_cap": "A day, by UTC. What goes beyond is not texted at all. Empty: no limit.",
            "conversation_cap": "A day, by UTC, to all its people together. What goes beyond is not texted at all. "
            "Empty: no limit.",
            "daily_budget": "A day, by UTC. Each segment costs as much as an SMS. Empty: no limit.",
            "over_budget": "Who waits is texted from midnight UTC on, unless it is too old by then.",
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
    readonly_fields = ("see", "texts_to", "used_today")
    radio_fields = {"when_exhausted": admin.VERTICAL, "over_budget": admin.VERTICAL}
    fieldsets = (
        (None, {"fields": ("name", "hook", "pool", "paused", "dry_run", "see")}),
        (
            "Words",
            {"fields": ("template", "introduction", "introduction_function", "digest", "max_segments", "sends_media")},
        ),
        ("Numbers", {"fields": ("lease_lifetime", "when_exhausted", "one_way", ("failover", "failover_after"))}),
        ("Own code", {"fields": ("before_sending", "after_receiving"), "description": "See docs/own-code.md."}),
        ("People and time", {"fields": ("region", "max_age")}),
        ("Courtesy", {"fields": ("countries", "texts_to", ("quiet_from", "quiet_until"))}),
        ("Limits", {"fields": ("phone_cap", "conversation_cap", "daily_budget", "over_budget", "used_today")}),
    )

    def forget(self) -> None:
        forget_accounts()

    def save_model(self, request: HttpRequest, obj: Bridge, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if WAITED_FOR.intersection(form.changed_data):
            look_again(obj.pk, after=KEEP_SECONDS)

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

    @admin.display(description="So it texts")
    def texts_to(self, bridge: Bridge) -> str:
        if not bridge.pk:
            return NOTHING
        countries = countries_of(bridge, bridge.pool.numbers.filter(active=True))
        return "all countries" if countries is None else ", ".join(sorted(countries))

    @admin.display(description="Used today")
    def used_today(self, bridge: Bridge) -> str:
        return " ".join(words_of_today(bridge)) or "There is no limit."

    @admin.display(description="See also")
    def see(self, bridge: Bridge) -> SafeString | str:
        return related(bridge, "bridge") if bridge.pk else "—"
