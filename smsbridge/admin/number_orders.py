"""The journal of numbers that were bought and given back, and asking the vendor what became of those that are open."""

from collections import defaultdict
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from notifier.admin_base import FactAdmin, badge, link, when, with_reason
from smsbridge.admin.vendor_calls import calls
from smsbridge.models import NumberOrder, VendorAccount
from smsbridge.services import number_orders
from smsbridge.vendors.base import VendorError

State = NumberOrder.State
COLOURS = {
    State.STARTED.value: "info",
    State.PENDING.value: "info",
    State.UNCERTAIN.value: "warning",
    State.DONE.value: "success",
    State.REFUSED.value: "danger",
    State.NOT_DONE.value: "",
}


@admin.register(NumberOrder)
class NumberOrderAdmin(FactAdmin[NumberOrder]):
    list_display = ["created", "why", "action", "e164", "account_link", "pool_link", "a_month", "by", "settled"]
    list_display_links = ["created"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("action", ChoicesDropdownFilter),
        ("account", RelatedDropdownFilter),
        ("pool", RelatedDropdownFilter),
    ]
    list_select_related = ["account", "pool"]
    defer_in_lists = ("account__secrets",)
    search_fields = ["e164", "by__exact", "order__exact"]
    search_help_text = "Part of a number, or a whole user name or vendor's id of an order."
    ordering = ["-id"]
    fields = (
        *("in_words", "reason", "action", "e164", "account", "pool", "a_month", "order"),
        *("by", "created_at", "settled_at"),
    )
    actions = ["ask_again"]

    @admin.action(description="Ask the vendor again about what is open", permissions=["act"])
    def ask_again(self, request: HttpRequest, orders: QuerySet[NumberOrder]) -> None:
        """Costs nothing, and changes nothing at the vendor."""
        open_ = list(orders.filter(state__in=number_orders.OPEN).order_by("pk"))
        by_account: dict[int, list[NumberOrder]] = defaultdict(list)
        for order in open_:
            by_account[order.account_id].append(order)
        settled: list[NumberOrder] = []
        within = calls()
        for account in VendorAccount.objects.filter(pk__in=by_account).order_by("slug"):
            try:
                found = number_orders.ask_again(account, by_account[account.pk], within)
            except VendorError as error:
                messages.error(request, f"{account.slug}: {error}")
                continue
            ended = {order.pk for order, state in found if state not in number_orders.OPEN}
            settled += [order for order in by_account[account.pk] if order.pk in ended]
        self.log_all(request, settled, "Settled by what the vendor says.")
        self.tell(request, len(settled), "Settled", selected=orders.count())

    @admin.display(description="State", ordering="state")
    def in_words(self, order: NumberOrder) -> SafeString:
        return badge(order.get_state_display(), COLOURS[order.state])

    @admin.display(description="State", ordering="state")
    def why(self, order: NumberOrder) -> SafeString:
        return with_reason(self.in_words(order), order.reason)

    @admin.display(description="Asked for", ordering="created_at")
    def created(self, order: NumberOrder) -> SafeString | str:
        return when(order.created_at)

    @admin.display(description="Settled", ordering="settled_at")
    def settled(self, order: NumberOrder) -> SafeString | str:
        return when(order.settled_at)

    @admin.display(description="Account", ordering="account__name")
    def account_link(self, order: NumberOrder) -> SafeString | str:
        return link(order.account)

    @admin.display(description="Pool", ordering="pool__name")
    def pool_link(self, order: NumberOrder) -> SafeString | str:
        return link(order.pool)

    @admin.display(description="A month", ordering="price")
    def a_month(self, order: Any) -> str:
        return "" if order.price is None else f"{order.price.normalize():f} {order.currency}".strip()
