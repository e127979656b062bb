"""Chat apps: which chat applications we know, and how to reach them."""

from django.contrib import admin
from django.utils.safestring import SafeString

from notifier.adapter_forms import AdapterForm, Adapters
from notifier.admin_base import badge, related
from notifier.admin_organisations import OrganisedAdmin
from notifier.models import ChatApp
from notifier.platforms.registry import PLATFORMS, platform_class
from notifier.services.hooks import forget_hooks
from notifier.services.validation import Problems, problems_of


class ChatAppForm(AdapterForm):
    adapter_field = "platform"

    class Meta:
        model = ChatApp
        fields = ("name", "slug", "platform", "paused", "organisation")
        help_texts = {"name": "As templates may say it: <%= app.name %>.", "slug": "Its name in commands and logs."}

    @classmethod
    def adapters(cls) -> Adapters:
        return {key: platform_class(key) for key in sorted(PLATFORMS)}

    def problems(self, instance: object) -> Problems:
        return problems_of(self.instance)


@admin.register(ChatApp)
class ChatAppAdmin(OrganisedAdmin):
    form = ChatAppForm
    general_fields = ("name", "slug", "platform", "paused", "organisation")
    shown_fields = ("see",)
    list_display = ["name", "slug", "platform", "state"]

    def forget(self) -> None:
        forget_hooks()

    @admin.display(description="State", ordering="paused")
    def state(self, app: ChatApp) -> SafeString:
        return badge("paused", "warning") if app.paused else badge("on", "success")

    @admin.display(description="See also")
    def see(self, app: ChatApp) -> SafeString | str:
        return related(app, "chat_app")
