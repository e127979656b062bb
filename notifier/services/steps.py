"""Drives what adapters write as `Steps`: questions that take more than one request."""

import time
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from notifier import transport
from notifier.platforms.base import Steps
from notifier.transport import Exchange

T = TypeVar("T")


def follow(steps: Steps[T], *, timeout: float) -> T:
    """Run one to its end. `timeout` is in seconds, for each call."""
    try:
        request = next(steps)
        while True:
            request = steps.send(transport.call(request, timeout=timeout))
    except StopIteration as end:
        return cast(T, end.value)


def follow_all(
    series: Mapping[str, Steps[T]], exchange: "Exchange[Any]", *, window: int, deadline: float
) -> dict[str, T]:
    """Run all at once over one exchange, at most `window` at a time; what each found out.

    `deadline` is a moment of the monotonic clock; who has no end then is left out, and the exchange is closed. So it is
    when anything is raised: ValueError for a request that is not HTTP, a misconfiguration, or what one of them raises.
    """
    try:
        return _follow_all(series, exchange, window, deadline)
    except BaseException:
        exchange.close()  # as in _follow_all: the next batch uses the same names
        raise


def _follow_all(
    series: Mapping[str, Steps[T]], exchange: "Exchange[Any]", window: int, deadline: float
) -> dict[str, T]:
    found: dict[str, T] = {}
    waiting = list(series.items())
    running: dict[str, Steps[T]] = {}

    def advance(name: str, steps: Steps[T], answer: Any) -> None:
        try:
            request = next(steps) if answer is None else steps.send(answer)
        except StopIteration as end:
            running.pop(name, None)
            found[name] = end.value
        else:
            running[name] = steps
            exchange.start(name, request)

    while waiting or running:
        if time.monotonic() > deadline:
            exchange.close()  # what is still in flight must not come back among the answers of the next batch
            break
        while waiting and len(running) < window:
            name, steps = waiting.pop()
            advance(name, steps, None)
        for name, answer in exchange.finished(min(1.0, max(deadline - time.monotonic(), 0.0))):
            advance(name, running[name], answer)
    return found
