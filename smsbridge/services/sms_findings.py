"""Whether the SMS side is configured, its vendors reachable, and its numbers' texts on their way to us."""

from collections.abc import Iterable

from notifier.services.chat_findings import SETUP, told
from notifier.services.findings import Finding, good, note, wrong
from notifier.sql import database_now
from smsbridge.models import Breaker, Bridge, Number, VendorAccount
from smsbridge.phones import mask
from smsbridge.services.account_check import check
from smsbridge.services.accounts import callback_url, live_bridges, shown_url, vendor_of
from smsbridge.services.breaker import in_words
from smsbridge.services.daily_findings import budget_findings
from smsbridge.services.numbers import owned_numbers
from smsbridge.services.validation import problems_of
from smsbridge.vendors.abilities import Checker, NumberSettings
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
    vendor = vendor_of(account)
    if isinstance(vendor, Checker):
        try:
            yield good(f"{account.slug}: {check(account)}")
        except VendorError as error:
            yield wrong(f"{vendor.title} did not answer as hoped: {str(error).rstrip('.')}.", "Correct that.")
            return
    url = callback_url(account.slug, vendor, "inbound")
    if not isinstance(vendor, NumberSettings):
        shown = shown_url(account.slug, vendor, "inbound")
        yield note(f"{vendor.title} does not tell where inbound texts go.", f"Enter {shown} there.")
        return
    try:
        owned = {number.e164: number.inbound_url for number in owned_numbers(vendor)}
    except VendorError as error:
        yield wrong(f"{vendor.title} did not answer as hoped: {str(error).rstrip('.')}.", "Correct that.")
        return
    yield good(f"{vendor.title} answers and knows our credentials.")
    if by_hand := vendor.by_hand(url):
        yield note(f"{vendor.title} has a setting for inbound texts that is made by hand.", by_hand)
    target = vendor.inbound_target(url)
    for number in account.numbers.filter(active=True, one_way=False).order_by("pk"):
        if number.e164 not in owned:
            yield wrong(
                f"{mask(number.e164)} is not among the numbers of {account.slug} at {vendor.title}.",
                "Buy it there, or remove it from SMS_NUMBERS and the pool.",
            )
        elif owned[number.e164] != target:
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
        yield from _failover_findings(bridge)
        if bridge.dry_run:
            yield note(f"The bridge {bridge.name} is a dry run: no vendor is called.", "End that in the admin.")
        if not problems:
            yield good(f"The bridge {bridge.name} is complete.")


def _failover_findings(bridge: Bridge) -> Iterable[Finding]:
    live = live_bridges().get(bridge.pk)
    down = live.lineup.down if live else ()
    if down:
        names = ", ".join(VendorAccount.objects.filter(pk__in=down).order_by("slug").values_list("slug", flat=True))
        yield note(f"The bridge {bridge.name} texts by other accounts, as these do not send: {names}.", _TAKEN_OVER)


_TAKEN_OVER = "Once they do, new conversations get their numbers again; in the admin each can be tried at once."


def _pool_findings(bridge: Bridge) -> list[Finding]:
    active = bridge.pool.numbers.filter(active=True)
    if active.filter(one_way=False).exists() or (bridge.one_way and active.exists()):
        return []
    if active.exists():
        why = f"The pool {bridge.pool.name} of the bridge {bridge.name} has only senders that cannot be answered."
        return [wrong(why, "Let the bridge text from one-way senders, or add numbers, in the admin.")]
    why = f"The pool {bridge.pool.name} of the bridge {bridge.name} has no active number, so nobody can be texted."
    return [wrong(why, "Set SMS_NUMBERS and run `manage.py setup`, or add numbers in the admin.")]
