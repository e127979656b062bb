"""Whose a row is, in lists: a column and a filter, once any row of the list has an organisation."""

from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from notifier.adapter_forms import AdapterAdmin


def _organisations(model: type[Model]) -> list[str]:
    names = model._default_manager.exclude(organisation="").order_by("organisation")
    return list(names.values_list("organisation", flat=True).distinct())


class OrganisationFilter(DropdownFilter):
    title = "organisation"
    parameter_name = "organisation"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in _organisations(model_admin.model)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(organisation=self.value()) if self.value() else queryset


class OrganisedAdmin(AdapterAdmin):
    """The page of a row that has an `organisation`. Where nobody uses that, its list is as without."""

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = list(super().get_list_display(request))
        return [*shown, "organisation"] if _organisations(self.model) else shown

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = list(super().get_list_filter(request))
        return [*filters, OrganisationFilter] if _organisations(self.model) else filters
