"""Vendor accounts: whom we send SMS through, and the URLs that the vendor calls."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import action

from notifier import doorbell
from notifier.adapter_forms import AdapterForm, Adapters
from notifier.admin_base import NOTHING, badge, related, with_reason
from notifier.admin_organisations import OrganisedAdmin
from notifier.services.validation import Problems
from notifier.sql import database_now
from smsbridge.admin.questions import ask
from smsbridge.admin.shop import NumberShopPage
from smsbridge.models import Breaker, VendorAccount
from smsbridge.services import breaker
from smsbridge.services.account_check import check
from smsbridge.services.accounts import callback_url, forget_accounts, shown_url, vendor_of, webhook_url
from smsbridge.services.sending import STAGE as SEND
from smsbridge.services.validation import problems_of
from smsbridge.vendors.base import VendorError
from smsbridge.vendors.registry import VENDORS, vendor_class

_MAY_CHANGE = "may_be_changed"
_GENERAL = ("name", "slug", "vendor", "paused", "answers_keywords")
_LOOKUPS = ("looks_up", "lookup_limit")
_LIMITS = ("number_limit", "lookup_limit")
_PACES = ("segments_per_second", "number_segments_per_second")
_CHECK = "Check now at the vendor"
_CHECKING = ["It costs nothing and changes nothing, and tells whether the credentials are right."]
SLOWEST, FASTEST = 0.1, 10_000.0


class VendorAccountForm(AdapterForm):
    adapter_field = "vendor"

    class Meta:
        model = VendorAccount
        fields = (*_GENERAL, *_PACES, "number_limit", *_LOOKUPS, "organisation")
        labels = {
            "segments_per_second": "Segments a second, all numbers together",
            "number_segments_per_second": "Segments a second, each number",
            "number_limit": "Numbers, at most",
            "looks_up": "Look new phones up",
            "lookup_limit": "Paid look-ups a day, at most",
        }
        help_texts = {
            "slug": "A part of the URLs that the vendor calls. When it changes, tell the vendor the new ones.",
            "paused": "Nothing is sent; texts wait.",
            "answers_keywords": "The vendor itself answers STOP, START and HELP. They are obeyed, but not answered.",
            "segments_per_second": "The most that the vendor lets the account send. Empty: as fast as it goes.",
            "number_segments_per_second": "The most that carriers let each number send, such as 1 for a US long code. "
            "Texts beyond it wait. Empty: as fast as it goes.",
            "looks_up": "Ask this vendor what kind of phone a new one is, where it can tell. Most charge for it; it is "
            "done only where the numbering plan and delivery receipts do not tell.",
            "lookup_limit": "The most look-ups that cost money on one day (UTC).",
        }

    @classmethod
    def adapters(cls) -> Adapters:
        return {key: vendor_class(key) for key in sorted(VENDORS)}

    def problems(self, instance: object) -> Problems:
        return problems_of(self.instance)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in _LIMITS:
            if name in self.fields:
                self.fields[name].required = False

    def clean_number_limit(self) -> int:
        return self._clean_limit("number_limit")

    def clean_lookup_limit(self) -> int:
        return self._clean_limit("lookup_limit")

    def _clean_limit(self, name: str) -> int:
        """An empty field leaves the limit as it is."""
        limit: int | None = self.cleaned_data[name]
        return int(getattr(self.instance, name)) if limit is None else limit

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
class VendorAccountAdmin(NumberShopPage, OrganisedAdmin):
    form = VendorAccountForm
    general_fields = (*_GENERAL, *_PACES, "number_limit", *_LOOKUPS, "organisation")
    shown_fields = ("waits", "inbound_url", "status_url", "see")
    list_display = ["name", "slug", "vendor", "state"]
    actions = ["try_now", "check_now", "bring_in_step"]
    actions_detail = ["check_this", "number_shop"]

    def forget(self) -> None:
        forget_accounts()

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> VendorAccount | None:
        """Its page shows URLs, which may hold a secret, and what shows them knows the row alone."""
        account: VendorAccount | None = super().get_object(request, object_id, from_field)
        if account is not None:
            setattr(account, _MAY_CHANGE, self.has_change_permission(request, account))
        return account

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

    @admin.action(description="Check now at the vendor", permissions=["change"])
    def check_now(self, request: HttpRequest, accounts: QuerySet[VendorAccount]) -> None:
        for account in accounts.order_by("slug"):
            self._check(request, account)

    @action(  # type: ignore[untyped-decorator] # it has no types
        description="Check now at the vendor", url_path="check-now", permissions=["change"]
    )
    def check_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A question first: a link alone calls no vendor, and writes nothing."""
        account = self.get_object(request, object_id)
        if account is not None and request.method != "POST":
            return ask(request, self, title=_CHECK, question=f"Ask the vendor about {account}?", meaning=_CHECKING)
        if account is not None:
            self._check(request, account)
        return HttpResponseRedirect(reverse("admin:smsbridge_vendoraccount_change", args=[object_id]))

    def _check(self, request: HttpRequest, account: VendorAccount) -> None:
        try:
            messages.success(request, f"{account.slug}: {check(account)}")
        except VendorError as error:
            messages.error(request, f"{account.slug}: {str(error).rstrip('.')}.")
        self.log_all(request, [account], "Checked at the vendor.")

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
        return _url(account, "inbound")

    @admin.display(description="URL for delivery receipts")
    def status_url(self, account: VendorAccount) -> str:
        return _url(account, "status")

    @admin.display(description="See also")
    def see(self, account: VendorAccount) -> SafeString | str:
        return related(account, "account")


def _url(account: VendorAccount, kind: str) -> str:
    """Whole, to be entered at the vendor, for who may change the account."""
    show = callback_url if getattr(account, _MAY_CHANGE, False) else shown_url
    try:
        return show(account.slug, vendor_of(account), kind)
    except LookupError:  # of a vendor that is not there any more
        return webhook_url(account.slug, kind)


def _why_it_waits(account: VendorAccount) -> str:
    """What the account's breaker says; "" while texts go."""
    row = Breaker.objects.filter(account=account).first() if account.pk else None
    return breaker.in_words(row, database_now()) if row is not None and row.opened_at else ""
