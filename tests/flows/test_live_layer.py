"""Layer, as the simulator plays it: with the whole program around it."""

from collections.abc import Iterator

import pytest

from notifier.platforms.layer import LayerPlatform
from smsbridge.demo.services import Redis
from tests.flows.live_contract import LiveContract, PretendPhone
from tests.flows.town import Pair, Town, town

pytestmark = pytest.mark.once  # it is about processes, which are the same on any database


class Layer(PretendPhone):
    platform = LayerPlatform
    edits = False

    def __init__(self, here: Town) -> None:
        self._pair: Pair = here.pair()
        super().__init__(here.world, self._pair.phone)

    def anna_writes(self, text: str) -> str:
        return self._pair.anna_writes(text)

    def anna_deletes(self, message: str) -> None:
        self._world.delete(message)

    def ben_reads(self, message: str) -> None:
        self._world.read(message, self._pair.ben)

    def said_by_ben(self) -> list[str]:
        return self._pair.said_by_ben()


@pytest.fixture(scope="module")
def opened(db: None, database_url: str, redis_server: Redis) -> Iterator[Town]:
    with town(database_url, redis_server.url, NOTIFY_DELAY="1 second") as (here, _):
        yield here


@pytest.fixture
def live(opened: Town) -> Layer:
    return Layer(opened)


class TestSimulator(LiveContract):
    pass
