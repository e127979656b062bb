"""Vendor accounts, bridges and numbers as the hot paths need them: read and parsed once, kept for some seconds."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import TypeVar

from django.conf import settings
from django.db.models import Model

from smsbridge.models import Bridge, Number, VendorAccount
from smsbridge.services.lineup import NO_NUMBERS, LineUp, LiveNumber, Off, line_up, off_now
from smsbridge.services.policy import Limits, countries_of, limits_of, one_way_end, quiet_hours
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
    status_url: str = field(repr=False)
    problem: str = ""
    segments_per_second: float | None = None
    number_segments_per_second: float | None = None
    looks_up: bool = False
    lookup_limit: int = 0


@dataclass(frozen=True, slots=True)
class LiveBridge:
    """A bridge with its policy, its compiled templates and what it may text from.

    `countries` are those that are texted, None for all; `quiet` and `limits` are None where there are none.
    `numbers` are those that can be answered; `one_way_end` closes a text that cannot be. `before_sending` is the dotted
    path of a function, or empty.
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
    lineup: LineUp = NO_NUMBERS
    one_way_end: str = ""
    before_sending: str = ""
    sends_media: bool = False


@dataclass(frozen=True, slots=True)
class _Kept:
    accounts: dict[int, LiveAccount]
    bridges: dict[int, LiveBridge]
    numbers: dict[int, LiveNumber]
    held_accounts: tuple[int, ...] = ()
    held_bridges: tuple[int, ...] = ()
    after_receiving: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


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


def after_receiving(chat_app: int) -> tuple[str, ...]:
    """The functions that see what its people text, as dotted paths; also of bridges that cannot be used now."""
    return _live().after_receiving.get(chat_app, ())


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
    """The public URL of an account's `inbound` or `status` webhook, without what only the vendor may know."""
    return f"{settings.PUBLIC_URL}/webhooks/sms/{account}/{kind}/"


def callback_url(account: str, vendor: Vendor, kind: str) -> str:
    """The URL that the vendor is to call. It may hold a secret: for the vendor, and who may change the account."""
    query = vendor.callback_query(kind)
    return f"{webhook_url(account, kind)}?{query}" if query else webhook_url(account, kind)


def shown_url(account: str, vendor: Vendor, kind: str) -> str:
    """The same with its secret obscured, for outputs that end in logs, and for those who may only look."""
    names = [pair.partition("=")[0] for pair in vendor.callback_query(kind).split("&") if pair]
    hidden = "&".join(f"{name}=\u2022\u2022\u2022" for name in names)
    return f"{webhook_url(account, kind)}?{hidden}" if hidden else webhook_url(account, kind)


def _read() -> _Kept:
    numbers = list(Number.objects.order_by("pk"))
    pools: dict[int | None, list[Number]] = {}
    for number in numbers:
        if number.active:
            pools.setdefault(number.pool_id, []).append(number)
    account_rows = list(VendorAccount.objects.all())
    bridge_rows = list(Bridge.objects.select_related("hook__chat_app", "pool"))
    accounts = _usable(account_rows, _account)
    off = off_now(_unusable(account_rows, accounts), bridge_rows)
    bridges = _usable(bridge_rows, lambda bridge: _bridge(bridge, pools.get(bridge.pool_id, []), off))
    return _Kept(
        accounts,
        bridges,
        {number.pk: _number(number) for number in numbers},
        tuple(row.pk for row in account_rows if row.pk not in accounts or accounts[row.pk].problem),
        tuple(row.pk for row in bridge_rows if row.pk not in bridges),
        _after_receiving(bridge_rows),
    )


def _unusable(rows: Sequence[VendorAccount], accounts: Mapping[int, LiveAccount]) -> list[int]:
    return [row.pk for row in rows if row.pk not in accounts or accounts[row.pk].paused or accounts[row.pk].problem]


def _after_receiving(bridges: Sequence[Bridge]) -> dict[int, tuple[str, ...]]:
    found: dict[int, dict[str, None]] = {}
    for bridge in sorted(bridges, key=lambda bridge: bridge.pk):
        if bridge.after_receiving:
            found.setdefault(bridge.hook.chat_app_id, {})[bridge.after_receiving] = None
    return {chat_app: tuple(paths) for chat_app, paths in found.items()}


def _number(number: Number) -> LiveNumber:
    return LiveNumber(number.pk, number.e164, number.account_id, number.one_way)


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
        callback_url(account.slug, vendor, "status"),
        problem,
        segments_per_second=account.segments_per_second,
        number_segments_per_second=account.number_segments_per_second,
        looks_up=account.looks_up,
        lookup_limit=account.lookup_limit,
    )


def _bridge(bridge: Bridge, numbers: Sequence[Number], off: Off) -> LiveBridge:
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
        limits=limits_of(bridge),
        numbers=tuple(number.pk for number in numbers if not number.one_way),
        lineup=line_up(
            [_number(number) for number in numbers],
            off.for_longer_than(bridge.failover_after),
            failover=bridge.failover,
            one_way=bridge.one_way,
        ),
        one_way_end=one_way_end(bridge.pool),
        before_sending=bridge.before_sending,
        sends_media=bridge.sends_media,
    )
