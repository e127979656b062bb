"""How a number comes into use and out of it, beside what an operator says; why it rests is kept with it.

One that was bought rests until the texts to it come here, so that no reply is lost. One that is being given back rests
until that has happened, and is in use again if it has not.
"""

from django.db import transaction
from django.db.models.functions import Now

from smsbridge.models import Lease, Number, NumberOrder, VendorAccount
from smsbridge.services import organisations
from smsbridge.services.accounts import forget_accounts, vendor_of
from smsbridge.services.numbers import Told, register_numbers
from smsbridge.services.vendor_calls import Calls
from smsbridge.vendors.abilities import NumberSettings

OPEN = (NumberOrder.State.STARTED, NumberOrder.State.PENDING, NumberOrder.State.UNCERTAIN)
Rest = Number.Rest


def take_in(account: VendorAccount, e164: str, pool: int | None) -> None:
    """A number that the account owns is ours. What an operator entered of it already stays.

    Where the vendor is told by API where texts go, it rests until `finish` has done that. A pool that may not hold it
    any more does not get it.
    """
    waits = _is_pointed(account)
    if organisations.of_number(Number(account=account, e164=e164, pool_id=pool)):
        pool = None
    fresh = {
        "account_id": account.pk,
        "pool_id": pool,
        "active": not waits,
        "rests_for": Rest.POINTING if waits else "",
        "one_way": False,
        "released_at": None,
    }
    row, created = Number.objects.get_or_create(e164=e164, defaults=fresh)
    if not created and (row.released_at is not None or row.account_id != account.pk):
        Number.objects.filter(pk=row.pk).update(**fresh)


def _is_pointed(account: VendorAccount) -> bool:
    try:
        return isinstance(vendor_of(account), NumberSettings)
    except LookupError:
        return False


def rest(number: Number) -> None:
    """Take it out of use to give it back, in a commit of its own. One that rests for another reason keeps that."""
    with transaction.atomic(durable=True):
        Number.objects.filter(pk=number.pk, active=True).update(active=False, rests_for=Rest.RELEASE)
    forget_accounts()


def let_go(account: int, e164: str) -> None:
    """The vendor has it back. A number that moved to another account meanwhile is left alone."""
    gone = {"active": False, "rests_for": "", "pool": None, "released_at": Now()}
    Number.objects.filter(e164=e164, account=account).update(**gone)
    Lease.objects.filter(number__e164=e164, number__account=account).delete()  # nothing is routed by it any more


def wake(account: int, e164: str) -> None:
    """It was not given back: what was in use before is so again. The caller has settled the order."""
    rows = Number.objects.filter(e164=e164, account=account, rests_for=Rest.RELEASE, released_at=None)
    rows.filter(active=False).update(active=True, rests_for="")


def wake_left(account: VendorAccount) -> None:
    """Those that were put to rest to be given back, for which no order is open: the process ended before, or now."""
    with transaction.atomic(durable=True):
        resting = account.numbers.filter(active=False, rests_for=Rest.RELEASE, released_at=None).order_by("pk")
        e164s = {row.e164 for row in resting.select_for_update(no_key=True)}  # `releasing` writes its order under it
        ordered = NumberOrder.objects.filter(e164__in=e164s, state__in=OPEN).values_list("e164", flat=True)
        for e164 in e164s.difference(ordered):
            wake(account.pk, e164)
    if e164s:
        forget_accounts()


def finish(account: VendorAccount, calls: Calls) -> Told:
    """Wake what was left at rest, and have the texts to what was bought come here. No transaction may be open."""
    wake_left(account)
    waiting = account.numbers.filter(active=False, rests_for=Rest.POINTING, released_at=None)
    only = list(waiting.values_list("e164", flat=True))
    return register_numbers(account, dry_run=False, only=only, calls=calls) if only else Told()


def drop_late_leases() -> int:
    """Those of released numbers, which were being made while the number was given back; how many.

    No text leaves by one, as the statement that takes a text tests its number.
    """
    deleted, _ = Lease.objects.filter(number__released_at__isnull=False).delete()
    return deleted
