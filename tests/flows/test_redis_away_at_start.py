"""A worker that is started while Redis is killed or frozen: it works by its own clock, and goes when it is told to."""

from collections.abc import Iterator

import pytest

from tests.flows.broker import Away, Broker
from tests.flows.silent_place import Place
from tests.processes import started
from tests.smsbridge.upstreams import Network

pytestmark = pytest.mark.once

#: what a worker says that finds no broker
NO_BROKER = "Cannot connect to redis"


@pytest.fixture
def place(db: None, database_url: str, broker: Broker) -> Iterator[Place]:
    with Network() as vendor, started(database_url, broker.url) as processes:
        yield Place(processes, vendor)


def test_it_works_all_the_same_and_ends_when_it_is_told_to(place: Place, away: Away) -> None:
    with away():
        worker = place.processes.worker(ready=NO_BROKER)
        place.due("Nobody rings")
        assert place.texted("Nobody rings"), worker.output
        assert worker.stop() == 0
