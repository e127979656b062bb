"""Vendor accounts, bridges and numbers as the hot paths need them: read and parsed once, kept for some seconds."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import TypeVar

from django.conf import settings
from django.db.models import Model

from smsbridge.models import Bridge, Number, VendorAccount
from smsbridge.phones import country_of
from smsbridge.templating import Template, compile_template
from smsbridge.vendors.base import AccountConfig, Vendor
from smsbridge.vendors.registry import make_vendor
from smsbridge.zones import Window

log = logging.getLogger(__name__)

KEEP_SECONDS = 5.0

_Row = TypeVar("_Row", bound=Model)
_Live = TypeVar("_Live")


@dataclass(frozen=True, slots=True)
class LiveAccount:
    """A vendor account ready for use. With a `problem` nothing can be sent by it; what comes in is still verified.

    The paces are of all its numbers together and of each of them; None: as fast as it goes.
    """

    id: int
    slug: str
    paused: bool
    vendor: Vendor
    status_url: str
    problem: str = ""
    segments_per_second: float | None = None
    number_segments_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one day (UTC) may use: texts to a phone, texts about a conversation, segments in all. None: no limit.

    Over the budget the bridge is paused if it `stops`, else it waits for the next day.
    """

    phone: int | None
    conversation: int | None
    budget: int | None
    stops: bool


@dataclass(frozen=True, slots=True)
class LiveBridge:
    """A bridge with its policy, its compiled templates and the numbers it may hand out.

    `countries` are those that are texted, None for all; `quiet` and `limits` are None where there are none.
    """

    id: int
    name: str
    hook: int
    chat_app: int
    app_name: str
    paused: bool
    dry_run: bool
    template: Template
    introduction: Template | None
    introduction_function: str
    lease_lifetime: timedelta
    digest: bool
    max_segments: int
    waits_for_number: bool
    max_age: timedelta
    region: str | None
    countries: frozenset[str] | None
    quiet: Window | None
    limits: Limits | None
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LiveNumber:
    id: int
    e164: str
    account: int


@dataclass(frozen=True, slots=True)
class _Kept:
    accounts: dict[int, LiveAccount]
    bridges: dict[int, LiveBridge]
    numbers: dict[int, LiveNumber]
    held_accounts: tuple[int, ...] = ()
    held_bridges: tuple[int, ...] = ()


_mutex = Lock()
_kept = _Kept({}, {}, {})
_kept_until = 0.0


def _live() -> _Kept:
    global _kept, _kept_until
    with _mutex:
        if time.monotonic() > _kept_until:
            _kept = _read()
            _kept_until = time.monotonic() + KEEP_SECONDS
        return _kept


def live_accounts() -> dict[int, LiveAccount]:
    """Every account by primary key, at most five seconds old."""
    return _live().accounts


def live_bridges() -> dict[int, LiveBridge]:
    """Every bridge by primary key, at most five seconds old."""
    return _live().bridges


def live_numbers() -> dict[int, LiveNumber]:
    """Every number by primary key, at most five seconds old."""
    return _live().numbers


def held_accounts() -> tuple[int, ...]:
    """Accounts that nothing can be sent by until they are corrected; at most five seconds old."""
    return _live().held_accounts


def held_bridges() -> tuple[int, ...]:
    """Bridges that cannot be used until they are corrected; at most five seconds old."""
    return _live().held_bridges


def live_account(slug: str) -> LiveAccount | None:
    return next((account for account in live_accounts().values() if account.slug == slug), None)


def forget_accounts() -> None:
    """After a change in this process: the next look reads the database."""
    global _kept_until
    with _mutex:
        _kept_until = 0.0


def vendor_of(account: VendorAccount) -> Vendor:
    """The adapter of an account. Raises LookupError naming the known vendors."""
    return make_vendor(account.vendor, AccountConfig(options=account.options, secrets=account.secrets or {}))


