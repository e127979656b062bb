"""Workers' signs of life: what they write, when they knock, and what the command and `doctor` make of it."""

import time
from datetime import timedelta
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from celery.utils.nodenames import gethostname
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from notifier.management.commands import worker_alive
from notifier.models import Heartbeat
from notifier.services import heartbeats
from notifier.services.findings import Level
from notifier.services.heartbeats import Heart, State, worker_findings, workers
from notifier.services.readiness import Check

pytestmark = pytest.mark.django_db

HERE = gethostname()


class Knocks:
    def __init__(self) -> None:
        self.rung = 0

    def ring(self, task: str) -> None:
        self.rung += 1


class Clock:
    """This process's monotonic clock, to be moved; the database keeps its own."""

    def __init__(self) -> None:
        self._now = 1000.0

    def monotonic(self) -> float:
        return self._now

    def shift(self, seconds: float) -> None:
        self._now += seconds


@pytest.fixture
def clock(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Clock:
    settings.WORKER_SILENT_SECONDS = 60.0
    clock = Clock()
    monkeypatch.setattr(heartbeats, "time", clock)
    return clock


@pytest.fixture
def knocks() -> Knocks:
    return Knocks()


@pytest.fixture
def heart(clock: Clock, knocks: Knocks) -> Heart:
    heart = Heart("one@host")
    heart._bell = knocks  # type: ignore[assignment]
    heart.begin()
    return heart


def sign(worker: str, *, seen: float = 0.0, heard: float | None = None) -> None:
    now = timezone.now()
    consumed = None if heard is None else now - timedelta(seconds=heard)
    started, seen_at = now - timedelta(hours=1), now - timedelta(seconds=seen)
    Heartbeat.objects.create(worker=worker, started_at=started, seen_at=seen_at, consumed_at=consumed)


def test_a_worker_begins_beats_and_says_goodbye(heart: Heart) -> None:
    first = Heartbeat.objects.get().seen_at
    heart.beat()
    row = Heartbeat.objects.get()
    assert row.seen_at >= first
    assert row.consumed_at is None
    heart.hear()
    heart.beat()
    assert Heartbeat.objects.get().consumed_at is not None
    heart.end()
    assert not Heartbeat.objects.exists()


def test_a_new_process_takes_the_place_of_an_earlier_one_of_its_name(heart: Heart) -> None:
    Heartbeat.objects.update(started_at=timezone.now() - timedelta(days=1), consumed_at=timezone.now())
    Heart("one@host").begin()
    row = Heartbeat.objects.get()
    assert row.started_at == row.seen_at
    assert row.consumed_at is None


def test_a_sign_that_was_removed_is_given_anew(heart: Heart) -> None:
    Heartbeat.objects.all().delete()
    heart.beat()
    assert [one.name for one in workers()] == ["one@host"]


def test_workers_of_days_ago_are_forgotten(heart: Heart) -> None:
    sign("old@host", seen=100_000)
    heart.begin()
    assert [row.worker for row in Heartbeat.objects.all()] == ["one@host"]


def test_a_worker_that_heard_something_lately_does_not_knock(heart: Heart, knocks: Knocks, clock: Clock) -> None:
    clock.shift(10)
    heart.beat()
    clock.shift(20)
    heart.hear()
    heart.beat()
    assert knocks.rung == 0
    clock.shift(15)
    heart.beat()
    assert knocks.rung == 1


def test_a_silent_worker_knocks_twice_per_worker_and_then_more_and_more_rarely(
    heart: Heart, knocks: Knocks, clock: Clock
) -> None:
    sign("two@host")
    at = []
    for second in range(5, 905, 5):
        clock.shift(5)
        before = knocks.rung
        heart.beat()
        if knocks.rung > before:
            at.append(second)
    assert at[:5] == [15, 30, 45, 60, 75]
    assert heart._knocks == 4
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert gaps == sorted(gaps)
    assert gaps[-1] == 60


def test_a_knock_is_a_task_for_anybody_which_goes_stale(
    heart: Heart, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    sent: list[tuple[str, dict[str, Any]]] = []
    send = "notifier.services.heartbeats.current_app.send_task"
    monkeypatch.setattr(send, lambda name, **options: sent.append((name, options)))
    heart._knocks = 2
    heart._knock(heartbeats.TASK, countdown=0.0)
    assert sent == [("notifier.tasks.hear", {"expires": 60.0})] * 2


def test_doctor_tells_deaf_and_vanished_workers(settings: Any) -> None:
    settings.WORKER_SILENT_SECONDS = 60.0
    assert list(worker_findings()) == []
    sign("working@host", heard=5)
    sign("deaf@host", heard=61)
    sign("gone@host", seen=61, heard=61)
    found = {finding.level: finding.what for finding in worker_findings()}
    assert "deaf@host" in found[Level.WRONG]
    assert "gone@host" in found[Level.NOTE]
    assert found[Level.GOOD].endswith(": 1.")


# The command for a machine's own probe


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> list[Check]:
    """What the broker is found to be."""
    found = [Check(True)]
    monkeypatch.setattr(worker_alive, "ask_broker", lambda: found[0])
    return found


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("worker_alive", *arguments, stdout=out)
    return out.getvalue()


def test_a_worker_of_this_machine_is_enough(broker: list[Check]) -> None:
    sign(f"one@{HERE}", seen=500, heard=500)
    with pytest.raises(CommandError, match="no sign"):
        said()
    sign("celery@elsewhere", heard=1)
    with pytest.raises(CommandError, match="no sign"):
        said()
    sign(f"two@{HERE}", heard=1)
    assert said() == "Alive.\n"


def test_one_of_several_may_be_asked_for(broker: list[Check]) -> None:
    sign(f"one@{HERE}", heard=1)
    assert said("--worker", f"one@{HERE}") == "Alive.\n"
    with pytest.raises(CommandError, match=f"two@{HERE}"):
        said("--worker", f"two@{HERE}")


def test_how_old_a_sign_may_be_can_be_told(broker: list[Check]) -> None:
    sign(f"one@{HERE}", seen=90, heard=90)
    assert said("--within", "2 minutes") == "Alive.\n"
    with pytest.raises(CommandError, match="no sign"):
        said("--within", "80 s")
    with pytest.raises(CommandError, match="--within cannot be used"):
        said("--within", "soon")


def test_a_deaf_worker_is_to_be_restarted_unless_the_broker_is_to_blame(broker: list[Check]) -> None:
    sign(f"one@{HERE}", heard=90)
    with pytest.raises(CommandError, match="takes nothing from the broker"):
        said()
    broker[0] = Check(False)
    assert "as the broker does not answer" in said()


def test_without_the_database_nothing_is_told_and_nothing_restarted(
    monkeypatch: pytest.MonkeyPatch, broker: list[Check]
) -> None:
    def fails() -> None:
        raise OperationalError

    monkeypatch.setattr(worker_alive, "workers", fails)
    assert "nothing can be told" in said()


def test_a_sign_is_only_given_while_the_clock_turns(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    from notifier import worker

    monkeypatch.setattr(worker, "_turned_at", time.monotonic())
    assert worker.turns()
    monkeypatch.setattr(worker, "_turned_at", time.monotonic() - settings.SWEEP_SECONDS - 61)
    assert not worker.turns()


def test_states_are_told_by_what_is_fresh() -> None:
    assert heartbeats.Worker("one", 10, 10).state(60) is State.WORKING
    assert heartbeats.Worker("one", 10, 61).state(60) is State.DEAF
    assert heartbeats.Worker("one", 61, 61).state(60) is State.GONE
