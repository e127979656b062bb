"""The runner: no ring is lost while a stage runs, and no failure of the database ends it."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import InterfaceError, InternalError, OperationalError

from notifier import runner
from notifier.runner import Stage, Step, nudge, run
from tests.notifier.listeners import Rings

WAIT = 10.0


@pytest.fixture(autouse=True)
def _fresh(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.LINGER_MS = 0
    monkeypatch.setattr(runner, "_AFTER_ERROR", 0.0)
    yield
    runner._stopping.clear()
    assert runner._running == {}


class Steps:
    """A stage whose steps are given; each call of a step may be watched."""

    def __init__(self, *steps: Step | Exception | Callable[[], Step]) -> None:
        self.left, self.made = list(steps), 0

    def __call__(self) -> Step:
        self.made += 1
        step = self.left.pop(0) if self.left else Step()
        if isinstance(step, Exception):
            raise step
        return step() if callable(step) else step


def test_it_goes_on_while_there_is_more() -> None:
    steps = Steps(Step(done=3, more=True), Step(done=2, more=True), Step(done=1))
    assert run(Stage("s", steps)) == 6
    assert steps.made == 3


def test_a_ring_during_a_step_is_followed_by_another_look() -> None:
    def rung() -> Step:
        assert nudge("s")
        return Step(done=1)

    steps = Steps(rung, Step(done=1))
    assert run(Stage("s", steps)) == 2


def test_a_ring_while_it_lingers_is_answered(settings: Any) -> None:
    settings.LINGER_MS = 10_000
    looked = threading.Semaphore(0)

    def step() -> Step:
        looked.release()
        return Step()

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(run, Stage("s", step))
        for _ in range(3):
            assert looked.acquire(timeout=WAIT)
            assert nudge("s")
        settings.LINGER_MS = 0
        assert looked.acquire(timeout=WAIT)
        nudge("s")
        ended.result(WAIT)


def test_only_one_runs_in_a_process() -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow() -> Step:
        inside.set()
        assert go_on.wait(WAIT)
        return Step(done=1)

    steps = Steps(slow, Step(done=1))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(run, Stage("s", steps))
        assert inside.wait(WAIT)
        assert run(Stage("s", steps)) == 0  # at once, and the first looks again
        go_on.set()
        assert first.result(WAIT) == 2


def test_without_a_runner_a_nudge_says_so() -> None:
    assert not nudge("s")
    run(Stage("s", Steps()))
    assert not nudge("s")


def test_a_ring_after_the_last_look_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """It found nothing, waited for nothing, and is about to go: a ring that comes now must make it look again."""

    def late(running: Any, next_in: float | None, pause: float) -> bool:
        monkeypatch.undo()
        assert nudge("s")
        return False

    monkeypatch.setattr(runner, "_wait", late)
    assert run(Stage("s", Steps(Step(), Step(done=1)))) == 1


def test_no_ring_falls_between_nothing_left_and_not_running() -> None:
    """Rows are put in by one thread and rung for as the doorbell does; each is done by somebody, without a sweep."""
    rows, mutex = [0], threading.Lock()

    def step() -> Step:
        with mutex:
            done, rows[0] = rows[0], 0
        return Step(done=done)

    stage, done = Stage("s", step), 0
    with ThreadPoolExecutor(4) as pool:
        runs = []
        for _ in range(2000):
            with mutex:
                rows[0] += 1
            if not nudge("s"):
                runs.append(pool.submit(run, stage))
        done = sum(one.result(WAIT) for one in runs)
    assert (done, rows[0]) == (2000, 0)


def test_it_rings_for_itself_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch, rings: Rings) -> None:
    monkeypatch.setattr(runner, "_LONGEST_RUN", 0.0)
    steps = Steps(*[Step(done=1, more=True)] * 5)
    assert run(Stage("s", steps)) == 1
    assert rings.stages == ["s"]


def test_a_full_batch_calls_another_process(rings: Rings) -> None:
    run(Stage("s", Steps(Step(done=1, more=True, busy=True), Step(done=1, more=True))))
    assert rings.stages == ["s"]


def test_it_stops_when_the_process_goes_down_and_calls_another(rings: Rings) -> None:
    def stopped() -> Step:
        runner.stop_all()
        return Step(done=1, more=True)

    steps = Steps(stopped, Step(done=1, more=True))
    assert run(Stage("s", steps)) == 1
    assert rings.stages == ["s"]


def test_a_stop_ends_its_waiting(settings: Any) -> None:
    settings.LINGER_MS = 60_000
    looked = threading.Event()

    def step() -> Step:
        looked.set()
        return Step()

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(run, Stage("s", step))
        assert looked.wait(WAIT)
        runner.stop_all()
        ended.result(WAIT)


@pytest.mark.parametrize("error", [OperationalError("away"), InterfaceError("closed"), InternalError("ended")])
def test_a_database_that_was_away_is_asked_again(error: Exception) -> None:
    assert run(Stage("s", Steps(error, error, Step(done=4)))) == 4


def test_any_other_error_ends_the_run_and_the_next_ring_begins_anew() -> None:
    steps = Steps(ValueError("a fault of ours"), Step(done=1))
    with pytest.raises(ValueError, match="fault"):
        run(Stage("s", steps))
    assert run(Stage("s", steps)) == 1


def test_it_waits_for_what_is_due_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float | None] = []

    def wait(self: threading.Event, timeout: float | None = None) -> bool:
        waited.append(timeout)
        return False

    monkeypatch.setattr(threading.Event, "wait", wait)
    steps = Steps(Step(next_in=1.2), Step(next_in=0.0), Step(done=1))
    assert run(Stage("s", steps)) == 1
    assert waited == [1.2, runner._TICK, 0.0]


def test_it_does_not_wait_for_what_is_due_much_later() -> None:
    steps = Steps(Step(next_in=60.0))
    run(Stage("s", steps))
    assert steps.made == 1


def test_a_small_batch_is_followed_by_a_pause_and_a_full_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    steps = Steps(Step(done=1, more=True), Step(done=9, more=True, busy=True))
    run(Stage("s", steps, pause=0.05))
    assert slept == [0.05]


def test_a_stream_of_rows_is_let_gather(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    run(Stage("s", Steps(Step(done=runner._STREAM, more=True), Step(done=1, more=True)), pause=0.05))
    assert slept == [0.05 * runner._GATHER, 0.05]


def test_a_stream_is_let_gather_too_while_the_next_row_is_due_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float | None] = []

    def wait(self: threading.Event, timeout: float | None = None) -> bool:
        waited.append(timeout)
        return False

    monkeypatch.setattr(threading.Event, "wait", wait)
    run(Stage("s", Steps(Step(done=runner._STREAM, next_in=0.0), Step(done=1, next_in=0.0)), pause=0.05))
    assert waited[:2] == [0.05 * runner._GATHER, 0.05]
