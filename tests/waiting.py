"""Waiting for what another process does, where nothing tells us that it has."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(question: Callable[[], T], seconds: float = 15.0, every: float = 0.02) -> T:
    """The first true answer to `question`, asked again and again; its last answer when the time is over."""
    deadline = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(every)
    return answer
