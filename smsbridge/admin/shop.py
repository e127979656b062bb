"""An account's numbers at its vendor: what is there, what may be bought, and both sides in step."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from notifier.admin_base import PlainAdmin, table
from smsbridge.admin.questions import ask
from smsbridge.admin.vendor_calls import MOST, calls, tell
from smsbridge.models import Number, NumberOrder, Pool, VendorAccount
from smsbridge.services.buying import buy
from smsbridge.services.number_orders import open_orders
from smsbridge.services.number_sync import sync
from smsbridge.services.shopping import Plan, Price, goal_of, monthly, plan
from smsbridge.services.vendor_calls import Calls
from smsbridge.vendors.base import VendorError

_NOT_TOLD = "-"
_RESTING = (
    "The vendor does not list them any more: who texts them reaches somebody else by now, or nobody.",
    "A number at rest takes no new conversation, and no text for one leaves from it.",
    "If the credentials are of another account, correct them first.",
)


class ShopForm(forms.Form):
    """How many numbers of a place a pool is to have."""

    pool = forms.ModelChoiceField(Pool.objects.order_by("name"), widget=UnfoldAdminSelectWidget)
    country = forms.CharField(
        max_length=2, widget=UnfoldAdminTextInputWidget, help_text="Its ISO code, such as US or CH."
    )
    area = forms.CharField(
        max_length=8,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Its code, such as 415. Empty: any.",
    )
    total = forms.IntegerField(
        min_value=1,
        max_value=1000,
        label="Numbers that the pool shall have",
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Of this country and area, with those that it has: only what is missing is bought. "
        f"At most {MOST} at once; `manage.py buy_numbers` takes more.",
    )


class NumberShopPage(PlainAdmin[Any]):
    """Comes before the account page's own class. Buying is a decision about money: add_numberorder permits it."""

    @action(  # type: ignore[untyped-decorator] # it has no types
        description="Numbers at the vendor", url_path="numbers", permissions=["pay"]
    )
    def number_shop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The form; with it sent, what would be bought; with that confirmed, buying it."""
        account = self.get_object(request, object_id)
        if account is None:
            return HttpResponseRedirect(reverse("admin:smsbridge_vendoraccount_changelist"))
        form = ShopForm(request.POST if request.method == "POST" else None)
        within = calls()
        made = _planned(account, form, within) if form.is_bound and form.is_valid() else None
        if made is not None and request.POST.get("confirmed") and made.goal.prices:
            self._buy(request, made, within)
            return HttpResponseRedirect(reverse("admin:smsbridge_numberorder_changelist"))
        return TemplateResponse(request, "smsbridge/shop.html", _context(request, self, account, form, made))

    def _buy(self, request: HttpRequest, made: Plan, within: Calls) -> None:
        bought = buy(made, by=request.user.get_username(), calls=within)
        tell(request, [*made.resolved, *bought.done], bought.failed)
        self.log_all(request, [made.goal.account], f"Bought numbers: {len(bought.numbers)}.")

    def has_pay_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return bool(request.user.has_perm("smsbridge.add_numberorder"))

    @admin.action(description="Bring our numbers in step with the vendor's", permissions=["change"])
    def bring_in_step(self, request: HttpRequest, accounts: QuerySet[VendorAccount]) -> HttpResponse | None:
        """Where numbers would be put to rest, a question comes first."""
        within, sure = calls(), bool(request.POST.get("confirmed"))
        chosen = list(accounts.order_by("slug"))
        rows = [] if sure else [row for account in chosen for row in _would_rest(account, within)]
        if rows:
            return ask(
                request,
                self,
                title="Bring our numbers in step with the vendor's",
                question=f"Put these numbers to rest? In all: {len(rows)}.",
                meaning=_RESTING,
                shown=table(["Account", "Number", "Mind"], rows),
                ids=[account.pk for account in chosen],
                action="bring_in_step",
            )
        for account in chosen:
            try:
                told = sync(account, pool=None, dry_run=False, calls=within, sure=sure)
            except VendorError as error:
                tell(request, [], [f"{account.slug}: {error}"])
                continue
            self.log_all(request, [account], "Brought in step with the vendor's numbers.")
            tell(request, told.done or [f"{account.slug}: in step."], told.failed)
        return None


def _would_rest(account: VendorAccount, within: Calls) -> list[list[str]]:
    """Nothing for an account that cannot be asked: that is told when it is brought in step."""
    try:
        found = sync(account, pool=None, dry_run=True, calls=within)
    except VendorError:
        return []
    return [[account.slug, number, found.doubts] for number in found.missing]


def _planned(account: VendorAccount, form: ShopForm, within: Calls) -> Plan | None:
    """Nothing, with the reason at the form, when nothing can be bought."""
    try:
        goal = goal_of(account, most=MOST, **form.cleaned_data)
        goal = replace(goal, prices=_agreed(str(form.data.get("prices", ""))))
        made = plan(goal, within, dry_run=not form.data.get("confirmed"))
    except VendorError as error:
        form.add_error(None, str(error))
        return None
    if not made.offers:
        form.add_error(None, _why_nothing(made))
        return None
    return made


def _agreed(text: str) -> list[Price] | None:
    """The prices that the page showed, as it sends them back; None when it showed none, or sends anything else."""
    rows = [row.split(" ") for row in text.split(",") if row]
    try:
        prices = [(Decimal(price) if price != _NOT_TOLD else None, currency) for price, currency in rows]
    except (ValueError, ArithmeticError):
        return None
    return prices if prices and all(price is None or price.is_finite() for price, _ in prices) else None


def _sent(prices: Iterable[Price]) -> str:
    return ",".join(f"{_NOT_TOLD if price is None else format(price, 'f')} {currency}" for price, currency in prices)


def _why_nothing(made: Plan) -> str:
    if not made.missing:
        return f"The pool has {made.there} of these already: nothing is to be bought."
    if not made.may_buy:
        return "The account may hold no more numbers: raise its number limit, or release some."
    return "Nothing is on offer there: leave the area empty, or try another one."


def _context(
    request: HttpRequest, page: PlainAdmin[Any], account: VendorAccount, form: ShopForm, made: Plan | None
) -> dict[str, Any]:
    orders = [[str(order), order.get_state_display(), order.reason] for order in open_orders(account)]
    held = Number.objects.filter(account=account, released_at=None, one_way=False).count()
    offers = made.shown if made else []
    rows = [[one.e164, f"{one.price or 'not told'} {one.currency}".strip()] for one in offers]
    return {
        **admin.site.each_context(request),
        "title": f"Numbers of {account} at the vendor",
        "opts": page.opts,
        "account": account,
        "form": form,
        "plan": made,
        "offers": table(["On offer", "A month"], rows),
        "monthly": monthly(offers),
        "prices": _sent((one.price, one.currency) for one in offers),
        "count": len(offers),
        "held": held,
        "orders": table(["Order", "State", "Why"], orders, none="") if orders else "",
        "order_list": f"{reverse('admin:smsbridge_numberorder_changelist')}?account__id__exact={account.pk}",
        "all_orders": NumberOrder.objects.filter(account=account).exists(),
    }
