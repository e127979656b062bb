"""Watched from outside: workers that stand still or are deaf, a broker and a database that hang, and what was done."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.db import connections
from django.db.models import F
from prometheus_client.parser import text_string_to_metric_families

from notifier.models import Heartbeat, Hook, Message
from smsbridge.demo.services import Redis, free_port
from tests import databases, factories
from tests.flows.broker import Broker
from tests.flows.line import Line
from tests.flows.town import Town, awaited
from tests.processes import Processes, started

pytestmark = pytest.mark.once  # it is about processes, which are the same on any database

TOKEN = "a-token-for-tests"
SILENT_SECONDS = 2.0
LIMITS = {"WORKER_SILENT_SECONDS": str(SILENT_SECONDS), "SWEEP_SECONDS": "0.5", "METRICS_TOKEN": TOKEN}


class Watched:
    """A web process and a worker, seen only by what their addresses and commands tell."""

    def __init__(self, processes: Processes, hook: Hook) -> None:
        self.processes, self.hook, self.url = processes, hook, processes.url
        self.web, self.worker = processes.web(), processes.worker()

    def figures(self) -> dict[str, dict[tuple[str, ...], float]]:
        answer = requests.get(f"{self.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20)
        answer.raise_for_status()
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
        return found

    def workers(self) -> dict[str, float]:
        """How many are in which state, without those in which none is."""
        return {state: count for (state,), count in self.figures()["smsbridge_workers"].items() if count}

    def alive(self) -> tuple[int, str]:
        """Exit status and words of the command that a container's probe would run beside the worker."""
        (name,) = Heartbeat.objects.values_list("worker", flat=True)
        command = Town(self.processes).manages("worker_alive", "--worker", name)
        said, _ = command.communicate(timeout=60)
        return command.returncode, said

    def deliver(self) -> None:
        body = factories.body_of(factories.layer_event())
        headers = {"Content-Type": "application/json", "layer-webhook-signature": factories.signature(body)}
        answer = requests.post(f"{self.url}/webhooks/chat/{self.hook.slug}/", data=body, headers=headers, timeout=20)
        assert answer.status_code == 204


def ready(url: str) -> tuple[int, dict[str, Any]]:
    """What /readyz tells, which must come within two seconds and the little that a busy machine adds."""
    began = time.monotonic()
    answer = requests.get(f"{url}/readyz", timeout=20)
    assert time.monotonic() - began < 2.5
    return answer.status_code, answer.json()


@pytest.fixture(scope="module")
def here(db: None, database_url: str, broker: Broker) -> Iterator[Watched]:
    with started(database_url, broker.url) as processes:
        processes.environment |= LIMITS
        yield Watched(processes, factories.receipts_hook())


def test_a_worker_that_nobody_rings_for_long_is_known_to_work(here: Watched) -> None:
    assert awaited(lambda: here.workers() == {"working": 1}, "the worker")
    # It knocks, as nobody else does: so its silence would mean something.
    long = timedelta(seconds=2 * SILENT_SECONDS)
    assert awaited(lambda: Heartbeat.objects.filter(consumed_at__gt=F("started_at") + long).exists(), "knocks")
    assert here.workers() == {"working": 1}
    assert awaited(lambda: ready(here.url)[1]["status"] == "ready", "all to be well")
    assert here.alive() == (0, "Alive.\n")


def test_a_worker_that_no_longer_consumes_is_told_although_its_clock_runs(here: Watched) -> None:
    control = here.processes.celery().control
    control.cancel_consumer("celery")
    assert awaited(lambda: here.workers() == {"deaf": 1}, "the worker to be told as deaf")
    (seen,) = here.figures()["smsbridge_worker_seen_seconds"].values()
    assert seen < SILENT_SECONDS
    status, said = here.alive()
    assert status == 1
    assert "takes nothing from the broker" in said
    control.add_consumer("celery")
    assert awaited(lambda: here.workers() == {"working": 1}, "the worker to hear again")


def test_a_worker_that_stands_still_is_told(here: Watched) -> None:
    here.worker.process.send_signal(signal.SIGSTOP)
    try:
        assert awaited(lambda: here.workers() == {"gone": 1}, "the worker to be told as gone")
    finally:
        here.worker.process.send_signal(signal.SIGCONT)
    assert awaited(lambda: here.workers() == {"working": 1}, "the worker to move again")


def test_while_redis_hangs_it_is_degraded_and_no_worker_is_to_be_restarted(here: Watched, broker: Broker) -> None:
    with broker.frozen():
        assert awaited(lambda: ready(here.url)[1]["status"] == "degraded", "it to be noticed")
        assert ready(here.url)[0] == 200
        assert awaited(lambda: here.workers() == {"deaf": 1}, "nothing to be heard")
        assert here.figures()["smsbridge_broker_up"] == {(): 0}
        status, said = here.alive()
        assert (status, "as the broker does not answer" in said) == (0, True), said
    assert awaited(lambda: ready(here.url)[1]["status"] == "ready", "all to be well")
    assert awaited(lambda: here.workers() == {"working": 1}, "the worker to hear again", 40)


def test_what_was_done_is_told_and_a_stopped_process_takes_no_count_along(here: Watched) -> None:
    here.deliver()
    assert awaited(Message.objects.exists, "the event to be merged")
    assert here.worker.stop() == 0
    assert not Heartbeat.objects.exists()  # it said goodbye
    assert here.web.stop() == 0
    here.web = here.processes.web()
    here.deliver()
    here.web.stop()
    here.web = here.processes.web()
    found = here.figures()
    assert found["smsbridge_deliveries_total"] == {("receipts", "accepted"): 2}
    assert found["smsbridge_events_drained_total"] == {(): 1}
    assert found["smsbridge_rows_waiting"][("drain",)] == 1


@contextmanager
def silence() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said, as by a server that is frozen."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield int(listener.getsockname()[1])


@pytest.mark.postgres
def test_a_database_that_hangs_or_is_away_makes_it_not_ready_in_time(
    db: None, database_url: str, redis_server: Redis
) -> None:
    settings = connections["default"].settings_dict
    line = Line(settings["HOST"], settings["PORT"])
    with started(databases.url_of(line.leading_to(settings)), redis_server.url) as processes, silence() as port:
        processes.web()
        assert ready(processes.url)[0] == 200
        with line.cut():
            assert awaited(lambda: ready(processes.url)[0] == 503, "it to be noticed")
        assert awaited(lambda: ready(processes.url)[0] == 200, "it to be back")
        hanging = free_port()
        processes.web(hanging, DATABASE_URL=f"postgres://nobody@127.0.0.1:{port}/nothing")
        hanging_url = f"http://127.0.0.1:{hanging}"
        for _ in range(3):
            status, told = ready(hanging_url)
            assert (status, told["checks"]["database"]["ok"]) == (503, False)
        assert awaited(lambda: ready(hanging_url)[1]["checks"]["broker"]["ok"], "the broker, which does not hang")
