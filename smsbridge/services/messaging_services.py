"""Messaging services at the vendor: groups of the account's numbers, one group for each account."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar

from django.db import transaction

from notifier.wire import Answer, Request
from smsbridge.models import Number, VendorAccount
from smsbridge.phones import mask
from smsbridge.services.accounts import callback_url, forget_accounts
from smsbridge.services.number_stock import read_stock
from smsbridge.services.numbers import Told
from smsbridge.services.vendor_calls import Calls, CannotDo, usable_vendor
from smsbridge.vendors.abilities import NumberList, ServiceKeeper
from smsbridge.vendors.base import MessagingService, OwnedNumber, VendorError

T = TypeVar("T")
_MOST_PAGES = 1000

#: the option of a vendor with messaging services that names the one by which texts go
OPTION = "messaging_service"


def keeper_of(account: VendorAccount) -> ServiceKeeper:
    """Raises CannotDo for an account without messaging services, or one that is not configured."""
    vendor = usable_vendor(account)
    if not isinstance(vendor, ServiceKeeper):
        raise CannotDo(f"{vendor.title} has no messaging services: its numbers are used as they are.")
    return vendor


def own_service(account: VendorAccount) -> str:
    """The id of the service by which the account's texts go; "" without one."""
    return str(account.options.get(OPTION) or "")


def services(account: VendorAccount, calls: Calls) -> list[MessagingService]:
    """All that there are at the vendor. Raises VendorError."""
    vendor = keeper_of(account)
    return list(_pages(vendor.services_request, vendor.services, calls))


def numbers_in(account: VendorAccount, calls: Calls) -> list[OwnedNumber]:
    """The numbers in the account's service. Raises VendorError."""
    vendor, service = keeper_of(account), _service_of(account)
    return list(_in_service(vendor, service, calls))


def create(account: VendorAccount, name: str, calls: Calls) -> MessagingService:
    """Make a service and keep it as the account's own; one of the same name and with our URL is taken instead.

    Raises VendorError.
    """
    vendor = keeper_of(account)
    if own_service(account):
        raise CannotDo("The account has a messaging service already: delete that first.")
    inbound, status = (callback_url(account.slug, vendor, kind) for kind in ("inbound", "status"))
    known = next((one for one in services(account, calls) if one.name == name), None)
    if known is None:
        known = vendor.service_made(
            calls.ask(vendor.make_service_request(name, inbound_url=inbound, status_url=status))
        )
    elif known.inbound_url is not None and known.inbound_url != inbound:
        raise CannotDo(
            f"There is a messaging service {name} whose texts go elsewhere, so it may be somebody else's: choose"
            " another --name, or correct its inbound URL at the vendor."
        )
    _keep(account, known.id)
    return known


def add_numbers(account: VendorAccount, calls: Calls) -> Told:
    """Put all numbers into the service that are the account's here and at the vendor. Raises VendorError."""
    vendor, service = keeper_of(account), _service_of(account)
    if not isinstance(vendor, NumberList):
        raise CannotDo(f"{vendor.title} lists no numbers by API: put them into the service in its dashboard.")
    inside = {number.e164 for number in _in_service(vendor, service, calls)}
    owned = read_stock(vendor, calls).numbers
    ours = Number.objects.filter(account=account, released_at=None, one_way=False).values_list("e164", flat=True)
    told = Told(done=[f"{mask(e164)} is in it already." for e164 in sorted(inside.intersection(ours))])
    outside = [owned[e164] for e164 in sorted({*ours} & owned.keys() - inside)]
    _change(vendor, outside, partial(vendor.put_into_service_request, service), "was put into it", told, calls)
    missing = sorted({*ours} - owned.keys())
    told.failed += [f"{mask(e164)} is not among the account's numbers at the vendor." for e164 in missing]
    return told


def remove_numbers(account: VendorAccount, e164s: Iterable[str] | None, calls: Calls) -> Told:
    """Take these numbers out of the service, or all; the account keeps them. Raises VendorError."""
    vendor, service, told = keeper_of(account), _service_of(account), Told()
    inside = {number.e164: number for number in _in_service(vendor, service, calls)}
    wanted = sorted(inside) if e164s is None else sorted(set(e164s))
    told.done += [f"{mask(e164)} is not in it." for e164 in wanted if e164 not in inside]
    chosen = [inside[e164] for e164 in wanted if e164 in inside]
    _change(vendor, chosen, partial(vendor.take_out_of_service_request, service), "was taken out of it", told, calls)
    return told


def delete(account: VendorAccount, calls: Calls) -> None:
    """Delete the service; the account keeps its numbers. Raises VendorError."""
    vendor = keeper_of(account)
    vendor.service_changed(calls.ask(vendor.drop_service_request(_service_of(account))))
    _keep(account, "")


def _change(
    vendor: ServiceKeeper,
    numbers: Iterable[OwnedNumber],
    request: Callable[[OwnedNumber], Request],
    done: str,
    told: Told,
    calls: Calls,
) -> None:
    for number in numbers:
        try:
            vendor.service_changed(calls.ask(request(number)))
        except (VendorError, ValueError) as error:
            told.failed.append(f"{mask(number.e164)} was not changed: {error}")
        else:
            told.done.append(f"{mask(number.e164)} {done}.")


def _service_of(account: VendorAccount) -> str:
    service = own_service(account)
    if not service:
        raise CannotDo(f"The account has no messaging service: `manage.py messaging_service {account.slug} create`.")
    return service


def _keep(account: VendorAccount, service: str) -> None:
    """From now on texts go by this service; by none if it is empty."""
    with transaction.atomic():
        row = VendorAccount.objects.select_for_update().get(pk=account.pk)
        kept = {name: value for name, value in row.options.items() if name != OPTION}
        row.options = account.options = kept | ({OPTION: service} if service else {})
        row.save(update_fields=["options"])
    forget_accounts()


def _in_service(vendor: ServiceKeeper, service: str, calls: Calls) -> Iterator[OwnedNumber]:
    return _pages(lambda page: vendor.service_numbers_request(service, page), vendor.service_numbers, calls)


def _pages(
    request: Callable[[int], Request], read: Callable[[Answer], tuple[list[T], bool]], calls: Calls
) -> Iterator[T]:
    for page in range(1, _MOST_PAGES + 1):
        rows, more = read(calls.ask(request(page)))
        yield from rows
        if not more:
            return
