"""The vendor's list of an account's numbers, and whether it may be believed about what it does not show.

A list may come late, be cut short, or be of another account whose credentials were entered. What it shows is so; that
something is missing from it counts only where most of what we use is on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from notifier.sql import database_now
from smsbridge.models import Number, NumberOrder, VendorAccount
from smsbridge.services.numbers import owned_numbers
from smsbridge.services.vendor_calls import Calls
from smsbridge.vendors.abilities import NumberList
from smsbridge.vendors.base import OwnedNumber

#: for so long a request may linger on its way, and a list may lag behind
GRACE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Stock:
    """The numbers that the account owned at the vendor; they were read after `since`."""

    numbers: Mapping[str, OwnedNumber]
    since: datetime


def read_stock(vendor: NumberList, calls: Calls) -> Stock:
    """Raises VendorError."""
    since = database_now()
    return Stock({number.e164: number for number in owned_numbers(vendor, ask=calls.ask)}, since)


def lately(account: VendorAccount, stock: Stock, action: NumberOrder.Action) -> set[str]:
    """Those bought, or released, so shortly before the list was read that it may not show it yet."""
    orders = NumberOrder.objects.filter(account=account, action=action, state=NumberOrder.State.DONE)
    return set(orders.filter(settled_at__gt=stock.since - GRACE).values_list("e164", flat=True))


def doubts(account: VendorAccount, stock: Stock) -> str:
    """Why the list may be of another account or not whole, as the beginning of a sentence; "" where it looks right."""
    of_use = Q(active=True) | Q(rests_for=Number.Rest.POINTING)
    rows = Number.objects.filter(of_use, account=account, one_way=False, released_at=None)
    fresh = lately(account, stock, NumberOrder.Action.BUY)
    used = set(rows.values_list("e164", flat=True)) - fresh
    listed = used & stock.numbers.keys()
    if not stock.numbers and (used or fresh):
        return "The vendor lists not a single number, though some are in use here, so this may be the wrong account"
    if 2 * len(listed) < len(used):
        many = f"only {len(listed)} of the {len(used)} numbers that are in use here"
        return f"The vendor lists {many}, so this may be the wrong account"
    return ""
