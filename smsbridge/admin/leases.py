"""Number assignments: which number stands for which conversation on whose phone, until when."""

from typing import Any

from django.contrib import admin
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter

from notifier.admin_base import FactAdmin, badge, link, when
from smsbridge.admin.who import NamedAdmin, PhonesAdmin
from smsbridge.models import Lease
from smsbridge.services import leases

#: by the word that the filter's address has for it
_STATES = {
    "yes": Q(expires_at__gt=Now(), left_at=None),
    "left": Q(expires_at__gt=Now(), left_at__isnull=False),
    "no": Q(expires_at__lte=Now()),
}
ALIVE = ExpressionWrapper(Q(expires_at__gt=Now()), output_field=BooleanField())


class AliveFilter(DropdownFilter):
    title = "alive, left or expired"
    parameter_name = "alive"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "alive"), ("left", "left for another number"), ("no", "expired")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(_STATES.get(self.value() or "", Q()))


@admin.register(Lease)
class LeaseAdmin(NamedAdmin[Lease], PhonesAdmin[Lease], FactAdmin[Lease]):
    list_display = ["who", "conversation_link", "number_link", "masked_phone", "until", "state", "since", "introduced"]
    list_filter = [
        ("number__pool", RelatedDropdownFilter),
        ("number", RelatedDropdownFilter),
        ("conversation__chat_app", RelatedDropdownFilter),
        AliveFilter,
    ]
    list_select_related = ["number", "conversation"]
    search_fields = ["user_id", "contact_name", "conversation__title", "conversation__key", "number__e164"]
    search_help_text = "Part of a name, user id, conversation or number, or a whole phone number."
    number_fields = ("number__e164",)
    ordering = ["-expires_at"]
    fields = (
        *("who", "phone", "conversation", "number", "state", "until", "since", "last_used_at", "left"),
        *("introduced", "introduced_by"),
    )
    actions = ["release"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(alive=ALIVE)

    @admin.display(description="Conversation", ordering="conversation__title")
    def conversation_link(self, lease: Lease) -> SafeString | str:
        return link(lease.conversation)

    @admin.display(description="Number", ordering="number__e164")
    def number_link(self, lease: Lease) -> SafeString | str:
        return link(lease.number)

    @admin.display(description="Until", ordering="expires_at")
    def until(self, lease: Lease) -> SafeString | str:
        return when(lease.expires_at)

    @admin.display(description="State", ordering="expires_at")
    def state(self, lease: Any) -> SafeString:
        if lease.alive and lease.left_at is not None:
            return badge("left for another number", "info")
        return badge("alive", "success") if lease.alive else badge("expired", "warning")

    @admin.display(description="Linked since", ordering="linked_at")
    def since(self, lease: Lease) -> SafeString | str:
        return when(lease.linked_at)

    @admin.display(description="Left since")
    def left(self, lease: Lease) -> SafeString | str:
        return when(lease.left_at)

    @admin.display(description="Introduced")
    def introduced(self, lease: Lease) -> str:
        return "yes" if lease.introduced_by_id is not None else "not yet"

    def has_release_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("smsbridge.delete_lease"))

    @admin.action(description="Release: take the number back from this conversation", permissions=["release"])
    def release(self, request: HttpRequest, rows: QuerySet[Lease]) -> None:
        chosen = list(rows)
        self.log_all(request, chosen, "Released.")
        self.tell(request, leases.release([lease.pk for lease in chosen]), "Released")
