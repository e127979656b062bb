"""Rules: whom a chat app's new messages are for."""

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RelatedDropdownFilter

from notifier.admin_base import SettingsAdmin, badge
from notifier.forms import CheckedForm, ListedField, PhonesField, obscured
from notifier.models import Rule
from notifier.services import rules
from notifier.services.validation import Problems, problems_of

_MOST_SHOWN = 3


class RuleForm(CheckedForm):
    events = ListedField(required=False, help_text="Names of events, one per line. Empty: all that tell of a message.")
    contexts = ListedField(required=False, help_text="Ids of contexts, one per line. Empty: all.")
    conversations = ListedField(required=False, help_text="The platform's ids of conversations. Empty: all.")
    phones = PhonesField(
        required=False,
        help_text="One per line, each with its country code, such as +12025550100.",
    )

    class Meta:
        model = Rule
        fields = ("chat_app", "name", "enabled", "recipients", "phones", "events", "contexts", "conversations")
        labels = {"recipients": "Who is told"}

    def problems(self, instance: object) -> Problems:
        return problems_of(self.instance)


@admin.register(Rule)
class RuleAdmin(SettingsAdmin[Rule]):
    form = RuleForm
    list_display = ["name", "chat_app", "told", "of_what", "state"]
    list_filter = [("chat_app", RelatedDropdownFilter)]
    list_select_related = ["chat_app"]
    defer_in_lists = ("chat_app__secrets",)
    radio_fields = {"recipients": admin.VERTICAL}
    fieldsets = (
        (None, {"fields": ("chat_app", "name", "enabled")}),
        (
            "Who is told",
            {
                "fields": ("recipients", "phones"),
                "description": "As long as a chat app has no rule, its messages are for whomever the platform names. "
                "With rules, each that fits adds to who is told, and what fits none is for nobody.",
            },
        ),
        ("Of what", {"fields": ("events", "contexts", "conversations")}),
    )
    conditional_fields = {"phones": "typeof recipients == 'undefined' || recipients == 'phones'"}

    def forget(self) -> None:
        rules.forget()

    @admin.display(description="Who is told", ordering="recipients")
    def told(self, rule: Rule) -> str:
        if rule.recipients != Rule.Recipients.PHONES:
            return "the conversation's users"
        shown = ", ".join(obscured(phone) for phone in rule.phones[:_MOST_SHOWN])
        more = len(rule.phones) - _MOST_SHOWN
        return f"{shown} and {more} more" if more > 0 else shown

    @admin.display(description="Of what")
    def of_what(self, rule: Rule) -> str:
        named = {"events": rule.events, "contexts": rule.contexts, "conversations": rule.conversations}
        return "; ".join(f"{what}: {', '.join(ids)}" for what, ids in named.items() if ids) or "everything new"

    @admin.display(description="State", ordering="enabled")
    def state(self, rule: Rule) -> SafeString:
        return badge("on", "success") if rule.enabled else badge("off", "warning")
