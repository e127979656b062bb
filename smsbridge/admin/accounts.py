"""Vendor accounts: whom we send SMS through, and the URLs that the vendor calls."""

from django.contrib import admin
from django.utils.safestring import SafeString

from notifier.adapter_forms import AdapterAdmin, AdapterForm, Adapters
from notifier.admin_base import badge, related
from notifier.services.validation import Problems
from smsbridge.models import VendorAccount
from smsbridge.services.accounts import forget_accounts, webhook_url
from smsbridge.services.validation import problems_of
from smsbridge.vendors.registry import VENDORS, vendor_class


class VendorAccountForm(AdapterForm):
    adapter_field = "vendor"

    class Meta:
        model = VendorAccount
        fields = ("name", "slug", "vendor", "paused")
        help_texts = {
            "slug": "A part of the URLs that the vendor calls. When it changes, tell the vendor the new ones.",
            "paused": "Nothing is sent; texts wait.",
        }

    @classmethod
    def adapters(cls) -> Adapters:
        return {key: vendor_class(key) for key in sorted(VENDORS)}

    def problems(self, instance: object) -> Problems:
        return problems_of(self.instance)


@admin.register(VendorAccount)
class VendorAccountAdmin(AdapterAdmin):
    form = VendorAccountForm
    general_fields = ("name", "slug", "vendor", "paused")
    shown_fields = ("inbound_url", "status_url", "see")
    list_display = ["name", "slug", "vendor", "state"]

    def forget(self) -> None:
        forget_accounts()

    @admin.display(description="State", ordering="paused")
    def state(self, account: VendorAccount) -> SafeString:
        return badge("paused", "warning") if account.paused else badge("on", "success")

    @admin.display(description="URL for texts that come in")
    def inbound_url(self, account: VendorAccount) -> str:
        return webhook_url(account.slug, "inbound")

    @admin.display(description="URL for delivery receipts")
    def status_url(self, account: VendorAccount) -> str:
        return webhook_url(account.slug, "status")

    @admin.display(description="See also")
    def see(self, account: VendorAccount) -> SafeString | str:
        return related(account, "account")
