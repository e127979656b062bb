"""Redis comes back: a worker that held delayed tasks meanwhile is alive, and hears the bell again within seconds.

Nothing but a ring leads to work here: there is no beat, and the clock of the worker is an hour off.
"""

from collections.abc import Iterator

import pytest

from tests.flows import rings
from tests.flows.broker import Away, Broker
from tests.flows.callers import Caller
from tests.flows.town import Town, awaited, town
from tests.processes import Program

pytestmark = pytest.mark.once

HELD = 15
SECONDS = 15.0


@pytest.fixture(scope="module")
def opened(db: None, database_url: str, broker: Broker) -> Iterator[tuple[Town, Program]]:
    with town(database_url, broker.url, SWEEP_SECONDS="3600") as opened:
        yield opened


def test_the_bell_is_heard_again(opened: tuple[Town, Program], away: Away) -> None:
    (here, worker), calls = opened, Caller(opened[0])
    rings.hold(here.processes.celery(), HELD)
    with away():
        calls.call("chat")
    assert awaited(rings.drained, "the event that came meanwhile to be drained", SECONDS)
    calls.call("chat")
    assert awaited(rings.drained, "the next one to be drained", 2.0)
    assert worker.process.poll() is None, "the worker died"
