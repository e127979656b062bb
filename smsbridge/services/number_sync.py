"""Our numbers in step with the account's: what is missing at the vendor rests, what is new there may be taken in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from smsbridge.models import Number, NumberOrder, Pool, VendorAccount
from smsbridge.phones import mask
from smsbridge.services import number_life, number_orders
from smsbridge.services.accounts import callback_url, forget_accounts
from smsbridge.services.number_stock import Stock, doubts, lately, read_stock
from smsbridge.services.numbers import Told, register_numbers
from smsbridge.services.shopping import check_pool
from smsbridge.services.vendor_calls import Calls, CannotDo, usable_vendor
from smsbridge.vendors.abilities import NumberList, NumberSettings, NumberShop
from smsbridge.vendors.base import Vendor

Action = NumberOrder.Action
Rest = Number.Rest


@dataclass(slots=True)
class Synced(Told):
    """`missing` are those in use here that the vendor does not list, masked. `doubts` as `number_stock.doubts`."""

    missing: list[str] = field(default_factory=list)
    doubts: str = ""


def sync(account: VendorAccount, *, pool: Pool | None, dry_run: bool, calls: Calls, sure: bool = False) -> Synced:
    """Compare our numbers with the account's, and mend the difference; in sentences with masked numbers.

    Open orders are settled first. Numbers that are new to us go into `pool`, without one they are left alone. Nothing
    is put to rest unless somebody is `sure`. No transaction may be open.

    Raises VendorError, and CannotDo where the vendor lists no numbers, for a pool that may not hold the account's, for
    an empty list while numbers are in use, and, unless somebody is `sure`, for one that seems to be another account's.
    """
    vendor, told = usable_vendor(account), Synced()
    if not isinstance(vendor, NumberList):
        raise CannotDo(f"{vendor.title} lists no numbers by API: compare them with its dashboard.")
    if pool is not None:
        check_pool(account, pool)
    stock = read_stock(vendor, calls)
    told.doubts = doubts(account, stock)
    if (told.doubts and not (sure or dry_run)) or (told.doubts and not stock.numbers):
        raise CannotDo(f"{told.doubts}; nothing was changed. {_REMEDY}")
    if not dry_run:
        _settle_orders(account, vendor, told, calls)
    _rest_missing(account, stock, told, dry_run, sure)
    taken = _take_new(account, stock, pool, told, dry_run)
    _bring_here(account, vendor, stock, told, taken, dry_run, calls)
    return told


_REMEDY = "If the account is right, `manage.py sync_numbers` asks whether to go on, or put them to rest in the admin."


def _settle_orders(account: VendorAccount, vendor: NumberList, told: Told, calls: Calls) -> None:
    if isinstance(vendor, NumberShop):
        _, told.done = number_orders.resolve_account(account, vendor, calls)
    else:
        finished = number_life.finish(account, calls)
        told.done, told.failed = finished.done, finished.failed


def _rest_missing(account: VendorAccount, stock: Stock, told: Synced, dry_run: bool, sure: bool) -> None:
    """What is listed again is in use again, if it rested for nothing else."""
    ours = list(Number.objects.filter(account=account, one_way=False, released_at=None).order_by("e164"))
    known = stock.numbers.keys() | lately(account, stock, Action.BUY)
    missing = [one for one in ours if one.e164 not in known]
    again = [one for one in ours if one.e164 in stock.numbers and not one.active and one.rests_for == Rest.GONE]
    told.missing = [mask(one.e164) for one in missing if one.active]
    if not dry_run:
        with transaction.atomic(durable=True):
            if sure:
                _switch(missing, active=False, rests_for=Rest.GONE)
            _switch(again, active=True, rests_for="")
        forget_accounts()
    told.done += [
        f"{mask(one.e164)} is at the vendor again: it {'would be' if dry_run else 'is'} in use." for one in again
    ]
    does = "would be put to rest" if dry_run else "was put to rest" if sure else "is still in use, until you confirm it"
    for one in missing:
        rests = f"it {does}" if one.active else "it is at rest already"
        told.failed.append(
            f"{mask(one.e164)} is not at the vendor any more: {rests}. Release it, or buy it there again."
        )


def _switch(numbers: Iterable[Number], *, active: bool, rests_for: str) -> None:
    rows = Number.objects.filter(pk__in=[one.pk for one in numbers], active=not active)
    rows.update(active=active, rests_for=rests_for)


def _take_new(account: VendorAccount, stock: Stock, pool: Pool | None, told: Told, dry_run: bool) -> list[str]:
    """Which were taken in."""
    rows = {one.e164: one for one in Number.objects.filter(e164__in=stock.numbers)}
    orders = NumberOrder.objects.filter(e164__in=stock.numbers, state__in=number_orders.OPEN)
    ordered, fresh = set(orders.values_list("e164", flat=True)), lately(account, stock, Action.RELEASE)
    taken = []
    for e164 in sorted(stock.numbers):
        row = rows.get(e164)
        if e164 in ordered:
            told.done.append(f"{mask(e164)} has an order that is open, and is left alone.")
        elif row is not None and row.released_at is None:
            if row.account_id != account.pk:
                told.failed.append(f"{mask(e164)} stands here with another account: correct that in the admin.")
        elif e164 in fresh:
            told.done.append(f"{mask(e164)} was released a moment ago, and is left alone: the list may be late.")
        elif pool is None:
            again = "was released, and the vendor still has it" if row is not None else "is not known here"
            told.done.append(f"{mask(e164)} {again}; it is left alone. With a pool it would be taken in.")
        else:
            told.done.append(f"{mask(e164)} {'would be' if dry_run else 'was'} taken into {pool.name}.")
            taken.append(e164)
    if not dry_run and pool is not None:
        for e164 in taken:
            number_life.take_in(account, e164, pool.pk)
        forget_accounts()
    return taken


def _bring_here(
    account: VendorAccount,
    vendor: Vendor,
    stock: Stock,
    told: Told,
    taken: Sequence[str],
    dry_run: bool,
    calls: Calls,
) -> None:
    """The texts to what was taken in, and to those of ours whose texts go elsewhere."""
    only = [*taken, *_elsewhere(account, vendor, stock)]
    if only and (taken or isinstance(vendor, NumberSettings)):
        pointed = register_numbers(account, dry_run=dry_run, only=only, calls=calls)
        told.done, told.failed = told.done + pointed.done, told.failed + pointed.failed


def _elsewhere(account: VendorAccount, vendor: Vendor, stock: Stock) -> list[str]:
    if not isinstance(vendor, NumberSettings):
        return []
    target = vendor.inbound_target(callback_url(account.slug, vendor, "inbound"))
    ours = Number.objects.filter(account=account, active=True, one_way=False, released_at=None, e164__in=stock.numbers)
    return [e164 for e164 in ours.values_list("e164", flat=True) if stock.numbers[e164].inbound_url != target]
