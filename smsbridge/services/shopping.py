"""What a vendor offers, and what is missing until a pool has so many numbers of a country and area.

Orders that are open count as bought, since they may have been.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import phonenumbers

from smsbridge.models import Number, NumberOrder, Pool, VendorAccount
from smsbridge.phones import country_of
from smsbridge.services import number_orders
from smsbridge.services.number_orders import shop_of
from smsbridge.services.number_rules import taking_in_problems
from smsbridge.services.number_stock import Stock, doubts, read_stock
from smsbridge.services.vendor_calls import Calls, CannotDo
from smsbridge.vendors.abilities import NumberShop
from smsbridge.vendors.base import OfferedNumber, Wanted

Action = NumberOrder.Action

#: how many a run buys at most, unless it is told otherwise
MOST = 10
#: offers that are asked for beyond what is wanted, as others buy too
SPARE = 5


#: a month, None where the vendor does not say; and the currency
Price = tuple[Decimal | None, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The pool is to have `total` numbers of a country, and there of an area if one is given; `most` are bought now.

    `prices` a month are those that somebody agreed to, one for each number; None: those of the plan.
    """

    account: VendorAccount
    pool: Pool
    country: str
    area: str
    total: int
    most: int
    prices: Sequence[Price] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run would buy, and why no more. `missing` is how many are wanted, `may_buy` how many of them now."""

    goal: Goal
    stock: Stock
    there: int
    missing: int
    held: int
    limit: int
    may_buy: int
    offers: Sequence[OfferedNumber]
    strangers: int = 0  # the vendor has them in the account, and we do not know them
    resolved: Sequence[str] = ()
    doubts: str = ""  # as `number_stock.doubts`

    @property
    def shown(self) -> Sequence[OfferedNumber]:
        """What is bought, as far as it is still there by then."""
        return self.offers[: self.may_buy]

    @property
    def prices(self) -> Sequence[Price]:
        """What may be paid, one for each number."""
        agreed = self.goal.prices
        return [(one.price, one.currency) for one in self.shown] if agreed is None else agreed


def wanted_numbers(country: str, area: str, limit: int) -> Wanted:
    """What an operator typed. Raises CannotDo, with the remedy."""
    country, area = country.strip().upper(), area.strip()
    if country not in phonenumbers.SUPPORTED_REGIONS:
        raise CannotDo("There is no such country: write its ISO code, such as US or CH.")
    if not (area.isascii() and (area.isdecimal() or not area) and len(area) <= 8):
        raise CannotDo("Write the area as its code in digits without the leading zero, such as 415.")
    if not 1 <= limit <= 100:
        raise CannotDo("Ask for 1 to 100 numbers at once.")
    return Wanted(country=country, area=area, limit=limit)


def goal_of(account: VendorAccount, pool: Pool, *, country: str, area: str = "", total: int, most: int = MOST) -> Goal:
    """What an operator typed. Raises CannotDo, with the remedy."""
    wanted = wanted_numbers(country, area, 1)
    if total < 1 or most < 1:
        raise CannotDo("Say how many numbers the pool is to have, and how many may be bought at most: 1 or more.")
    return Goal(account=account, pool=pool, country=wanted.country, area=wanted.area, total=total, most=most)


def search(account: VendorAccount, wanted: Wanted, calls: Calls) -> list[OfferedNumber]:
    """What the vendor offers of it. Raises VendorError, and CannotDo as `shop_of` does."""
    return _offers(shop_of(account), wanted, calls)


def plan(goal: Goal, calls: Calls, *, dry_run: bool) -> Plan:
    """Look what there is and what is on offer; unless it is a dry run, find out about open orders first.

    Raises VendorError, and CannotDo for a pool that may not hold the account's numbers.
    """
    vendor = shop_of(goal.account)
    check_pool(goal.account, goal.pool)
    resolved: list[str] = []
    if dry_run:
        stock = read_stock(vendor, calls)
    else:
        stock, resolved = number_orders.resolve_account(goal.account, vendor, calls)
    in_pool, in_account = there(goal), len(held(goal.account, stock))
    missing, limit = max(goal.total - in_pool, 0), goal.account.number_limit
    may_buy = max(min(missing, goal.most, limit - in_account), 0)
    offers = _new_offers(goal, vendor, stock, may_buy, calls) if may_buy else []
    return Plan(
        goal=goal,
        stock=stock,
        there=in_pool,
        missing=missing,
        held=in_account,
        limit=limit,
        may_buy=may_buy,
        offers=offers,
        strangers=_strangers(stock),
        resolved=resolved,
        doubts=doubts(goal.account, stock),
    )


def check_pool(account: VendorAccount, pool: Pool) -> None:
    """Raises CannotDo for a pool that may not hold numbers of the account, such as another organisation's."""
    if problems := taking_in_problems(account, pool):
        raise CannotDo(" ".join(problems))


