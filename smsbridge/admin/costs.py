"""What texts cost, by day, and the prices of segments by which missing prices are estimated."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from notifier.admin_base import NOTHING, FactAdmin, SettingsAdmin, table
from notifier.forms import ModelForm
from notifier.sql import database_now
from smsbridge.models import DailyCost, Rate
from smsbridge.services import costs
from smsbridge.services.costs import Cost

UNKNOWN = "not known"
_MOST = 10_000  # of any currency; no segment costs as much


def in_money(amount: Decimal, currency: str) -> str:
    """Such as 12.50 EUR, with as many places as there are, at least two."""
    places = max(2, -int(amount.normalize().as_tuple().exponent)) if amount else 2
    return f"{number_format(amount, places)} {currency}".strip()


@admin.register(DailyCost)
class DailyCostAdmin(FactAdmin[DailyCost]):
    list_display = ["day", "bridge_name", "account", "country_name", "texts", "segments", "told", "by_rates", "total"]
    list_display_links = ["day"]
    list_filter = [
        ("bridge", RelatedDropdownFilter),
        ("account", RelatedDropdownFilter),
        "country",
        "currency",
    ]
    list_select_related = ["bridge", "account"]
    date_hierarchy = "day"
    ordering = ["-day", "-amount", "-pk"]
    fields = ("day", "bridge_name", "account", "country_name", "texts", "segments", "told", "by_rates", "total")
    list_after_template = "smsbridge/cost_sums.html"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """With what the rows of the list, on all its pages, come to in each currency."""
        response = super().changelist_view(request, extra_context)
        shown = getattr(response, "context_data", None) or {}
        if "cl" in shown:
            shown["sums"] = sums_table(shown["cl"].queryset)
        return response

    @admin.display(description="Bridge", ordering="bridge")
    def bridge_name(self, cost: DailyCost) -> str:
        return str(cost.bridge) if cost.bridge else "answers to keywords"

    @admin.display(description="Country", ordering="country")
    def country_name(self, cost: DailyCost) -> str:
        return cost.country or NOTHING

    @admin.display(description="Told by the vendor", ordering="amount")
    def told(self, cost: DailyCost) -> str:
        return in_money(cost.amount, cost.currency) if cost.amount else NOTHING

    @admin.display(description="Estimated", ordering="estimated")
    def by_rates(self, cost: DailyCost) -> str:
        return in_money(cost.estimated, cost.currency) if cost.estimated else NOTHING

    @admin.display(description="Together")
    def total(self, cost: DailyCost) -> str:
        return in_money(cost.amount + cost.estimated, cost.currency) if cost.currency or cost.amount else UNKNOWN


def sums_table(rows: QuerySet[DailyCost]) -> SafeString | str:
    """What they come to, a line for each currency."""
    headers = ["Currency", "Texts", "Segments", "Told by the vendor", "Estimated", "Together"]
    return table(headers, [_line(cost) for cost in costs.by_currency(rows)], none="Nothing was sent.")


def _line(cost: Cost) -> list[str | int]:
    money = [in_money(amount, "") for amount in (cost.amount, cost.estimated, cost.total)]
    known = cost.currency or cost.amount
    return [cost.currency or UNKNOWN, cost.texts, cost.segments, *(money if known else [UNKNOWN] * 3)]


class RateForm(ModelForm):
    class Meta:
        model = Rate
        fields = ("account", "country", "per_segment", "currency")

    def clean_country(self) -> str:
        return self._capitals("country", 2, "Two letters (ISO 3166), such as DE, or empty for every other country.")

    def clean_currency(self) -> str:
        return self._capitals("currency", 3, "Three letters (ISO 4217), such as EUR.")

    def _capitals(self, name: str, length: int, remedy: str) -> str:
        given: str = self.cleaned_data[name].strip().upper()
        if given and not (given.isascii() and given.isalpha() and len(given) == length):
            raise forms.ValidationError(remedy)
        return given

    def clean_per_segment(self) -> Decimal:
        price: Decimal = self.cleaned_data["per_segment"]
        if not 0 <= price <= _MOST:
            raise forms.ValidationError(f"Must be between 0 and {_MOST}.")
        return price


@admin.register(Rate)
class RateAdmin(SettingsAdmin[Rate]):
    """An operator's entry stays until it is deleted; then the vendor's next told price takes its place."""

    form = RateForm
    list_display = ["account", "country_name", "per_segment", "currency", "source", "since"]
    list_display_links = ["account", "country_name"]
    list_filter = [("account", RelatedDropdownFilter), ("source", ChoicesDropdownFilter)]
    list_select_related = ["account"]
    ordering = ["account", "country"]
    fields = ("account", "country", "per_segment", "currency", "source", "since")
    readonly_fields = ("source", "since")

    @admin.display(description="Country", ordering="country")
    def country_name(self, rate: Rate) -> str:
        return rate.country or "everywhere else"

    def save_model(self, request: HttpRequest, obj: Rate, form: Any, change: bool) -> None:
        """What somebody entered is his, from now on."""
        obj.country, obj.currency = obj.country.upper(), obj.currency.upper()
        obj.source, obj.since = Rate.Source.OPERATOR, database_now()
        super().save_model(request, obj, form, change)
