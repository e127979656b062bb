"""Threads that begin together, each with a database connection of its own that it closes."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

T = TypeVar("T")


def together(*calls: Callable[[], T]) -> list[T]:
    """What each call returned, in their order; all begin at once. Raises the first exception of any."""
    begin = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        try:
            begin.wait(10)
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(60) for future in [pool.submit(run, call) for call in calls]]


def times(number: int, call: Callable[[], T]) -> Sequence[T]:
    return together(*[call] * number)
