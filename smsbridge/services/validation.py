"""What is wrong with an account, a number or a bridge, said before it is saved: the admin and `setup` both ask here."""

from datetime import timedelta
from typing import Any

import phonenumbers
from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import Model

from notifier.models import ChatApp, Hook
from notifier.services.hooks import platform_of
from notifier.services.validation import Problems, adapter_problems, delay_problems, found, function_problems
from smsbridge.models import Bridge, Number, Pool, VendorAccount
from smsbridge.segments import measure
from smsbridge.services import organisations
from smsbridge.services.accounts import vendor_of
from smsbridge.services.courtesy_rules import courtesy_problems, patience_problems
from smsbridge.services.number_rules import (
    number_problems,
    sender_countries_problems,
)
from smsbridge.templating import TemplateMistake, compile_template
from smsbridge.vendors.registry import UnknownVendorError, vendor_class

MOST_SEGMENTS = 10
_SHORTEST_PATIENCE = timedelta(seconds=30)


def problems_of(instance: Model) -> Problems:
    """Everything wrong with an account, pool, number or bridge, saved or not, as sentences with remedies; {} when good.

    Keys are names of fields, or NON_FIELD_ERRORS. Rows of other models have no problems here. No network is used.
    """
    if isinstance(instance, VendorAccount):
        return account_problems(instance)
    if isinstance(instance, Number):
        return found({"pool": organisations.of_number(instance)}) | number_problems(instance)
    if isinstance(instance, Pool):
        return pool_problems(instance)
    return bridge_problems(instance) if isinstance(instance, Bridge) else {}


def account_problems(account: VendorAccount) -> Problems:
    """Unknown vendor, unknown or malformed settings, and whatever the adapter finds missing."""
    try:
        vendor = vendor_class(account.vendor)
    except UnknownVendorError as error:
        return {"vendor": [str(error)]}
    problems = adapter_problems(vendor.title, account.options, vendor.option_help, account.secrets, vendor.secret_help)
    wrong = {NON_FIELD_ERRORS: vendor_of(account).configured(), "organisation": organisations.of_account(account)}
    return problems or found(wrong)


def bridge_problems(bridge: Bridge) -> Problems:
    """Templates, functions, durations and limits that could not work, and a hook that does not serve."""
    problems = {
        "hook": _hook_problems(bridge),
        "pool": _pool_problems(bridge) or organisations.of_bridge(bridge),
        "template": template_problems(bridge.template) if bridge.template.strip() else [_EMPTY],
        "introduction": template_problems(bridge.introduction),
        "introduction_function": _optional_function_problems(bridge.introduction_function),
        "lease_lifetime": delay_problems(bridge.lease_lifetime),
        "max_age": delay_problems(bridge.max_age) or patience_problems(bridge),
        "max_segments": _segments_problems(bridge.max_segments),
        "region": _region_problems(bridge.region),
        "failover_after": _failover_problems(bridge.failover_after),
        "before_sending": _optional_function_problems(bridge.before_sending),
        "after_receiving": _optional_function_problems(bridge.after_receiving),
        **courtesy_problems(bridge),
    }
    problems["countries"] = problems["countries"] or sender_countries_problems(bridge)
    return found(problems)


_EMPTY = "The template is empty, so there would be nothing to send: <%= sender.name %>: <%= text %> is the usual one."


def template_problems(source: str) -> list[str]:
    """The mistake in a template: where it is and what to write instead."""
    try:
        compile_template(source)
    except TemplateMistake as mistake:
        return [str(mistake)]
    return []


def _optional_function_problems(path: Any) -> list[str]:
    """Of a row that is not saved yet, a field that was not set holds the database's default instead of a text."""
    return function_problems(path) if path and isinstance(path, str) else []


def _hook_problems(bridge: Bridge) -> list[str]:
    try:
        hook = bridge.hook
        platform_of(hook.chat_app)
    except (Hook.DoesNotExist, ChatApp.DoesNotExist):
        return []  # that a field is empty is said elsewhere
    except LookupError as error:
        return [str(error)]
    if hook.kind == Hook.Kind.LISTEN:
        return ["A bridge needs a hook of the kind receipts or notify: no other tells whom a message is for."]
    return []


def _pool_problems(bridge: Bridge) -> list[str]:
    """A person's conversation has one number, so two pools of one chat app would take it from each other."""
    try:
        app = bridge.hook.chat_app
    except (Hook.DoesNotExist, ChatApp.DoesNotExist):
        return []
    if app._state.adding:
        return []  # it has no other bridge yet
    others = Bridge.objects.filter(hook__chat_app=app).exclude(pk=bridge.pk).select_related("pool").order_by("pk")
    other = next((other for other in others if other.pool_id != bridge.pool_id), None)
    if other is None:
        return []
    why = f"The bridge {other.name} of the same chat app has another pool: they would take numbers from each other."
    return [f"{why} Choose {other.pool.name}, and put the numbers into it."]


def _failover_problems(after: timedelta | None) -> list[str]:
    if problems := delay_problems(after):
        return problems
    why = "a vendor that wants a moment's rest would move everybody to other numbers"
    return [f"Must be at least 30 seconds: {why}."] if after is not None and after < _SHORTEST_PATIENCE else []


def pool_problems(pool: Pool) -> Problems:
    """What closes each text that cannot be answered is never cut, so it must be short."""
    segments = measure(pool.one_way_end.strip()).count
    why = f"Takes {segments} segments, which each text that cannot be answered would cost beside its own words"
    return found({"one_way_end": [f"{why}: shorten it to one."] if segments > 1 else []})


def _segments_problems(most: Any) -> list[str]:
    right = isinstance(most, int) and 1 <= most <= MOST_SEGMENTS
    return [] if right else [f"Must be from 1 to {MOST_SEGMENTS}: each segment costs as much as an SMS."]


def _region_problems(region: str) -> list[str]:
    if not region or region in phonenumbers.SUPPORTED_REGIONS:
        return []
    return [f"There is no country {region!r}: use its ISO code in capitals, such as US or CH."]
