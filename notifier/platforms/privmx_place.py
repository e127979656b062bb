"""Up to where a Bridge's news were told: small, whatever the number of threads, so that it can be kept with each event.

All stamps are the Bridge's own, in milliseconds since 1970. Two processes of a Bridge may give ids and stamps out of
order, so what came shortly before the newest is looked at again, until it was quiet for a while.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from notifier.platforms.privmx_kinds import milliseconds

#: how far out of order a Bridge may tell
MARGIN_SECONDS: Final = 10
#: then nothing is on its way any more: a dead link is found out sooner
QUIET_SECONDS: Final = 30
#: how far a Bridge's clock may be from ours, either way
DRIFT_SECONDS: Final = 3600
#: how often the place of a quiet Bridge follows our clock, so that an old chat that comes to sight is no news
FOLLOW_SECONDS: Final = 1800
_MARGIN: Final = MARGIN_SECONDS * 1000
_DRIFT: Final = DRIFT_SECONDS * 1000


@dataclass(frozen=True, slots=True)
class Place:
    """`floor`: what was made until then is no news (our first start, later the last quiet moment).

    `newest`: the newest that was told. `walked`: of containers that are being caught up with, up to which id.
    """

    floor: int
    newest: int
    walked: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "Place | None":
        """None at the very first, and for what is no place: it must not make all that was ever written news."""
        newest = told.get("newest")
        if type(newest) is not int or not 0 <= newest < 10**14:
            return None
        walked = told.get("walked")
        ids = {key: id_ for key, id_ in walked.items() if isinstance(id_, str)} if isinstance(walked, dict) else {}
        floor = milliseconds(told.get("floor"))
        return cls(floor, max(floor, newest), ids)

    def written(self) -> Mapping[str, Any]:
        told = {"floor": self.floor, "newest": self.newest}
        return {**told, "walked": dict(self.walked)} if self.walked else told

    @property
    def begin(self) -> int:
        """From when on it is looked again."""
        return max(self.floor, self.newest - _MARGIN)

    @property
    def begin_id(self) -> str:
        """An id before all that are given from `begin` on."""
        return _id_before(self.begin // 1000)

    def start_id(self, container: str) -> str:
        """An id before all that may be new in a container: where a walk broke off, shortly before its last one."""
        try:
            walked = int(self.walked.get(container, "")[:8], 16)
        except ValueError:
            return self.begin_id
        return max(self.begin_id, _id_before(walked - MARGIN_SECONDS))

    @property
    def settled(self) -> bool:
        return self.floor == self.newest

    def is_news(self, created: int) -> bool:
        return created > self.floor and created >= self.begin

    def after(self, created: int) -> "Place":
        return self if created <= self.newest else replace(self, newest=created)

    def walked_to(self, container: str, id_: str) -> "Place":
        return replace(self, walked={**self.walked, container: id_})

    def settle(self, now: int) -> "Place":
        """Everything was told that was made until then, `now` being our own clock."""
        newest = max(self.newest, now - _DRIFT)
        return Place(newest, newest)

    def not_after(self, now: int) -> "Place":
        """One stamp of a clock that was set wrong must not hide everything until that time comes."""
        latest = now + _DRIFT
        return replace(self, floor=min(self.floor, latest), newest=min(self.newest, latest))


def _id_before(second: int) -> str:
    """An id before all that are given from this second since 1970 on."""
    return f"{max(second, 0):08x}{0:016x}"
