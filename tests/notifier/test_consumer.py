"""The worker's consumer: silent towards other workers, and quick to find a broker that is back."""

from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery.bootsteps import CLOSE  # type: ignore[attr-defined]
from kombu.utils.functional import fxrange
from kombu.utils.imports import symbol_by_name
from pytest_django import Settings

from notifier.consumer import Consumer


def consumer() -> Consumer:
    app = Celery("tests", broker="memory://", set_as_current=False)
    controller = SimpleNamespace(use_eventloop=False, semaphore=None)
    options = {"without_heartbeat": False}
    return Consumer(lambda request: None, app=app, controller=controller, worker_options=options)


def test_it_is_the_one_that_workers_use(settings: Settings) -> None:
    assert symbol_by_name(settings.CELERY_WORKER_CONSUMER) is Consumer


def test_it_never_publishes_from_its_one_loop() -> None:
    steps = {type(step).__name__ for step in consumer().steps}  # type: ignore[attr-defined]
    assert "Tasks" in steps
    assert not steps & {"Heart", "Gossip", "Mingle"}


def test_it_looks_for_the_broker_every_few_seconds_however_long_it_is_away() -> None:
    asked: dict[str, Any] = {}

    class Connection:
        def ensure_connection(self, *args: object, **how: Any) -> "Connection":
            asked.update(how)
            return self

    consumer().ensure_connected(Connection())
    start, step, longest = asked["interval_start"], asked["interval_step"], asked["interval_max"]
    pauses = fxrange(start, longest + start, step, repeatlast=True)  # as kombu reckons
    assert [next(pauses) for _ in range(5)] == [1, 2, 3, 3, 3]


def test_what_is_left_of_a_lost_connection_does_not_end_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    lives, starts = consumer(), list[int]()

    def start(parent: Consumer) -> None:
        starts.append(1)
        if len(starts) == 1:
            raise AttributeError("'NoneType' object has no attribute 'hostname'")
        parent.blueprint.state = CLOSE

    monkeypatch.setattr(lives.blueprint, "start", start)
    lives.start()
    assert len(starts) == 2
