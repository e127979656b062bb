"""Rare calls to a vendor that somebody waits for: numbers, orders, messaging services. Never inside a transaction."""

import time
from collections.abc import Callable

from django.conf import settings

from notifier import transport
from notifier.wire import Answer, Request
from smsbridge.models import VendorAccount
from smsbridge.services.accounts import vendor_of
from smsbridge.vendors.base import PaidStep, StepKind, Vendor, VendorError


class CannotDo(VendorError):
    """What was asked for cannot be done, and nothing was called. The text is a sentence that names the remedy."""


class Calls:
    """Calls of one piece of work. `tick` is called before each; none begins after `seconds`, however much is left.

    So the work takes at most `seconds` and one HTTP_TIMEOUT_SECONDS. None: as long as it takes.
    """

    def __init__(self, tick: Callable[[], object] = lambda: None, *, seconds: float | None = None) -> None:
        self._tick = tick
        self._until = None if seconds is None else time.monotonic() + seconds

    def has_time(self) -> bool:
        return self._until is None or time.monotonic() < self._until

    def ask(self, request: Request) -> Answer:
        """Raises VendorError when the time is over, and ValueError for what is no request, both before the call."""
        if not self.has_time():
            raise VendorError("The vendor takes too long: repeat it, or use the command, which waits.")
        self._tick()
        return transport.call(request, timeout=settings.HTTP_TIMEOUT_SECONDS)

    def pay(self, request: Request, read: Callable[[Answer], PaidStep]) -> PaidStep:
        """A call that costs money, made once. Whatever goes wrong after it left is UNCERTAIN."""
        try:
            answer = self.ask(request)
        except (VendorError, ValueError) as error:
            return PaidStep(kind=StepKind.REFUSED, reason=f"It was not asked for: {error}")
        try:
            return read(answer)
        except Exception as error:  # an adapter's mistake does not undo what the vendor may have done
            return PaidStep(kind=StepKind.UNCERTAIN, reason=f"Reading the answer raised {type(error).__name__}.")


def usable_vendor(account: VendorAccount) -> Vendor:
    """The account's adapter, fully configured. Raises CannotDo."""
    try:
        vendor = vendor_of(account)
    except LookupError as error:
        raise CannotDo(str(error)) from None
    if problems := vendor.configured():
        raise CannotDo(" ".join(problems))
    return vendor
