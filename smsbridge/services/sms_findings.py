"""Whether the SMS side is configured, its vendors reachable, and its numbers' texts on their way to us."""

from collections.abc import Iterable

from notifier.services.chat_findings import SETUP, told
from notifier.services.findings import Finding, good, note, wrong
from notifier.sql import database_now
from smsbridge.models import Breaker, Bridge, Number, VendorAccount
from smsbridge.phones import mask
from smsbridge.services.accounts import vendor_of, webhook_url
from smsbridge.services.breaker import in_words
from smsbridge.services.daily_findings import budget_findings
from smsbridge.services.numbers import owned_numbers
from smsbridge.services.validation import problems_of
from smsbridge.vendors.base import VendorError

_UNPAUSE = "End the pause in the admin."


def sms_findings(*, offline: bool) -> Iterable[Finding]:
    """Vendor accounts and their numbers, unless `offline` also what the vendors say of them, and bridges."""
    accounts = list(VendorAccount.objects.order_by("slug"))
    if not accounts:
        yield wrong("There is no vendor account.", SETUP)
    for account in accounts:
        problems = told(f"vendor account {account.slug}", problems_of(account))
        yield from problems
        if account.paused:
            yield note(f"The vendor account {account.slug} is paused: its texts wait.", _UNPAUSE)
        yield from _breaker_findings(account)
        if not problems and not offline:
            yield from _vendor_findings(account)
    for number in Number.objects.order_by("pk"):
        yield from told(f"number {mask(number.e164)}", problems_of(number))
    yield from _bridges_findings()


def _breaker_findings(account: VendorAccount) -> Iterable[Finding]:
    row = Breaker.objects.filter(account=account).first()
    if row is not None and row.opened_at is not None:
        why = f"The vendor account {account.slug} is held back. {in_words(row, database_now())}"
        yield wrong(why, "Correct what the vendor complains of; in the admin the account can be tried again at once.")


def _vendor_findings(account: VendorAccount) -> Iterable[Finding]:
    vendor, url = vendor_of(account), webhook_url(account.slug, "inbound")
    if not vendor.can_manage_numbers:
        yield note(f"{vendor.title} does not tell where inbound texts go.", f"Enter {url} there.")
        return
    try:
        owned = {number.e164: number.inbound_url for number in owned_numbers(vendor)}
    except VendorError as error:
        yield wrong(f"{vendor.title} did not answer as hoped: {str(error).rstrip('.')}.", "Correct that.")
        return
    yield good(f"{vendor.title} answers and knows our credentials.")
    for number in account.numbers.filter(active=True).order_by("pk"):
        if number.e164 not in owned:
            yield wrong(
                f"{mask(number.e164)} is not among the numbers of {account.slug} at {vendor.title}.",
                "Buy it there, or remove it from SMS_NUMBERS and the pool.",
            )
        elif owned[number.e164] != url:
            why = f"Replies to {mask(number.e164)} do not arrive: its inbound URL is another."
            yield wrong(why, f"Run `manage.py register_numbers {account.slug}`.")


def _bridges_findings() -> Iterable[Finding]:
    bridges = list(Bridge.objects.select_related("hook__chat_app", "pool").order_by("name"))
    if not bridges:
        yield wrong("There is no bridge, so nobody is texted.", SETUP)
    for bridge in bridges:
        problems = [*told(f"bridge {bridge.name}", problems_of(bridge)), *_pool_findings(bridge)]
        yield from problems
        if bridge.paused:
            yield note(f"The bridge {bridge.name} is paused: its texts wait.", _UNPAUSE)
        yield from budget_findings(bridge)
        if bridge.dry_run:
            yield note(f"The bridge {bridge.name} is a dry run: no vendor is called.", "End that in the admin.")
        if not problems:
            yield good(f"The bridge {bridge.name} is complete.")


def _pool_findings(bridge: Bridge) -> list[Finding]:
    if bridge.pool.numbers.filter(active=True).exists():
        return []
    why = f"The pool {bridge.pool.name} of the bridge {bridge.name} has no active number, so nobody can be texted."
    return [wrong(why, "Set SMS_NUMBERS and run `manage.py setup`, or add numbers in the admin.")]
