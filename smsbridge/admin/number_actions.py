"""What may be done with our numbers at their vendor: giving them back, and having the texts to them come here."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from notifier.admin_base import SettingsAdmin, table
from smsbridge.admin.questions import ask
from smsbridge.admin.vendor_calls import MOST, calls, tell
from smsbridge.models import Number, VendorAccount
from smsbridge.services.numbers import register_numbers
from smsbridge.services.releasing import release, why_needed
from smsbridge.vendors.base import VendorError

_MEANING = (
    "They are gone then, and cost no more; somebody else may get them.",
    "A number is kept while it stands for a conversation, and while texts from it or replies to it are under way.",
    "So is one that was in use within the time for which the bridges of its pool keep a number.",
    "Their rows stay, for what they sent.",
)


class NumberActions(SettingsAdmin[Number]):
    """Comes before the page's own class. Giving back is a decision about money: add_numberorder permits it."""

    def has_pay_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("smsbridge.add_numberorder"))

    @admin.action(description="Release at the vendor: give them back", permissions=["pay"])
    def release_at_vendor(self, request: HttpRequest, numbers: QuerySet[Number]) -> HttpResponse | None:
        chosen = list(numbers.filter(released_at=None).select_related("account")[: MOST + 1])
        if not chosen or len(chosen) > MOST:
            words = f"Select 1 to {MOST} that are not released yet; `manage.py release_numbers` takes any number."
            messages.error(request, words)
            return None
        if not request.POST.get("confirmed"):
            return self._question(request, chosen)
        within, who = calls(), request.user.get_username()
        for account, of_account in _by_account(chosen):
            try:
                released = release(account, of_account, unused_for=None, by=who, calls=within)
            except VendorError as error:
                tell(request, [], [f"{account.slug}: {error}"])
                continue
            gone = Number.objects.filter(pk__in=[one.pk for one in of_account], released_at__isnull=False)
            self.log_all(request, gone, "Released at the vendor.")
            tell(request, released.done, released.failed, released.left)
        return None

    def _question(self, request: HttpRequest, numbers: Sequence[Number]) -> HttpResponse:
        needed = why_needed(numbers, None)
        rows = [[one.e164, str(one.account), needed.get(one.pk, "goes back")] for one in numbers]
        return ask(
            request,
            self,
            title="Release at the vendor",
            question=f"Give these numbers back to the vendor? Selected: {len(numbers)}.",
            meaning=_MEANING,
            shown=table(["Number", "Account", "So it"], rows),
            ids=[one.pk for one in numbers],
            action="release_at_vendor",
        )

    @admin.action(description="Point to our inbound URL at the vendor", permissions=["change"])
    def point_here(self, request: HttpRequest, numbers: QuerySet[Number]) -> None:
        within = calls()
        for account, of_account in _by_account(numbers.filter(released_at=None).select_related("account")):
            try:
                only = [one.e164 for one in of_account]
                told = register_numbers(account, dry_run=False, only=only, calls=within)
            except LookupError as error:
                tell(request, [], [str(error)])
                continue
            self.log_all(request, of_account, "Pointed to our inbound URL.")
            tell(request, told.done, told.failed)


def _by_account(numbers: Iterable[Number]) -> list[tuple[VendorAccount, list[Number]]]:
    found: dict[int, list[Number]] = defaultdict(list)
    for number in numbers:
        found[number.account_id].append(number)
    return [(of_account[0].account, of_account) for of_account in found.values()]
