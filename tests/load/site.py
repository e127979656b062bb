"""The program as in production, on loopback, for one run: database, web, workers and beat, by the Procfile."""

import os
import re
import shlex
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from smsbridge.demo.services import Redis, free_port
from tests.load import servers
from tests.load.usage import Meter
from tests.processes import ROOT, START_SECONDS, Program, healthy
from tests.waiting import eventually

APP_ID = "082d4684-0992-11e5-a6c0-1697f925ec7b"
WEBHOOK_SECRET = "bench secret"
SIGNATURE_SECRET = "bench-signature-secret"
NUMBERS = "+12025550001,+12025550002,+12025550003,+12025550004"


def environment(database: str, redis: str, upstream: str, port: int, prefix: str) -> dict[str, str]:
    """Settings of production; nothing of the caller's own configuration gets in."""
    ours = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    inherited = {name: value for name, value in os.environ.items() if name not in {*ours, "PROCESS_ROLE"}}
    return {
        **inherited,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "ENV_FILE": "",
        "PYTHONUNBUFFERED": "1",
        "DEBUG": "off",
        "SECRET_KEY": "for benchmarks only, it protects nothing but imitations of secrets",
        "ALLOWED_HOSTS": "127.0.0.1",
        "SSL_REDIRECT": "off",
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DATABASE_URL": database,
        "REDIS_URL": redis,
        "REDIS_KEY_PREFIX": prefix,
        "CHAT_PLATFORM": "layer",
        "LAYER_APP_ID": APP_ID,
        "LAYER_BEARER_TOKEN": "bench-token",
        "LAYER_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "LAYER_API_URL": upstream,
        "SMS_VENDOR": "vonage",
        "VONAGE_API_KEY": "bench",
        "VONAGE_API_SECRET": "bench",
        "VONAGE_SIGNATURE_SECRET": SIGNATURE_SECRET,
        "VONAGE_SIGNATURE_METHOD": "sha256",
        "VONAGE_REST_URL": upstream,
        "VONAGE_API_URL": upstream,
        "SMS_NUMBERS": NUMBERS,
        "SMS_DIGEST": "off",
        "IDENTITY_CACHE": "0",
        "NOTIFY_DELAY": "2 seconds",
    }


def procfile(name: str, variables: dict[str, str]) -> list[str]:
    """The Procfile's command for a process, listening on loopback only."""
    line = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())[name]
    filled = re.sub(r"\$\{(\w+):-(\w*)\}", lambda match: variables.get(match[1]) or match[2], line)
    return shlex.split(filled.replace("0.0.0.0", "127.0.0.1"))  # noqa: S104 (it is taken out)


def manage(variables: dict[str, str], *arguments: str) -> None:
    """Run a command of manage.py. Raises NotHere with what it said when it fails."""
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise servers.NotHere(f"manage.py {arguments[0]} failed:\n{done.stdout}{done.stderr}")


class Site:
    """What runs, and how to reach it."""

    def __init__(self, variables: dict[str, str], postgres: Sequence[int], redis: Sequence[int]) -> None:
        self.variables, self._postgres, self._redis = variables, list(postgres), list(redis)
        self.chat_url = f"{variables['PUBLIC_URL']}/webhooks/chat/layer/"
        self.inbound_url = f"{variables['PUBLIC_URL']}/webhooks/sms/vonage/inbound/"
        self.webs: list[Program] = []
        self.workers: list[Program] = []
        self.beats: list[Program] = []

    def web(self) -> None:
        self.webs.append(self._start("web", procfile("web", self.variables), "Started worker"))
        if not eventually(lambda: healthy(self.variables["PUBLIC_URL"]), START_SECONDS):
            raise servers.NotHere(f"web does not answer. It said:\n{self.webs[-1].output}")

    def worker(self) -> None:
        name = f"bench-{uuid.uuid4().hex[:8]}@localhost"
        self.workers.append(self._start("worker", [*procfile("worker", self.variables), "-n", name], "ready."))

    def beat(self) -> None:
        self.beats.append(self._start("beat", [*procfile("beat", self.variables), "-l", "INFO"], "beat: Starting..."))

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        return servers.query(self.variables["DATABASE_URL"], statement)

    def count(self, statement: str) -> int:
        return int(self.query(statement)[0][0])

    def meter(self) -> Meter:
        roles = {"web": self.webs, "workers": self.workers, "beat": self.beats}
        ours = {role: [program.process.pid for program in programs] for role, programs in roles.items()}
        return Meter({**ours, "postgres": self._postgres, "redis": self._redis})

    def stop(self) -> None:
        for program in [*self.beats, *self.workers, *self.webs]:
            program.stop()

    def _start(self, name: str, command: list[str], ready: str) -> Program:
        program = Program(name, command, self.variables, ready)
        program.wait_ready()
        return program


class Ground:
    """The servers that all runs share, and a database with its tables made, to copy."""

    def __init__(self, postgres: servers.Postgres, redis: Redis, upstream: str) -> None:
        self.postgres, self.redis, self.upstream = postgres, redis, upstream
        self._template = ""

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Within the block, the tables exist in a database that each run copies."""
        with self.postgres.database() as url:
            manage(environment(url, self.redis.url, self.upstream, free_port(), "bench"), "migrate", "-v0")
            self._template = url.partition("?")[0].rpartition("/")[2]
            yield

    @contextmanager
    def site(self, *, workers: int = 2, **changes: str) -> Iterator[Site]:
        """The program on an empty database, set up; with no workers there is no beat either."""
        with self.postgres.database(self._template) as url, self.running(url, workers=workers, **changes) as site:
            yield site

    @contextmanager
    def running(self, database: str, *, workers: int = 2, **changes: str) -> Iterator[Site]:
        """The program on a database that has its tables."""
        prefix = f"bench-{uuid.uuid4().hex}"
        variables = {**environment(database, self.redis.url, self.upstream, free_port(), prefix), **changes}
        manage(variables, "setup")
        site = Site(variables, self.postgres.pids, [self.redis.process.pid] if self.redis.process else [])
        try:
            site.web()
            for _ in range(workers):
                site.worker()
            if workers:
                site.beat()
            yield site
        finally:
            site.stop()
            servers.forget(self.redis.url, prefix)
