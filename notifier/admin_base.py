"""What the admin pages of both halves have in common: pages of facts, pages of settings, links, tables, paging."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import messages
from django.contrib.admin import ShowFacets, site
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import ImproperlyConfigured
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import DurationField, Model, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from notifier import forms

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.contrib.admin import TabularInline as TabularInline
else:
    from unfold.admin import ModelAdmin as UnfoldModelAdmin
    from unfold.admin import TabularInline as UnfoldTabularInline

    class ModelAdmin(UnfoldModelAdmin):
        """Takes a type argument, as the type checker wants one."""

        def __class_getitem__(cls, _: Any) -> Any:
            return cls

    class TabularInline(UnfoldTabularInline):
        """Takes type arguments, as the type checker wants them."""

        def __class_getitem__(cls, _: Any) -> Any:
            return cls


M = TypeVar("M", bound=Model)
NOTHING = "—"
COUNT_UP_TO = 100_000
_SHORT = "max-width: 11rem"


class BoundedPaginator(Paginator):  # type: ignore[type-arg] # it takes one for the checker only
    """Never counts a huge table: PostgreSQL's estimate stands for it, and filtered lists are counted up to a bound."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        estimate = 0 if rows.query.where else _estimated_rows(rows.model)
        return estimate if estimate > COUNT_UP_TO else int(rows.order_by().values("pk")[:COUNT_UP_TO].count())


def _estimated_rows(model: type[Model]) -> int:
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("select reltuples::bigint from pg_class where oid = %s::regclass", [model._meta.db_table])
        return int(cursor.fetchone()[0])


class PlainAdmin(ModelAdmin[M]):
    """A page with the habits of all pages here. `defer_in_lists` names columns that a list has no use for."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_filter_submit = True
    list_fullwidth = True
    empty_value_display = NOTHING
    defer_in_lists: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        rows = super().get_queryset(request)
        return rows.defer(*self.defer_in_lists) if self.defer_in_lists and _is_list(request) else rows

    def log_all(self, request: HttpRequest, rows: Iterable[Model], words: str) -> None:
        """Write down in the history of each row who did what to it."""
        assert request.user.pk is not None  # noqa: S101 (the admin lets nobody in without a login)
        LogEntry.objects.log_actions(request.user.pk, list(rows), CHANGE, words)

    def tell(self, request: HttpRequest, count: int, done: str, *, selected: int | None = None) -> None:
        """Say how many rows an action touched, and that it left the others alone."""
        left = (selected or count) - count
        note = f" Left alone, as it does not apply to them: {left}." if left else ""
        messages.add_message(request, messages.SUCCESS if count else messages.WARNING, f"{done}: {count}.{note}")


class FactAdmin(PlainAdmin[M]):
    """A page that shows what happened. Nobody adds, changes or deletes facts here; actions call services."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Who may run actions on these facts: whoever may change them by Django's permissions."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}"))


class SettingsAdmin(PlainAdmin[M]):
    """A page of configuration. A row that others stand on is not deleted, so that no facts vanish with it.

    Rows of `own_rows` are no facts, but a part of it that goes with it.
    """

    own_rows: tuple[type[Model], ...] = ()
    formfield_overrides = {DurationField: {"form_class": forms.DurationField}}

    def forget(self) -> None:
        """After a change: what this process keeps of the configuration is read anew."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row, even if its secrets cannot be decrypted any more: then they can be entered anew."""
        try:
            return super().get_object(request, object_id, from_field)
        except ImproperlyConfigured as error:
            messages.error(request, str(error))
            return self._without_secrets(request, object_id)

    def _without_secrets(self, request: HttpRequest, object_id: str) -> Any:
        names = [field.name for field in self.opts.fields if field.name in ("secret", "secrets")]
        row = self.get_queryset(request).defer(*names).filter(pk=object_id).first()
        for name in names if row is not None else []:
            setattr(row, name, {} if name == "secrets" else "")
        return row

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or not in_use(obj, but=self.own_rows))

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # it would not ask for each row whether it is in use
        return actions

    def save_model(self, request: HttpRequest, obj: M, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        self.forget()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        self.forget()

    def delete_model(self, request: HttpRequest, obj: M) -> None:
        super().delete_model(request, obj)
        self.forget()


def in_use(row: Model, *, but: Sequence[type[Model]] = ()) -> bool:
    """Whether any other row points at this one, but those of some models."""
    relations = [
        relation
        for relation in row._meta.related_objects
        if relation.get_accessor_name() and relation.related_model not in but
    ]
    return any(
        relation.related_model._base_manager.filter(**{relation.field.name: row.pk}).exists() for relation in relations
    )


def link(row: Model | None, text: str | None = None) -> SafeString | str:
    """A link to a row's own page; a dash for none."""
    if row is None:
        return NOTHING
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    shown = text or str(row)
    return format_html(
        '<a href="{}" title="{}" class="text-link block truncate" style="{}">{}</a>', url, shown, _SHORT, shown
    )


def related(row: Model, field: str) -> SafeString | str:
    """Links to the lists of everything that points at `row` by a field of that name and has a page."""
    links = [
        format_html(
            '<a href="{}?{}={}" class="text-link">{}</a>',
            reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"),
            f"{field}__id__exact",
            row.pk,
            str(model._meta.verbose_name_plural)[:1].upper() + str(model._meta.verbose_name_plural)[1:],
        )
        for model in site._registry
        if any(one.name == field and one.related_model is type(row) for one in model._meta.fields)
    ]
    return SafeString(" · ".join(links)) if links else NOTHING


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]], none: str = "None.") -> SafeString | str:
    """A small read-only table; `none` stands for it when there are no rows."""
    if not rows:
        return none
    return render_to_string("unfold/components/table.html", {"table": {"headers": headers, "rows": rows}})


def badge(text: str, colour: str = "") -> SafeString:
    """A state in its colour: info, success, warning, danger, or none."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": colour})


def with_reason(state: SafeString, reason: str) -> SafeString:
    """A state for lists, with why it came to that beneath."""
    return format_html('{}<div class="text-xs" style="{}">{}</div>', state, _SHORT, reason) if reason else state


def when(moment: datetime | None, none: str = NOTHING) -> SafeString | str:
    """A moment for lists: short, and on one line."""
    if moment is None:
        return none
    return format_html('<span class="whitespace-nowrap">{}</span>', date_format(localtime(moment), "j M Y, H:i"))


def in_full(text: str) -> SafeString:
    return format_html('<div style="white-space: pre-wrap">{}</div>', text)


def preformatted(text: str) -> SafeString:
    return format_html('<pre class="whitespace-pre-wrap break-words text-xs">{}</pre>', text)


def _is_list(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and (match.url_name or "").endswith("_changelist")
