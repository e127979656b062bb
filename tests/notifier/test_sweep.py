"""The sweep: whatever is due is rung, whoever forgot to; claims that ran out are mended."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from notifier import stages, worker
from notifier.models import InboxEvent, ListenedEvent, Message, ReceiptCheck
from notifier.sql import database_now
from tests.factories import body_of, deliver, drain, layer_event, listening_hook, receipts_hook
from tests.notifier.listeners import Rings
from tests.processes import Processes
from tests.waiting import eventually

pytestmark = pytest.mark.django_db


def _waiting_event() -> None:
    InboxEvent.objects.create(hook=receipts_hook(), key="1", body=body_of(layer_event()))


def test_with_nothing_due_nothing_is_rung(rings: Rings) -> None:
    assert stages.sweep() == []
    assert rings.rung == []


def test_an_undrained_event_is_rung_for(rings: Rings) -> None:
    _waiting_event()
    assert stages.sweep() == ["drain"]
    assert rings.stages == ["drain"]


def test_a_failed_event_is_not(rings: Rings) -> None:
    _waiting_event()
    InboxEvent.objects.update(state=InboxEvent.State.FAILED)
    assert stages.sweep() == []


@pytest.mark.parametrize(("ahead", "rung"), [(-60, ["check"]), (3, ["check"]), (60, [])])
def test_a_check_is_rung_for_up_to_the_next_sweep(client: Client, settings: Any, ahead: int, rung: list[str]) -> None:
    settings.SWEEP_SECONDS = 5.0
    deliver(client, receipts_hook(), layer_event())
    drain()
    ReceiptCheck.objects.update(due_at=database_now() + timedelta(seconds=ahead))
    assert stages.sweep() == rung


def test_a_check_that_was_given_up_is_not(client: Client) -> None:
    deliver(client, receipts_hook(), layer_event())
    drain()
    ReceiptCheck.objects.update(due_at=None)
    assert stages.sweep() == []


def test_an_event_for_a_listener_is_rung_for(client: Client) -> None:
    deliver(client, listening_hook(), layer_event())
    drain()
    assert stages.sweep() == ["listen"]
    ListenedEvent.objects.update(state="dead")
    assert stages.sweep() == []


def test_repairs_come_first_and_one_that_fails_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def fails() -> None:
        done.append("fails")
        raise ValueError

    monkeypatch.setattr(stages, "REPAIRS", [fails, lambda: done.append("works"), _waiting_event])
    assert stages.sweep() == ["drain"]
    assert done == ["fails", "works"]


def test_a_stage_is_run_by_its_name(client: Client, settings: Any) -> None:
    settings.LINGER_MS = settings.DRAIN_PAUSE_MS = 0
    deliver(client, receipts_hook(), layer_event())
    assert stages.run("drain") == 1


def test_a_sweep_that_fails_does_not_end_the_workers_clock(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.SWEEP_SECONDS = 0.0
    tried: list[int] = []

    def sweep(ring: object) -> None:
        tried.append(1)
        if len(tried) == 3:
            worker._stop.set()
        raise ConnectionError

    monkeypatch.setattr(stages, "sweep", sweep)
    monkeypatch.setattr(connections, "close_all", lambda: None)
    worker._sweep_for_ever()
    worker._stop.clear()
    assert len(tried) == 3


# With a real worker, which nobody rings


def test_a_worker_looks_at_its_start(processes: Processes) -> None:
    _waiting_event()
    processes.worker(SWEEP_SECONDS="3600")
    assert eventually(Message.objects.exists)


def test_a_worker_looks_by_itself_without_beat_and_without_a_ring(processes: Processes) -> None:
    processes.worker(SWEEP_SECONDS="0.5")
    _waiting_event()
    assert eventually(Message.objects.exists)


def test_beat_makes_a_worker_look(processes: Processes) -> None:
    program = processes.worker(SWEEP_SECONDS="3600", LOG_LEVEL="debug")
    processes.beat(SWEEP_SECONDS="0.5")
    assert eventually(lambda: program.output.count("Task notifier.tasks.sweep") >= 4), program.output
    _waiting_event()  # its own clock came at its start and will not come again in this hour
    assert eventually(Message.objects.exists)
