"""A worker is killed again and again, and no bell rings: what is due is found in time, by beat and by the timer alone.

Neither needs the other: the clock of a worker needs no broker, and beat needs no worker with a clock.
"""

from collections.abc import Callable, Iterator

import pytest

from smsbridge.demo.services import Redis
from tests.flows.silent_place import Place
from tests.processes import Program, started
from tests.smsbridge.upstreams import Network

pytestmark = pytest.mark.once

NO_CLOCK = {"EXTRA_APPS": "tests.flows.no_clock"}
SILENCE = 1.5
KILLS = 3


@pytest.fixture
def place(db: None, database_url: str, redis_server: Redis) -> Iterator[Place]:
    with Network() as vendor, started(database_url, redis_server.url) as processes:
        yield Place(processes, vendor)


def in_time_after_each_kill(place: Place, start: Callable[[], Program]) -> None:
    for turn in range(KILLS):
        place.due(f"grave {turn}")  # while no worker lives
        worker = start()
        assert place.texted(f"grave {turn}"), worker.output
        place.due(f"life {turn}")
        assert place.texted(f"life {turn}"), worker.output
        worker.kill()


def test_the_timer_alone_finds_what_is_due_after_each_kill(place: Place) -> None:
    in_time_after_each_kill(place, place.processes.worker)


def test_beat_alone_finds_what_is_due_after_each_kill(place: Place) -> None:
    clockless = place.processes.worker(**NO_CLOCK)
    place.due("unseen")
    assert not place.texted("unseen", SILENCE), "something else than beat found it"
    place.processes.beat()
    assert place.texted("unseen"), clockless.output
    clockless.kill()
    in_time_after_each_kill(place, lambda: place.processes.worker(**NO_CLOCK))
