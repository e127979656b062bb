"""What is wrong with a number, or with what a bridge is to text from, said before it is saved."""

import re

from django.db.models.functions import Now

from notifier.services.validation import Problems, found
from smsbridge.models import Bridge, Lease, Number, Pool, VendorAccount
from smsbridge.models.fields import SENDER_NAME
from smsbridge.phones import to_e164
from smsbridge.services import organisations
from smsbridge.services.policy import countries_of
from smsbridge.vendors.registry import UnknownVendorError, vendor_class

_NEITHER = (
    "This is neither a valid phone number, like +12025550100, nor a sender name: that has up to eleven letters, digits"
    " and spaces, and at least one letter."
)


def number_problems(number: Number) -> Problems:
    """Anything but a valid number in E.164 form, or a sender name where the vendor has such."""
    if number.released_at is not None and (number.active or number.pool_id is not None):
        return {"active": ["It was given back to the vendor, and cannot be used. If it is yours again, buy it here."]}
    normal = to_e164(number.e164)
    if normal is None and number.one_way:
        return found({"e164": _name_problems(number)})
    if normal is None:
        return {"e164": ["This is no valid phone number: write it with its country code, like +12025550100."]}
    if normal != number.e164:
        return {"e164": [f"Write it in E.164 form: {normal}."]}
    return found({"one_way": _standing_problems(number)})


def taking_in_problems(account: VendorAccount, pool: Pool) -> list[str]:
    """Why a pool may not hold numbers of an account that are yet to be bought or taken in."""
    number = Number(account=account, pool=pool, active=True)
    return organisations.of_number(number)


def _name_problems(number: Number) -> list[str]:
    if not re.fullmatch(SENDER_NAME, number.e164):
        return [_NEITHER]
    try:
        vendor = vendor_class(number.account.vendor)
    except (VendorAccount.DoesNotExist, UnknownVendorError):
        return []  # that is the problem to solve first
    return [] if vendor.sender_names else [f"{vendor.title} sends from numbers only, not from names: enter a number."]


def _standing_problems(number: Number) -> list[str]:
    """What stands for conversations is not made one way: what their people answer would belong to nothing."""
    if not number.one_way or number.pk is None or not Number.objects.filter(pk=number.pk, one_way=False).exists():
        return []
    live = Lease.objects.filter(number=number.pk, left_at=None, expires_at__gt=Now()).count()
    remedy = "Put it to rest until these assignments have ended, or release them."
    return [f"It stands for conversations ({live}), whose people would answer in vain. {remedy}"] if live else []


def sender_countries_problems(bridge: Bridge) -> list[str]:
    """Sender names are of no country, so they cannot tell which ones are texted."""
    numbers = active_numbers(bridge)
    if not numbers or countries_of(bridge, numbers) != frozenset():
        return []
    return ["The pool's numbers are of no country: say which countries are texted, such as US, CA, or * for all."]


def active_numbers(bridge: Bridge) -> list[Number]:
    try:
        return list(bridge.pool.numbers.filter(active=True)) if bridge.pool.pk else []
    except Pool.DoesNotExist:
        return []  # that the field is empty is said elsewhere
