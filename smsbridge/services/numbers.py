"""Where our numbers' inbound texts go, set at the vendor: read first, changed only where it differs, only for ours."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from notifier.wire import Answer, Request
from smsbridge.models import Number, VendorAccount
from smsbridge.phones import mask
from smsbridge.services.accounts import callback_url, forget_accounts, shown_url, vendor_of
from smsbridge.services.vendor_calls import Calls
from smsbridge.vendors.abilities import NumberList, NumberSettings
from smsbridge.vendors.base import OwnedNumber, VendorError

_MOST_PAGES = 1000


@dataclass(slots=True)
class Told:
    """What became of one account's numbers, in sentences. Numbers are masked."""

    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def register_numbers(
    account: VendorAccount,
    *,
    dry_run: bool,
    tick: Callable[[], object] = lambda: None,
    only: Collection[str] | None = None,
    calls: Calls | None = None,
) -> Told:
    """Point every Number of the account, or `only` these, to its inbound webhook, and leave all others alone.

    One that was at rest until its texts come here is in use from then on. `tick` is called before each call to the
    vendor, unless `calls` are given. No transaction may be open. Raises LookupError for an unknown vendor;
    everything that the vendor refuses is in the answer.
    """
    vendor, told = vendor_of(account), Told()
    if not isinstance(vendor, NumberSettings):
        by_hand = f"enter {shown_url(account.slug, vendor, 'inbound')} there by hand"
        whole = " (the account's page in the admin shows all of it)" if vendor.callback_query("inbound") else ""
        told.done.append(f"{vendor.title} sets no inbound URLs by API: {by_hand}{whole}.")
    elif problems := vendor.configured():
        told.failed += problems
    else:
        _register(account, vendor, told, dry_run, only, calls or Calls(tick))
    return told


def owned_numbers(vendor: NumberList, ask: Callable[[Request], Answer] | None = None) -> Iterator[OwnedNumber]:
    """Every number that the account owns at the vendor, page by page. Raises VendorError."""
    ask = ask or Calls().ask
    for page in range(1, _MOST_PAGES + 1):
        numbers, more = vendor.numbers(ask(vendor.numbers_request(page)))
        yield from numbers
        if not more:
            return
    raise VendorError(f"{vendor.title} lists page after page without an end: ask its support")


def _register(
    account: VendorAccount,
    vendor: NumberSettings,
    told: Told,
    dry_run: bool,
    only: Collection[str] | None,
    calls: Calls,
) -> None:
    try:
        owned = {number.e164: number for number in owned_numbers(vendor, calls.ask)}
    except VendorError as error:
        told.failed.append(str(error))
        return
    ours = set(account.numbers.filter(one_way=False, released_at=None).values_list("e164", flat=True))
    wanted = ours if only is None else ours.intersection(only)
    url = callback_url(account.slug, vendor, "inbound")
    if wanted and (by_hand := vendor.by_hand(url)):
        told.done.append(by_hand)
    here = [e164 for e164 in sorted(wanted & owned.keys()) if _point(vendor, owned[e164], url, told, dry_run, calls)]
    if not dry_run:
        _use(account, here)
    told.failed += [
        f"{mask(e164)} is not among the numbers of {account.slug} at {vendor.title}: buy it there, or remove it here."
        for e164 in sorted(wanted - owned.keys())
    ]
    if only is None:
        strange = sorted(owned.keys() - ours)
        told.done += [f"{mask(e164)} is left alone: it is not one of our numbers." for e164 in strange]


def _point(vendor: NumberSettings, number: OwnedNumber, url: str, told: Told, dry_run: bool, calls: Calls) -> bool:
    """Whether its texts come here now."""
    shown, target = mask(number.e164), vendor.inbound_target(url)
    if number.inbound_url == target:
        told.done.append(f"{shown} already points to {target}.")
        return True
    if dry_run:
        told.done.append(f"{shown} would be pointed to {target}.")
        return False
    try:
        vendor.inbound_url_set(calls.ask(vendor.set_inbound_url_request(number, url)))
    except (VendorError, ValueError) as error:
        told.failed.append(f"{shown} was not changed: {error}")
        return False
    told.done.append(f"{shown} now points to {target}.")
    return True


def _use(account: VendorAccount, e164s: Collection[str]) -> None:
    """What rested only until its texts come here."""
    waiting = account.numbers.filter(e164__in=e164s, active=False, rests_for=Number.Rest.POINTING, released_at=None)
    if waiting.update(active=True, rests_for=""):
        forget_accounts()