def fitting(offer: OfferedNumber, prices: Iterable[Price]) -> Price | None:
    """The lowest of these prices that the offer keeps to; None when it costs more, or nobody agreed to such a price."""
    alike = [one for one in prices if one[1] == offer.currency and (one[0] is None) == (offer.price is None)]
    enough = [one for one in alike if one[0] is None or (offer.price is not None and offer.price <= one[0])]
    return min(enough, key=lambda one: one[0] or 0, default=None)


def there(goal: Goal) -> int:
    """How many of the wanted numbers the pool has, or may have as soon as an open order is settled."""
    both = _or_ordered(pool=goal.pool)
    return sum(_belongs(e164, goal.country, goal.area) for e164 in both)


def held(account: VendorAccount, stock: Stock) -> set[str]:
    """What counts towards the account's limit: at the vendor when last looked, here, and perhaps bought."""
    return {*stock.numbers, *_or_ordered(account=account)}


def _or_ordered(**of: VendorAccount | Pool) -> set[str]:
    """Numbers that are there or may be bought. Orders come first: one that is settled meanwhile is a number by then."""
    orders = NumberOrder.objects.filter(**of, action=Action.BUY, state__in=number_orders.OPEN)
    ordered = set(orders.values_list("e164", flat=True))
    return ordered | set(Number.objects.filter(**of, one_way=False, released_at=None).values_list("e164", flat=True))


def _strangers(stock: Stock) -> int:
    known = Number.objects.filter(e164__in=stock.numbers, released_at=None).values_list("e164", flat=True)
    return len(stock.numbers.keys() - set(known))


def _new_offers(goal: Goal, vendor: NumberShop, stock: Stock, count: int, calls: Calls) -> list[OfferedNumber]:
    wanted = Wanted(country=goal.country, area=goal.area, limit=min(count + SPARE, 100))
    return [offer for offer in _offers(vendor, wanted, calls) if offer.e164 not in stock.numbers]


def _offers(vendor: NumberShop, wanted: Wanted, calls: Calls) -> list[OfferedNumber]:
    """Without those of elsewhere, which would be bought again and again, as they never count."""
    try:
        request = vendor.offers_request(wanted)
    except ValueError as error:
        raise CannotDo(str(error)) from None
    offers = vendor.offers(calls.ask(request))
    return [one for one in offers if _belongs(one.e164, wanted.country, wanted.area)][: wanted.limit]


def _belongs(e164: str, country: str, area: str) -> bool:
    """Whether a number is of the country and, by the digits after the country's code, of the area."""
    if country_of(e164) != country:
        return False
    return phonenumbers.national_significant_number(phonenumbers.parse(e164)).startswith(area)


def monthly(offers: Iterable[OfferedNumber]) -> str:
    """What these cost a month in all, as far as the vendor says; "" if it says nothing."""
    sums: dict[str, Decimal] = {}
    for offer in offers:
        if offer.price is not None:
            sums[offer.currency] = sums.get(offer.currency, Decimal(0)) + offer.price
    return " and ".join(f"{amount:f} {currency}".strip() for currency, amount in sorted(sums.items()))
