"""Questions of several requests, driven at once: what one batch leaves behind is no answer to the next."""

import time
from collections.abc import Iterator

import pytest

from notifier.platforms.base import Steps
from notifier.services.steps import follow_all
from notifier.transport import Exchange
from notifier.wire import Request, Response
from tests.notifier.servers import Server, answer

WINDOW = 8


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(answer(200, b"{}")) as server:
        yield server


@pytest.fixture
def exchange() -> Iterator[Exchange[str]]:
    with Exchange[str](connections=4, timeout=5) as exchange:
        yield exchange


def asking(*urls: str) -> Steps[int]:
    good = 0
    for url in urls:
        told = yield Request("GET", url)
        good += isinstance(told, Response)
    return good


def tripping(url: str) -> Steps[int]:
    yield Request("GET", url)
    raise KeyError("an answer that the adapter did not foresee")


def for_ever(url: str) -> Steps[int]:
    while True:
        yield Request("GET", url)


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def test_each_finds_out_its_own(server: Server, exchange: Exchange[str]) -> None:
    series = {str(count): asking(*[server.url] * count) for count in range(20)}
    found = follow_all(series, exchange, window=WINDOW, deadline=soon())
    assert found == {str(count): count for count in range(20)}


@pytest.mark.parametrize("bad", ["tripping", "no address"])
def test_what_fails_leaves_nothing_in_flight(server: Server, exchange: Exchange[str], bad: str) -> None:
    other = tripping(server.url) if bad == "tripping" else asking("no address")
    series = {"bad": other, "0": asking(*[server.url] * 50)}  # the last one is begun first
    with pytest.raises(KeyError if bad == "tripping" else ValueError):
        follow_all(series, exchange, window=WINDOW, deadline=soon())
    assert exchange.in_flight == 0
    assert follow_all({"0": asking(server.url)}, exchange, window=WINDOW, deadline=soon()) == {"0": 1}


def test_one_that_never_ends_is_left_out(server: Server, exchange: Exchange[str]) -> None:
    series = {"for ever": for_ever(server.url), "0": asking(server.url)}
    assert follow_all(series, exchange, window=WINDOW, deadline=soon(0.5)) == {"0": 1}
    assert exchange.in_flight == 0
