"""What a project's own functions tagged texts with."""

import json
from typing import Any

from django.contrib import admin
from django.db import connection
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest
from unfold.contrib.filters.admin import TextFilter

from notifier.admin_base import NOTHING


class TagFilter(TextFilter):
    """Rows with a whole tag."""

    title = "tag"
    parameter_name = "tag"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        tag = (self.value() or "").strip()
        if not tag:
            return queryset
        with_words: QuerySet[Any] = queryset.annotate(tags_in_words=Cast("tags", TextField()))
        return with_words.filter(tags_in_words__icontains=_as_stored(tag))


class TaggedAdmin:
    """A page that shows its row's tags."""

    @admin.display(description="Tags")
    def tagged(self, sms: Any) -> str:
        return ", ".join(sms.tags or []) or NOTHING


def _as_stored(tag: str) -> str:
    """SQLite keeps the JSON as it is written, in ASCII; Postgres does not."""
    return json.dumps(tag, ensure_ascii=connection.vendor == "sqlite")
