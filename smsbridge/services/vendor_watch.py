"""What one process has seen of its calls to vendors lately: how many may fly, and what the breakers are to be told.

Texts in the air when a vendor fails are what that costs, so few fly until answers have come, fewer again after
failures, and none more to a vendor that has not answered anything for a while.
"""

import time
from dataclasses import dataclass
from enum import Enum, auto

from django.conf import settings

from smsbridge.services import breaker
from smsbridge.services.breaker import Report
from smsbridge.services.outcomes import Flight, Result
from smsbridge.vendors.base import ErrorKind, Outcome, OutcomeKind

_SMALLEST_WINDOW = 8
_FORGETS = 60.0  # seconds without an answer, after which nobody knows how the vendors are
_TELLS_AFTER = 3  # single failures are no news: a vendor that fails now and then costs no writes
_PATIENCE = 0.25  # of HTTP_TIMEOUT_SECONDS


class Sign(Enum):
    """What an outcome tells of the vendor, whatever became of the text."""

    WORKED = auto()
    FAILED = auto()
    MENDING = auto()  # it refuses us: an operator must mend something
    SLOWER = auto()  # it works, and wants to be left alone for a while


def sign_of(outcome: Outcome) -> Sign:
    """Only an answer that decides about a text says that the vendor works: an id, or a refusal for the text's sake.

    So does a refusal of the account for some texts only, such as those to one country.
    """
    if outcome.kind is OutcomeKind.SENT or (outcome.kind is OutcomeKind.UNCERTAIN and outcome.vendor_id):
        return Sign.WORKED
    if outcome.kind is OutcomeKind.REFUSED:
        kind = outcome.error.kind if outcome.error and not outcome.error.some_only else ErrorKind.UNKNOWN
        return {ErrorKind.ACCOUNT: Sign.MENDING, ErrorKind.TEMPORARY: Sign.FAILED}.get(kind, Sign.WORKED)
    return Sign.SLOWER if outcome.retry_after else Sign.FAILED


@dataclass(slots=True)
class _Account:
    """`run`: failures since the last success. The rest from `worked` on is news for its breaker.

    `noted`: the row says something that a success must take back; only of calls claimed after `since`.
    """

    slug: str
    flying: int = 0
    run: int = 0
    heard_at: float = 0.0
    noted: bool = False
    since: float = 0.0
    worked: bool = False
    failures: int = 0
    probe_failed: bool = False
    asks: float = 0.0
    mending: bool = False
    reason: str = ""

    def is_silent(self) -> bool:
        return bool(self.flying) and time.monotonic() - self.heard_at > _PATIENCE * settings.HTTP_TIMEOUT_SECONDS

    def has_news(self) -> bool:
        if self.failures and self.run >= breaker.OPENS_AFTER:
            return True
        return (self.worked and self.noted) or self.failures >= _TELLS_AFTER or self.probe_failed or self.asks > 0

    def is_doubtful(self) -> bool:
        """Failures of which the breaker has not made anything yet."""
        return self.run < breaker.OPENS_AFTER or self.failures > 0


class Watch:
    """Told of every call's start and end by the thread that makes the calls."""

    def __init__(self) -> None:
        self._accounts: dict[int, _Account] = {}
        self._unused: set[int] = set()  # accounts that might have been probed
        self._window = float(_SMALLEST_WINDOW)
        self._heard_at = time.monotonic()

    def started(self, flight: Flight) -> None:
        seen = self._accounts.setdefault(flight.account.id, _Account(flight.account.slug))
        if not seen.flying:
            seen.heard_at = time.monotonic()
        seen.flying += 1
        if flight.probe:
            seen.noted, seen.since = True, flight.claimed_at

    def ended(self, result: Result) -> None:
        seen = self._accounts[result.flight.account.id]
        seen.flying -= 1
        self._heard_at = seen.heard_at = time.monotonic()
        sign = sign_of(result.outcome)
        seen.run = 0 if sign is Sign.WORKED else seen.run + 1
        if sign is Sign.WORKED:
            self._window = min(self._window + 1, float(settings.SEND_WINDOW))
            _note_success(seen, result.flight)
        else:
            self._window = max(self._window / 2, float(_SMALLEST_WINDOW))
            _note_trouble(seen, result, sign)

    def silent(self) -> list[int]:
        """Accounts whose vendor has answered nothing for a while, although it was called: they get no more calls."""
        return [id_ for id_, seen in self._accounts.items() if seen.is_silent()]

    def room(self, unwritten: int) -> int:
        """How many more texts may be claimed now, 0 while that is not worth a claim.

        What is answered but not stored counts as well: it is what a crash makes uncertain. What flies to a silent
        vendor does not: it must not hold up the others.
        """
        if time.monotonic() - self._heard_at > _FORGETS:
            self._window = min(self._window, float(_SMALLEST_WINDOW))
        window = min(int(self._window), settings.SEND_WINDOW)
        doubtful = sum(seen.run for seen in self._accounts.values() if seen.is_doubtful())
        window -= min(doubtful, window - 1)  # as if they were still in the air, until it is clear how the vendor is
        flying = sum(seen.flying for seen in self._accounts.values() if not seen.is_silent())
        room = window - flying - unwritten
        return room if room >= max(1, window // 2) else 0

    def tell(self) -> None:
        """Let the breakers know what has changed. What could not be written is told again next time."""
        for id_, seen in self._accounts.items():
            if seen.has_news():
                breaker.record(_report(id_, seen))
                _forget(seen)
        breaker.hand_back(self._unused)
        self._unused.clear()

    def not_called(self, flight: Flight) -> None:
        """It was claimed, but no call was made."""
        if flight.probe:
            self._unused.add(flight.account.id)


def _note_success(seen: _Account, flight: Flight) -> None:
    if flight.claimed_at >= seen.since:
        seen.worked, seen.failures, seen.probe_failed, seen.mending = True, 0, False, False


def _note_trouble(seen: _Account, result: Result, sign: Sign) -> None:
    outcome = result.outcome
    seen.reason = outcome.reason or (outcome.error.text if outcome.error else "")
    seen.probe_failed = seen.probe_failed or result.flight.probe
    if sign is Sign.SLOWER:
        seen.asks = max(seen.asks, outcome.retry_after or 0.0)
        seen.since = time.monotonic()  # answers to what was on its way already do not end the pause
    else:
        seen.failures += 1
        seen.mending = sign is Sign.MENDING


def _report(account: int, seen: _Account) -> Report:
    return Report(
        account=account,
        slug=seen.slug,
        worked=seen.worked and seen.noted,
        anew=seen.worked,
        failures=seen.failures,
        probe_failed=seen.probe_failed,
        asks=seen.asks,
        mending=seen.mending,
        reason=seen.reason,
    )


def _forget(seen: _Account) -> None:
    """What was told. A success alone leaves nothing noted."""
    seen.noted = bool(seen.failures or seen.asks or seen.probe_failed)
    seen.worked, seen.failures, seen.probe_failed, seen.asks, seen.mending = False, 0, False, 0.0, False
