"""Waits for what the story promises, and fails as soon as it cannot come any more."""

import time
from collections.abc import Callable
from typing import TypeVar

LOOK_SECONDS = 0.1

T = TypeVar("T")


class StoryError(Exception):
    """Something did not happen; the text says what was expected and what was seen instead."""

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"Expected: {expected}.\nSeen:     {seen}")


class Judge:
    """`check` is called at every look, and raises when waiting has become pointless, as a process has ended."""

    def __init__(self, check: Callable[[], object], patience: float) -> None:
        self._check, self._patience = check, patience

    def wait(self, expected: str, look: Callable[[], T | None], seen: Callable[[], str], longer: float = 0.0) -> T:
        """The first answer of `look` that says yes. Raises StoryError after the patience and `longer` seconds."""
        deadline = time.monotonic() + self._patience + longer
        while not (found := look()):
            self._check()
            if time.monotonic() > deadline:
                raise StoryError(f"{expected}, within {self._patience + longer:.0f} seconds", seen())
            time.sleep(LOOK_SECONDS)
        return found

    def demand(self, expected: str, holds: bool, seen: str) -> None:
        """What must be so already. Raises StoryError when it is not."""
        if not holds:
            raise StoryError(expected, seen)
