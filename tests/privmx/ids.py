"""Ids as the Bridge's database makes them: 24 hex digits, of which the first 8 are the second.

Within a second they rise only if one process makes them all: with `processes` above 1 they do not.
"""

from itertools import count, cycle

_MACHINES = ("5f00000001", "1a00000002", "9c00000003")


class Ids:
    def __init__(self) -> None:
        self.processes = 1
        self._serial, self._turn = count(0x100000), cycle(range(len(_MACHINES)))

    def next(self, seconds: float) -> str:
        """An id for this moment, in seconds since 1970."""
        machine = _MACHINES[next(self._turn) % self.processes]
        return f"{int(seconds):08x}{machine}{next(self._serial):06x}"
