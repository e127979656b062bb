"""The story as it is printed: who does what, and what is seen of it, with the seconds since it began."""

import textwrap
import time
from collections.abc import Callable

WIDTH = 96
INDENT = " " * 10


class Transcript:
    """Prints to `out`, a line at a time."""

    def __init__(self, out: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock = out, clock
        self._began = clock()

    def heading(self, words: str) -> None:
        self._out("")
        self._out(words)

    def line(self, words: str) -> None:
        """One thing that happened, at this moment."""
        stamp = f"{self._clock() - self._began:6.1f} s  "
        self._out(textwrap.fill(words, WIDTH, initial_indent=stamp, subsequent_indent=INDENT))

    def bubble(self, words: str) -> None:
        """What stands on a screen, word for word."""
        for line in words.splitlines():
            for part in textwrap.wrap(line, WIDTH - len(INDENT) - 4) or [""]:
                self._out(f"{INDENT}  | {part}")
