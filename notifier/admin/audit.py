"""The audit: what operators did, written by Django for each change and by every action here. Nobody edits it."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter, RangeDateTimeFilter, RelatedDropdownFilter

from notifier.admin_base import NOTHING, FactAdmin, badge, when

WHAT = {ADDITION: ("added", "success"), CHANGE: ("changed", "info"), DELETION: ("deleted", "danger")}


class WhatFilter(DropdownFilter):
    title = "what"
    parameter_name = "what"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(flag), words) for flag, (words, _) in WHAT.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action_flag=self.value()) if self.value() in map(str, WHAT) else queryset


class KindFilter(DropdownFilter):
    """Kinds of objects that something was done to, by the names people know them by."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        used = ContentType.objects.filter(pk__in=LogEntry.objects.values("content_type").distinct())
        return sorted(((str(kind.pk), kind.name) for kind in used), key=lambda choice: choice[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or ""
        return queryset.filter(content_type=chosen) if chosen.isdecimal() else queryset


@admin.register(LogEntry)
class AuditAdmin(FactAdmin[LogEntry]):
    list_display = ["moment", "who", "in_words", "kind", "which", "told"]
    list_filter = [("user", RelatedDropdownFilter), WhatFilter, KindFilter, ("action_time", RangeDateTimeFilter)]
    list_select_related = ["user", "content_type"]
    search_fields = ["object_repr", "object_id__exact", "change_message", "user__username__exact"]
    search_help_text = "Part of what was done or of the object's name, a whole user name, or an object's whole id."
    ordering = ["-action_time", "-pk"]
    fields = ("moment", "who", "in_words", "kind", "which", "told")

    @admin.display(description="When", ordering="action_time")
    def moment(self, entry: LogEntry) -> SafeString | str:
        return when(entry.action_time)

    @admin.display(description="Who", ordering="user__username")
    def who(self, entry: LogEntry) -> str:
        return entry.user.get_username()

    @admin.display(description="What", ordering="action_flag")
    def in_words(self, entry: LogEntry) -> SafeString:
        return badge(*WHAT[entry.action_flag])

    @admin.display(description="Kind", ordering="content_type")
    def kind(self, entry: LogEntry) -> str:
        return entry.content_type.name if entry.content_type else NOTHING

    @admin.display(description="Which", ordering="object_repr")
    def which(self, entry: LogEntry) -> SafeString | str:
        url = None if entry.action_flag == DELETION else entry.get_admin_url()
        return (
            format_html('<a href="{}" class="text-link">{}</a>', url, entry.object_repr) if url else entry.object_repr
        )

    @admin.display(description="In words")
    def told(self, entry: LogEntry) -> str:
        return entry.get_change_message() or NOTHING
