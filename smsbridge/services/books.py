"""One day's counters in hand: what has been used, what would be, and which limit does not allow it any more."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from smsbridge.services import daily_use
from smsbridge.services.accounts import LiveBridge
from smsbridge.services.daily_use import Key, Kind, budget_key, day_of, used_up_key


@dataclass(frozen=True, slots=True)
class Use:
    """What one text uses of one limit."""

    kind: Kind
    key: Key
    amount: int
    limit: int


def uses_of(bridge: LiveBridge, phone: str, conversation: int, segments: int) -> list[Use]:
    """What a text uses of the limits that the bridge has."""
    limits = bridge.limits
    if limits is None:
        return []
    wanted = [
        (Kind.PHONE, (bridge.id, Kind.PHONE.value, phone), 1, limits.phone),
        (Kind.CONVERSATION, (bridge.id, Kind.CONVERSATION.value, str(conversation)), 1, limits.conversation),
        (Kind.BUDGET, budget_key(bridge.id), segments, limits.budget),
    ]
    return [Use(kind, key, amount, limit) for kind, key, amount, limit in wanted if limit is not None]


class Books:
    """The counters of a day as they were read, and what is added to them meanwhile."""

    def __init__(self, now: datetime, uses: Iterable[Use]) -> None:
        keys = {use.key for use in uses}
        self.day = day_of(now)
        self.used = daily_use.read(self.day, keys | {used_up_key(key[0]) for key in keys})
        self.added: Counter[Key] = Counter()

    def beyond(self, uses: Sequence[Use]) -> Kind | None:
        """The first limit that does not allow this any more."""
        return next((use.kind for use in uses if self._is_full(use)), None)

    def _is_full(self, use: Use) -> bool:
        if use.kind is Kind.BUDGET and self.used.get(used_up_key(use.key[0]), 0) >= use.limit:
            return True  # nothing smaller overtakes what did not fit
        return self.now_used(use.key) + use.amount > use.limit

    def now_used(self, key: Key) -> int:
        return self.used.get(key, 0) + self.added[key]

    def add(self, uses: Sequence[Use]) -> None:
        for use in uses:
            self.added[use.key] += use.amount

    def close_budget(self, bridge: int, budget: int) -> None:
        self.used[used_up_key(bridge)] = budget
