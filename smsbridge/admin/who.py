"""People on lists: names from the contacts, phones masked, and found by a phone that is typed whole."""

import re
from typing import Any, TypeVar

from django.contrib import admin
from django.db.models import Model, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from notifier.admin_base import NOTHING, PlainAdmin
from smsbridge.models import E164, Contact
from smsbridge.phones import mask, to_e164

M = TypeVar("M", bound=Model)


def typed_phone(text: str) -> str | None:
    """The E.164 number that somebody typed into a search, however written; None when it is something else."""
    digits = "+" + re.sub(r"[\s().+-]", "", text)
    return to_e164(text) or (digits if re.fullmatch(E164, digits) else None)


def contact_name(chat_app: str) -> Subquery:
    """The name of the contact of a row with a `user_id`; `chat_app` is the way to its chat app."""
    of_row = Contact.objects.filter(chat_app=OuterRef(chat_app), user_id=OuterRef("user_id"))
    return Subquery(of_row.values("name")[:1])


class PhonesAdmin(PlainAdmin[M]):
    """A page whose rows have a `phone`, and perhaps other fields that hold a whole number (`number_fields`)."""

    number_fields: tuple[str, ...] = ()

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[M], search_term: str) -> tuple[Any, bool]:
        phone = typed_phone(search_term)
        if phone is not None:
            found = queryset.filter(Q(**dict.fromkeys(("phone", *self.number_fields), phone), _connector=Q.OR))
            if found.exists():
                return found, False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description="Phone", ordering="phone")
    def masked_phone(self, row: Any) -> str:
        return mask(row.phone) or "none"


class NamedAdmin(PlainAdmin[M]):
    """A page whose rows have a `user_id` that may belong to a contact."""

    way_to_chat_app = "conversation__chat_app"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(contact_name=contact_name(self.way_to_chat_app))

    @admin.display(description="Who", ordering="user_id")
    def who(self, row: Any) -> SafeString | str:
        name = getattr(row, "contact_name", None)
        if not row.user_id:
            return NOTHING
        if not name or name == row.user_id:
            return str(row.user_id)
        return format_html('{}<br><span class="text-xs text-base-500">{}</span>', name, row.user_id)
