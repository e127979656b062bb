"""Redis killed, frozen and emptied: webhooks are answered, everything is done, and the worker lives through it.

Figures: `python -m tests.flows.outage`.
"""

from collections.abc import Iterator

import pytest

from tests.flows.broker import Away, Broker
from tests.flows.callers import Caller
from tests.flows.town import Town, awaited, town
from tests.processes import Program

pytestmark = pytest.mark.once  # it is about processes, which are the same on any database

CALLS = 100
#: milliseconds
QUICK = 300
NO_HANG = 3000


@pytest.fixture(scope="module")
def opened(db: None, database_url: str, broker: Broker) -> Iterator[tuple[Town, Program]]:
    with town(database_url, broker.url) as opened:
        yield opened


@pytest.fixture
def here(opened: tuple[Town, Program]) -> Iterator[Town]:
    """The town; each of its tests ends with the worker that it began with."""
    yield opened[0]
    assert opened[1].process.poll() is None, "the worker died"


def test_meanwhile_webhooks_are_answered_at_once(here: Town, away: Away) -> None:
    calls = Caller(here)
    calls.round(1)
    with away():
        times = calls.round(CALLS)
    assert max(times["chat"] + times["sms"]) < QUICK


def test_meanwhile_a_new_web_process_answers_its_very_first_webhook_at_once(here: Town, away: Away) -> None:
    with away(), Caller.fresh(here) as calls:
        assert calls.call("chat") < QUICK


def test_meanwhile_an_operator_can_log_in(here: Town, away: Away) -> None:
    calls = Caller(here)
    calls.operator()
    with away():
        assert max(calls.pages().values()) < NO_HANG


def test_meanwhile_the_work_is_done(here: Town, away: Away) -> None:
    pair = here.pair()
    with away():
        pair.anna_writes("No bell")
        pair.ben_texts(pair.sms("Anna: No bell").number, "None needed")
        assert awaited(pair.said_by_ben, "the answer") == ["None needed"]


def test_nothing_is_lost_when_redis_is_emptied_again_and_again(here: Town, broker: Broker) -> None:
    pairs = [here.pair() for _ in range(5)]
    for number, pair in enumerate(pairs):
        pair.anna_writes(f"Message {number}")
        broker.flush()
    for number, pair in enumerate(pairs):
        assert pair.sms(f"Anna: Message {number}")
        broker.flush()
