"""What goes wrong when: at the n-th frame of a name, in or out, the connection is cut, the frame lost, and so on."""

import threading
from dataclasses import dataclass, field
from typing import Literal

Way = Literal["in", "out"]
Deed = Literal["cut", "swallow", "limit"]


@dataclass(slots=True)
class Fault:
    """`name` is a method (of a call in, or of its answer out) or the type of a pushed event; empty: any frame.

    It befalls the frames number `at` to `at + times - 1` of that name, counted from when it was set.
    """

    way: Way
    name: str
    deed: Deed
    at: int
    times: int
    seen: int = 0
    #: set as soon as it has befallen the last of them
    done: threading.Event = field(default_factory=threading.Event)

    def meets(self, way: Way, name: str) -> bool:
        if self.way != way or self.name not in ("", name) or self.done.is_set():
            return False
        self.seen += 1
        if self.seen >= self.at + self.times - 1:
            self.done.set()
        return self.seen >= self.at


class Faults:
    """In: before the call is done. Out: it is done, or has happened, and the answer or the push does not come."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def cut(self, way: Way, name: str = "", *, at: int = 1, times: int = 1) -> Fault:
        """The connection ends hard, without a word."""
        return self._add(way, name, "cut", at, times)

    def swallow(self, way: Way, name: str = "", *, at: int = 1, times: int = 1) -> Fault:
        """The frame is lost, and the connection stays."""
        return self._add(way, name, "swallow", at, times)

    def limit(self, name: str = "", *, at: int = 1, times: int = 1) -> Fault:
        """The call is answered that there were too many, in the Bridge's strange way."""
        return self._add("in", name, "limit", at, times)

    def met(self, way: Way, name: str) -> Deed | None:
        """What befalls this frame."""
        with self._lock:
            found = [fault.deed for fault in self._faults if fault.meets(way, name)]
        return found[0] if found else None

    def _add(self, way: Way, name: str, deed: Deed, at: int, times: int) -> Fault:
        fault = Fault(way, name, deed, at, times)
        with self._lock:
            self._faults.append(fault)
        return fault


class RateLimit:
    """Credits that calls cost and that come back with time; off unless switched on, as at the Bridge."""

    def __init__(self) -> None:
        self.on = False
        self.credits, self.most = 1000.0, 1200.0
        self.per_call, self.per_second = 10.0, 100.0
        self._since: float | None = None

    def spends(self, now: float) -> bool:
        """Whether there was enough for one more call, at a moment of the monotonic clock."""
        if not self.on:
            return True
        gone = now - self._since if self._since is not None else 0.0
        self.credits, self._since = min(self.most, self.credits + gone * self.per_second), now
        if self.credits < self.per_call:
            return False
        self.credits -= self.per_call
        return True
