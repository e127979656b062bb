"""Vendor accounts: whom we send SMS through, and the URLs that the vendor calls."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from notifier import doorbell
from notifier.adapter_forms import AdapterAdmin, AdapterForm, Adapters
from notifier.admin_base import NOTHING, badge, related, with_reason
from notifier.services.validation import Problems
from notifier.sql import database_now
from smsbridge.models import Breaker, VendorAccount
from smsbridge.services import breaker
from smsbridge.services.accounts import forget_accounts, webhook_url
from smsbridge.services.sending import STAGE as SEND
from smsbridge.services.validation import problems_of
from smsbridge.vendors.registry import VENDORS, vendor_class

_PACES = ("segments_per_second", "number_segments_per_second")
SLOWEST, FASTEST = 0.1, 10_000.0


class VendorAccountForm(AdapterForm):
    adapter_field = "vendor"

    class Meta:
        model = VendorAccount
        fields = ("name", "slug", "vendor", "paused", "answers_keywords", *_PACES)
        labels = {
            "segments_per_second": "Segments a second, all numbers together",
            "number_segments_per_second": "Segments a second, each number",
        }
        help_texts = {
            "slug": "A part of the URLs that the vendor calls. When it changes, tell the vendor the new ones.",
            "paused": "Nothing is sent; texts wait.",
            "answers_keywords": "The vendor itself answers STOP, START and HELP. They are obeyed, but not answered.",
            "segments_per_second": "The most that the vendor lets the account send. Empty: as fast as it goes.",
            "number_segments_per_second": "The most that carriers let each number send, such as 1 for a US long code. "
            "Texts beyond it wait. Empty: as fast as it goes.",
        }

    @classmethod
    def adapters(cls) -> Adapters:
        return {key: vendor_class(key) for key in sorted(VENDORS)}

    def problems(self, instance: object) -> Problems:
        return problems_of(self.instance)

    def clean_segments_per_second(self) -> float | None:
        return self._clean_pace("segments_per_second")

    def clean_number_segments_per_second(self) -> float | None:
        return self._clean_pace("number_segments_per_second")

    def _clean_pace(self, name: str) -> float | None:
        pace: float | None = self.cleaned_data[name]
        if pace is not None and not SLOWEST <= pace <= FASTEST:
            raise forms.ValidationError(f"Must be from {SLOWEST:g} to {FASTEST:g}, or empty for as fast as it goes.")
        return pace


@admin.register(VendorAccount)
class VendorAccountAdmin(AdapterAdmin):
    form = VendorAccountForm
    general_fields = ("name", "slug", "vendor", "paused", "answers_keywords", *_PACES)
    shown_fields = ("waits", "inbound_url", "status_url", "see")
    list_display = ["name", "slug", "vendor", "state"]
    actions = ["try_now"]

    def forget(self) -> None:
        forget_accounts()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """What was corrected is tried at once."""
        super().save_model(request, obj, form, change)
        if breaker.try_now([obj.pk]):
            doorbell.ring_on_commit(SEND)

    @admin.action(description="Try again now whether the vendor works", permissions=["change"])
    def try_now(self, request: HttpRequest, accounts: QuerySet[VendorAccount]) -> None:
        opened = VendorAccount.objects.filter(pk__in=breaker.try_now(accounts.values_list("pk", flat=True)))
        doorbell.ring_on_commit(SEND)
        self.log_all(request, opened.defer("secrets"), "Tried again whether the vendor works.")
        self.tell(request, len(opened), "Tried with the next text", selected=accounts.count())

    @admin.display(description="State", ordering="paused")
    def state(self, account: VendorAccount) -> SafeString:
        if account.paused:
            return badge("paused", "warning")
        words = _why_it_waits(account)
        return with_reason(badge("held back", "danger"), words) if words else badge("on", "success")

    @admin.display(description="Held back")
    def waits(self, account: VendorAccount) -> str:
        return _why_it_waits(account) or NOTHING

    @admin.display(description="URL for texts that come in")
    def inbound_url(self, account: VendorAccount) -> str:
        return webhook_url(account.slug, "inbound")

    @admin.display(description="URL for delivery receipts")
    def status_url(self, account: VendorAccount) -> str:
        return webhook_url(account.slug, "status")

    @admin.display(description="See also")
    def see(self, account: VendorAccount) -> SafeString | str:
        return related(account, "account")


def _why_it_waits(account: VendorAccount) -> str:
    """What the account's breaker says; "" while texts go."""
    row = Breaker.objects.filter(account=account).first() if account.pk else None
    return breaker.in_words(row, database_now()) if row is not None and row.opened_at else ""
