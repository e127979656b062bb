"""Where our numbers' inbound texts go, set at the vendor: read first, changed only where it differs, only for ours."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.conf import settings

from notifier import transport
from notifier.wire import Answer, Request
from smsbridge.models import VendorAccount
from smsbridge.phones import mask
from smsbridge.services.accounts import vendor_of, webhook_url
from smsbridge.vendors.base import OwnedNumber, Vendor, VendorError

_MOST_PAGES = 1000


@dataclass(slots=True)
class Told:
    """What became of one account's numbers, in sentences. Numbers are masked."""

    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def register_numbers(account: VendorAccount, *, dry_run: bool, tick: Callable[[], object] = lambda: None) -> Told:
    """Point every Number of the account to its inbound webhook, and leave the account's other numbers alone.

    `tick` is called before each call to the vendor. No transaction may be open. Raises LookupError for an unknown
    vendor; everything that the vendor refuses is in the answer.
    """
    vendor, told = vendor_of(account), Told()
    if not vendor.can_manage_numbers:
        by_hand = f"enter {webhook_url(account.slug, 'inbound')} there by hand"
        told.done.append(f"{vendor.title} sets no inbound URLs by API: {by_hand}.")
    elif problems := vendor.configured():
        told.failed += problems
    else:
        _register(account, vendor, told, dry_run, tick)
    return told


def owned_numbers(vendor: Vendor, tick: Callable[[], object] = lambda: None) -> Iterator[OwnedNumber]:
    """Every number that the account owns at the vendor, page by page. Raises VendorError."""
    for page in range(1, _MOST_PAGES + 1):
        tick()
        numbers, more = vendor.numbers(_call(vendor.numbers_request(page)))
        yield from numbers
        if not more:
            return


def _register(account: VendorAccount, vendor: Vendor, told: Told, dry_run: bool, tick: Callable[[], object]) -> None:
    try:
        owned = {number.e164: number for number in owned_numbers(vendor, tick)}
    except VendorError as error:
        told.failed.append(str(error))
        return
    ours = set(account.numbers.values_list("e164", flat=True))
    url = webhook_url(account.slug, "inbound")
    for e164 in sorted(ours & owned.keys()):
        tick()
        _point(vendor, owned[e164], url, told, dry_run)
    told.failed += [
        f"{mask(e164)} is not among the numbers of {account.slug} at {vendor.title}: buy it there, or remove it here."
        for e164 in sorted(ours - owned.keys())
    ]
    told.done += [f"{mask(e164)} is left alone: it is not one of our numbers." for e164 in sorted(owned.keys() - ours)]


def _point(vendor: Vendor, number: OwnedNumber, url: str, told: Told, dry_run: bool) -> None:
    shown = mask(number.e164)
    if number.inbound_url == url:
        told.done.append(f"{shown} already points to {url}.")
    elif dry_run:
        told.done.append(f"{shown} would be pointed to {url}.")
    else:
        try:
            vendor.inbound_url_set(_call(vendor.set_inbound_url_request(number, url)))
        except (VendorError, ValueError) as error:
            told.failed.append(f"{shown} was not changed: {error}")
        else:
            told.done.append(f"{shown} now points to {url}.")


def _call(request: Request) -> Answer:
    return transport.call(request, timeout=settings.HTTP_TIMEOUT_SECONDS)