def webhook_url(account: str, kind: str) -> str:
    """The public URL of an account's `inbound` or `status` webhook."""
    return f"{settings.PUBLIC_URL}/webhooks/sms/{account}/{kind}/"


def _read() -> _Kept:
    numbers = list(Number.objects.order_by("pk"))
    pools: dict[int | None, list[Number]] = {}
    for number in numbers:
        if number.active:
            pools.setdefault(number.pool_id, []).append(number)
    account_rows = list(VendorAccount.objects.all())
    bridge_rows = list(Bridge.objects.select_related("hook__chat_app"))
    accounts = _usable(account_rows, _account)
    bridges = _usable(bridge_rows, lambda bridge: _bridge(bridge, pools.get(bridge.pool_id, [])))
    return _Kept(
        accounts,
        bridges,
        {number.pk: LiveNumber(number.pk, number.e164, number.account_id) for number in numbers},
        tuple(row.pk for row in account_rows if row.pk not in accounts or accounts[row.pk].problem),
        tuple(row.pk for row in bridge_rows if row.pk not in bridges),
    )


def _usable(rows: Iterable[_Row], make: Callable[[_Row], _Live]) -> dict[int, _Live]:
    """One that cannot be used, such as an account of an unknown vendor, is left out: the others work on."""
    made = {}
    for row in rows:
        try:
            made[int(row.pk)] = make(row)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            log.error("The %s %s cannot be used (%s): correct it in the admin.", row._meta.verbose_name, row, error)
    return made


def _account(account: VendorAccount) -> LiveAccount:
    vendor = vendor_of(account)
    problem = " ".join(vendor.configured())
    if problem:
        log.error("Texts of the vendor account %s are held back: %s", account, problem)
    return LiveAccount(
        account.pk,
        account.slug,
        account.paused,
        vendor,
        webhook_url(account.slug, "status"),
        problem,
        segments_per_second=account.segments_per_second,
        number_segments_per_second=account.number_segments_per_second,
    )


def _bridge(bridge: Bridge, numbers: Sequence[Number]) -> LiveBridge:
    return LiveBridge(
        id=bridge.pk,
        name=bridge.name,
        hook=bridge.hook_id,
        chat_app=bridge.hook.chat_app_id,
        app_name=bridge.hook.chat_app.name,
        paused=bridge.paused or bridge.hook.chat_app.paused,
        dry_run=bridge.dry_run,
        template=compile_template(bridge.template),
        introduction=compile_template(bridge.introduction) if bridge.introduction else None,
        introduction_function=bridge.introduction_function,
        lease_lifetime=bridge.lease_lifetime,
        digest=bridge.digest,
        max_segments=bridge.max_segments,
        waits_for_number=bridge.when_exhausted == Bridge.WhenExhausted.WAIT,
        max_age=bridge.max_age,
        region=bridge.region or None,
        countries=countries_of(bridge, numbers),
        quiet=quiet_hours(bridge),
        limits=_limits(bridge),
        numbers=tuple(number.pk for number in numbers),
    )


def countries_of(bridge: Bridge, numbers: Iterable[Number]) -> frozenset[str] | None:
    """The countries (ISO 3166) that a bridge texts, None for all; by its own list, else those of its active numbers.

    Numbers of no country, such as +883, add none.
    """
    listed = [word.strip().upper() for word in bridge.countries.split(",") if word.strip()]
    if "*" in listed:
        return None
    return frozenset(listed or filter(None, (country_of(number.e164) for number in numbers)))


def quiet_hours(bridge: Bridge) -> Window | None:
    """None without both ends, or if they are the same."""
    starts, ends = bridge.quiet_from, bridge.quiet_until
    return Window(starts, ends) if starts is not None and ends is not None and starts != ends else None


def _limits(bridge: Bridge) -> Limits | None:
    caps = (bridge.phone_cap, bridge.conversation_cap, bridge.daily_budget)
    return None if caps == (None, None, None) else Limits(*caps, bridge.over_budget == Bridge.OverBudget.STOP)
