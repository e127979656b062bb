"""The program's own processes (web, worker, beat), started by a test on the test's database and a real Redis."""

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import requests
from celery import Celery

from smsbridge.demo.services import free_port
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 40.0
STOP_SECONDS = 20.0


class Program:
    """One running process. What it says is kept, and shown when a test fails while it runs."""

    running: ClassVar[list["Program"]] = []

    def __init__(
        self, name: str, command: Sequence[str], environment: dict[str, str], ready: str, python: str = sys.executable
    ) -> None:
        self.name, self.lines, self._ready_line = name, list[str](), ready
        self._heard, self._ended, self._asked = threading.Condition(), False, False
        self.process = subprocess.Popen(
            [python, "-m", *command],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        Program.running.append(self)
        threading.Thread(target=self._listen, name=f"output of {name}", daemon=True).start()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def _listen(self) -> None:
        for line in self.process.stdout or ():
            with self._heard:
                self.lines.append(line)
                self._heard.notify_all()
        with self._heard:
            self._ended = True
            self._heard.notify_all()

    def said(self, words: str, seconds: float = 15.0) -> bool:
        """Whether it has said these words, or does so before the time is over or it ends."""
        with self._heard:
            self._heard.wait_for(lambda: self._ended or words in self.output, seconds)
            return words in self.output

    def wait_ready(self) -> None:
        if not self.said(self._ready_line, START_SECONDS):
            self.kill()
            raise RuntimeError(f"{self.name} did not become ready. It said:\n{self.output}")

    def ask_to_end(self) -> None:
        """SIGTERM, but only one: Celery takes a second for the wish to end without finishing."""
        if not self._asked and self.process.poll() is None:
            self.process.terminate()
            self._asked = True

    def stop(self) -> int:
        """SIGTERM, and the exit status; it has 20 s to finish what it does before it is killed."""
        self.ask_to_end()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # it writes down where each of its threads stands
            self.said("most recent call first", 5.0)
            print(f"{self.name} did not end on SIGTERM. It said:\n{self.output[-8000:]}")  # noqa: T201 (pytest shows it)
            self.kill()
        return self._forget()

    def kill(self) -> int:
        """SIGKILL to it and to all that it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return self._forget()

    def _forget(self) -> int:
        if self in Program.running:
            Program.running.remove(self)
            with self._heard:
                self._heard.wait_for(lambda: self._ended, STOP_SECONDS)
        return self.process.returncode


def healthy(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=START_SECONDS).ok
    except requests.ConnectionError:
        return False


class Processes:
    """Starts web, worker and beat, each ready when its method returns. They share one Redis, database and public URL.

    Keyword arguments are further environment variables, such as CLAIM_SECONDS="2".
    """

    def __init__(self, database_url: str, redis_url: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._prefix = f"test-{uuid.uuid4().hex}"
        self._redis_url = redis_url
        inherited = {name: value for name, value in os.environ.items() if name != "CELERY_BROKER_URL"}
        own = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "REDIS_KEY_PREFIX": self._prefix}
        self.environment = {
            **inherited,
            **own,
            "PUBLIC_URL": self.url,
            "PYTHONUNBUFFERED": "1",
            "PYTHONFAULTHANDLER": "1",
        }
        self._programs: list[Program] = []

    def web(self, port: int | None = None, **environment: str) -> Program:
        """A web server at `url`, or at another port of the loopback interface."""
        port = port or self.port
        address = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--blocking-threads", "4"]
        command = ["granian", *address, "--no-ws", "config.wsgi:application"]
        program = self._start("web", command, environment, "Started worker")
        if not eventually(lambda: healthy(f"http://127.0.0.1:{port}"), START_SECONDS):  # it says so before it listens
            raise RuntimeError(f"web does not answer. It said:\n{program.output}")
        return program

    def worker(self, *, ready: str = "", **environment: str) -> Program:
        """A Celery worker with a pool of threads. `ready` is what it says then, if it cannot say that it is ready."""
        name = f"worker-{uuid.uuid4().hex[:8]}@localhost"
        command = ["celery", "-A", "config", "worker", "--pool=threads", "--concurrency=6", "-n", name, "-l", "INFO"]
        command += ["--without-gossip", "--without-mingle"]
        return self._start("worker", command, environment, ready or f"{name} ready.")

    def beat(self, **environment: str) -> Program:
        return self._start("beat", ["celery", "-A", "config", "beat", "-l", "INFO"], environment, "beat: Starting...")

    def manage(self, *arguments: str, ready: str, **environment: str) -> Program:
        """A command that goes on for ever. `ready` is what it says when it is."""
        return self._start(arguments[0], ["manage", *arguments], environment, ready)

    @property
    def output(self) -> str:
        """All that they have said, also those that ended."""
        return "".join(program.output for program in self._programs)

    def celery(self) -> Celery:
        """A Celery application on the same broker, to ring or to ask the workers from a test."""
        app = Celery("tests", set_as_current=False)
        # Both by name: CELERY_BROKER_URL of this process, which is another, would win over `broker`.
        app.conf.update(
            broker_read_url=self._redis_url,
            broker_write_url=self._redis_url,
            broker_transport_options={"global_keyprefix": f"{self._prefix}:"},
        )
        return app

    def stop(self) -> None:
        for program in self._programs:  # all at once, and each has its time
            program.ask_to_end()
        for program in reversed(self._programs):
            program.stop()

    def _start(self, name: str, command: list[str], environment: dict[str, str], ready: str) -> Program:
        program = Program(name, command, {**self.environment, **environment}, ready)
        self._programs.append(program)
        program.wait_ready()
        return program


@contextmanager
def started(database_url: str, redis_url: str) -> Iterator[Processes]:
    """Processes that are all stopped at the end of the block."""
    processes = Processes(database_url, redis_url)
    try:
        yield processes
    finally:
        processes.stop()
