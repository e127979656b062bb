"""The doorbell: a ring never waits, and none is lost between two others."""

import threading
import time
from typing import Any

import pytest
from celery import current_app

from notifier import doorbell, runner
from notifier.doorbell import Bell
from tests.notifier.listeners import Rings
from tests.waiting import eventually

WAIT = 10.0


class Publisher:
    """A broker that tells what it was sent, and can hang or fail."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, float]] = []
        self.began, self.go_on = threading.Semaphore(0), threading.Event()
        self.fails = 0
        self.go_on.set()

    def __call__(self, stage: str, *, countdown: float = 0.0) -> None:
        self.began.release()
        self.go_on.wait(WAIT)
        if self.fails:
            self.fails -= 1
            raise ConnectionError("no broker")
        self.sent.append((stage, countdown))

    @property
    def stages(self) -> list[str]:
        return [stage for stage, _ in self.sent]


@pytest.fixture
def broker() -> Publisher:
    return Publisher()


def test_a_ring_is_published(broker: Publisher) -> None:
    Bell(broker, gap=0.0).ring("drain")
    assert eventually(lambda: broker.sent == [("drain", 0.0)], WAIT)


def test_a_ring_during_a_publish_is_followed_by_another(broker: Publisher) -> None:
    bell = Bell(broker, gap=0.0)
    broker.go_on.clear()
    bell.ring("drain")
    assert broker.began.acquire(timeout=WAIT)
    for _ in range(5):
        bell.ring("drain")
    broker.go_on.set()
    assert eventually(lambda: broker.stages == ["drain", "drain"], WAIT)


def test_rings_of_a_moment_become_one_for_each_stage(broker: Publisher) -> None:
    bell = Bell(broker, gap=0.0)
    broker.go_on.clear()
    bell.ring("drain")
    assert broker.began.acquire(timeout=WAIT)
    for _ in range(100):
        bell.ring("check")
        bell.ring("send")
    broker.go_on.set()
    assert eventually(lambda: len(broker.sent) == 3, WAIT)
    assert sorted(broker.stages) == ["check", "drain", "send"]


def test_a_broker_that_hangs_holds_nobody_up(broker: Publisher) -> None:
    bell = Bell(broker, gap=0.0)
    broker.go_on.clear()
    bell.ring("drain")
    assert broker.began.acquire(timeout=WAIT)
    begin = time.monotonic()
    for _ in range(1000):
        bell.ring("drain")
    assert time.monotonic() - begin < 1.0
    broker.go_on.set()


def test_after_a_failure_it_is_silent_for_a_while_and_then_rings_what_it_could_not(broker: Publisher) -> None:
    bell = Bell(broker, gap=0.0, silence=0.2)
    broker.fails = 1
    begin = time.monotonic()
    bell.ring("check")
    bell.ring("drain")
    assert eventually(lambda: sorted(broker.stages) == ["check", "drain"], WAIT)
    assert time.monotonic() - begin >= 0.2


def test_it_tries_once_and_no_more_while_it_is_silent(broker: Publisher) -> None:
    bell = Bell(broker, gap=0.0, silence=60.0)
    broker.fails = 100
    bell.ring("drain")
    assert broker.began.acquire(timeout=WAIT)
    bell.ring("drain")
    assert not broker.began.acquire(timeout=0.1)


def test_a_second_is_rung_for_once(broker: Publisher) -> None:
    bell, at = Bell(broker, gap=0.0), int(time.time()) + 100
    bell.ring("check", at)
    assert eventually(lambda: broker.sent, WAIT)
    bell.ring("check", at)
    bell.ring("check", at + 1)
    assert eventually(lambda: len(broker.sent) == 2, WAIT)
    assert [round(countdown) in range(98, 102) for _, countdown in broker.sent] == [True, True]


def test_a_second_that_could_not_be_rung_for_does_not_count_as_rung(broker: Publisher) -> None:
    bell, at = Bell(broker, gap=0.0, silence=0.01), int(time.time()) + 100
    broker.fails = 1
    bell.ring("check", at)
    assert eventually(lambda: broker.stages == ["check"], WAIT)


def test_a_second_that_is_over_is_rung_for_at_once(broker: Publisher) -> None:
    Bell(broker, gap=0.0).ring("check", int(time.time()) - 5)
    assert eventually(lambda: broker.sent == [("check", 0.0)], WAIT)


def test_no_thread_to_be_had_is_no_error(broker: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    bell = Bell(broker, gap=0.0)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", lambda self: (_ for _ in ()).throw(RuntimeError("no thread")))
        bell.ring("drain")
    bell.ring("check")
    assert eventually(lambda: sorted(broker.stages) == ["check", "drain"], WAIT)


def test_a_stage_that_runs_here_is_only_nudged(rings: Rings) -> None:
    def rung() -> runner.Step:
        doorbell.ring("drain")
        return runner.Step()

    steps = [rung, runner.Step]
    runner.run(runner.Stage("drain", lambda: steps.pop(0)()))
    assert (steps, rings.rung) == ([], [])


def test_a_stage_that_does_not_run_here_is_published(rings: Rings) -> None:
    doorbell.ring("drain")
    assert rings.stages == ["drain"]


def test_a_ring_is_sent_by_name_and_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, Any, Any]] = []
    monkeypatch.setattr(
        current_app,
        "send_task",
        lambda name, *, countdown, expires: sent.append((name, countdown, expires)),
        raising=False,
    )
    doorbell.publish("drain")
    doorbell.publish("check", countdown=30.0)
    assert sent == [("notifier.tasks.drain_inbox", None, 60.0), ("notifier.tasks.check_receipts", 30.0, 90.0)]
