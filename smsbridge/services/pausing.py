"""The switch that stops all sending, and what waits behind it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from smsbridge.models import Bridge, Notice, OutboundSms
from smsbridge.services.accounts import forget_accounts

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """A bridge as it is now. `held_by` says what else is paused on its way: its chat app, or vendor accounts."""

    name: str
    paused: bool
    notices: int
    texts: int
    held_by: tuple[str, ...] = ()


def chosen(names: Sequence[str]) -> QuerySet[Bridge]:
    """The bridges of these names, without any all of them. Raises LookupError naming those that there are."""
    bridges = Bridge.objects.order_by("name")
    if not names:
        return bridges
    known = set(bridges.values_list("name", flat=True))
    unknown = sorted(set(names) - known)
    if unknown:
        raise LookupError(f"There is no bridge {unknown[0]!r}; there are: {', '.join(sorted(known)) or 'none'}.")
    return bridges.filter(name__in=names)


def set_paused(bridges: QuerySet[Bridge], *, paused: bool) -> list[str]:
    """Pause or resume them; the names of those for which that is new. The next claim of any worker obeys."""
    names = list(bridges.exclude(paused=paused).values_list("name", flat=True))
    bridges.filter(name__in=names).update(paused=paused)
    forget_accounts()
    for name in names:
        log.warning("The bridge %s was %s by a command.", name, "paused" if paused else "resumed")
    return names


def standing(bridges: QuerySet[Bridge]) -> list[Standing]:
    return [_standing(bridge) for bridge in bridges.select_related("hook__chat_app")]


def _standing(bridge: Bridge) -> Standing:
    app = bridge.hook.chat_app
    accounts = bridge.pool.numbers.filter(active=True, account__paused=True).order_by("account__slug")
    held = [f"the chat app {app.slug}"] if app.paused else []
    held += [f"the vendor account {slug}" for slug in accounts.values_list("account__slug", flat=True).distinct()]
    return Standing(
        bridge.name,
        bridge.paused,
        Notice.objects.filter(bridge=bridge, state=Notice.State.WAITING).count(),
        OutboundSms.objects.filter(bridge=bridge, state=OutboundSms.State.READY).count(),
        tuple(held),
    )
