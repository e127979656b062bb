"""Whoever posts the webhooks and plays the two upstreams: the load kit beside the project, else our own in Python."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import requests

from smsbridge.demo.services import free_port, stop
from tests.load import own
from tests.load.servers import NotHere
from tests.load.site import SIGNATURE_SECRET, WEBHOOK_SECRET
from tests.processes import ROOT
from tests.waiting import eventually

SCRIPT = Path(os.environ.get("LOAD_KIT") or ROOT.parent / "shared" / "load") / "bench.py"
CACHE = ROOT / ".cache" / "bench"
Result = dict[str, Any]


class Kit(Protocol):
    """Posts, plays the upstreams at `upstream`, and judges what came of it. Durations are seconds, rates per second."""

    name: str
    upstream: str

    def ingest(self, url: str, *, n: int, first: int = 0, users: int = 1000) -> Result:
        """Post signed deliveries, 32 at a time: `per_s`, `p50_ms`, `p99_ms`, `ok`."""

    def e2e(
        self, url: str, *, n: int, delay: float, rate: float = 0, latency_ms: int = 0, quiet: float = 8, shock: str = ""
    ) -> Result:
        """Post, wait for the texts, compare. `shock` is a shell command for when 30 % of them are out."""

    def inbound(self, url: str, *, n: int) -> Result:
        """Reply to the texts of the e2e before, signed as Vonage does, and compare with what is posted."""


class SharedKit:
    """The kit beside the project: a poster and an upstream in C, which take next to nothing of the machine."""

    def __init__(self, port: int) -> None:
        self.name, self.upstream = "the load kit (C)", f"http://127.0.0.1:{port}"

    def ingest(self, url: str, *, n: int, first: int = 0, users: int = 1000) -> Result:
        return self._run("ingest", url, n=n, first=first, users=users)

    def e2e(
        self, url: str, *, n: int, delay: float, rate: float = 0, latency_ms: int = 0, quiet: float = 8, shock: str = ""
    ) -> Result:
        more = {"shock": shock} if shock else {}
        return self._run("e2e", url, n=n, delay=delay, rate=rate, latency_ms=latency_ms, quiet=quiet, **more)

    def inbound(self, url: str, *, n: int) -> Result:
        return self._run("inbound", url, n=n, first=100_000, style="get", sig_secret=SIGNATURE_SECRET, sig="sha256")

    def _run(self, measure: str, url: str, **options: object) -> Result:
        told = {"url": url, "fake": self.upstream, "secret": WEBHOOK_SECRET, **options}
        words = [word for name, value in told.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        done = subprocess.run(
            [sys.executable, str(SCRIPT), measure, *words], env=kit_environment(), capture_output=True, text=True
        )
        if done.returncode:
            raise NotHere(f"The load kit could not measure {measure}:\n{done.stderr}")
        return dict(json.loads(done.stdout))


def kit_environment() -> dict[str, str]:
    return {**os.environ, "BENCH_BIN": str(CACHE / "kit")}


def stats(kit: Kit) -> dict[str, int]:
    """How many calls of each kind the upstream has had since the last e2e began."""
    return dict(requests.get(f"{kit.upstream}/_stats", timeout=10).json())


def texted(kit: Kit) -> list[int]:
    """The token of each text that the upstream has on record, once per text."""
    lines = requests.get(f"{kit.upstream}/_dump", timeout=60).text.splitlines()
    return [int(line.split()[2]) for line in lines if line.startswith("S ")]


@contextmanager
def kit(*, own_one: bool = False) -> Iterator[Kit]:
    """The kit to measure with, its upstream running for as long as the block lasts."""
    port = free_port()
    shared = SCRIPT.exists() and shutil.which("gcc") and not own_one
    program = [str(SCRIPT), "fake", "--port", str(port)] if shared else ["-m", "tests.load.upstream", str(port)]
    CACHE.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen([sys.executable, *program], cwd=ROOT, env=kit_environment())
    chosen: Kit = SharedKit(port) if shared else own.OwnKit(port)
    try:
        if not eventually(lambda: answers(chosen), 30):
            raise NotHere("The imitated upstream does not answer; what it said is above.")
        yield chosen
    finally:
        stop(process)


def answers(kit: Kit) -> bool:
    try:
        return bool(stats(kit))
    except requests.ConnectionError:
        return False
