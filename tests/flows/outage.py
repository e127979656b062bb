"""Measure what it costs when Redis, Postgres or a worker goes away: `python -m tests.flows.outage`, and some by name:

  latency   how long webhooks and the admin's pages take while Redis is there, killed, and frozen
  held      whether a worker that holds delayed tasks lives through it, and how soon it hears the bell again
  leaving   how soon a worker ends that is told to while Redis is away
  database  how soon all works again once Postgres is back
  kills     kill -9 of a worker, again and again: how soon after its start its successor works

Postgres comes from its wheel, Redis from the PATH or its wheel. Versions are those of the Python that runs it, so
another virtual environment measures another Celery. docs/when-redis-is-away.md has the figures.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.flows.ground import PATIENCE, ground, own_database, say, since, waited

if TYPE_CHECKING:
    from tests.flows.broker import Away, Broker
    from tests.flows.callers import Caller
    from tests.flows.deployment import Deployment
    from tests.flows.town import Town
    from tests.processes import Program

CALLS = 300
FRESH = 3
OUTAGES = [("killed", 0.0), ("killed", 6.0), ("killed", 40.0), ("frozen", 6.0), ("frozen", 40.0)]
HELD = 15
KILLS = 36


# Latency


def latency() -> None:
    from tests.flows.callers import Caller

    with ground() as (here, broker):
        here.processes.worker()
        calls = Caller(here)
        calls.operator()
        calls.round(20)  # connections and caches are warm
        states: list[tuple[str, Away]] = [("there", nullcontext), ("killed", broker.killed), ("frozen", broker.frozen)]
        for state, away in states:
            with away():
                say(f"Redis {state}, ms: {spread(calls.round(CALLS))}; pages {pages(calls)}")
                say(f"  the very first calls to web processes started meanwhile, ms: {first_calls(here)}")


def spread(times: dict[str, list[float]]) -> str:
    told = []
    for what, taken in times.items():
        ordered = sorted(taken)
        p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
        told.append(f"{what} p50 {p50:.1f} p99 {p99:.1f} max {ordered[-1]:.1f}")
    return ", ".join(told)


def pages(calls: "Caller") -> str:
    return ", ".join(f"{name} {taken:.0f}" for name, taken in calls.pages().items())


def first_calls(here: "Town") -> str:
    """A chat event first in some of them, a text first in others."""
    from tests.flows.callers import Caller

    told = []
    for what in ("chat", "sms") * FRESH:
        with Caller.fresh(here) as calls:
            told.append(f"{what} {calls.call(what):.0f}")
    return ", ".join(told)


# Held tasks


def held() -> None:
    for how, seconds in OUTAGES:
        with ground(SWEEP_SECONDS="3600") as (here, broker):
            say(f"{HELD} tasks held, Redis {how} for {seconds:g} s: {survives(here, broker, how, seconds)}")


def survives(here: "Town", broker: "Broker", how: str, seconds: float) -> str:
    """Only rings lead to work here: the timer is an hour off, and there is no beat."""
    from tests.flows.callers import Caller
    from tests.flows.rings import drained, hold

    calls, worker = Caller(here), here.processes.worker()
    hold(here.processes.celery(), HELD)
    with getattr(broker, how)():
        calls.call("chat")
        time.sleep(seconds)
    begun = time.monotonic()
    if not waited(lambda: drained() or worker.process.poll() is not None) or not drained():
        return ended(worker) or f"LIVES, BUT HEARS NOTHING for {PATIENCE:g} s: {worker.output[-1500:]}"
    first, begun = time.monotonic() - begun, time.monotonic()
    calls.call("chat")
    if not waited(drained, 10):
        return ended(worker) or f"HEARD ONCE, after {first:.1f} s, and never again: {worker.output[-1500:]}"
    second, begun = time.monotonic() - begun, time.monotonic()
    status = worker.stop()
    return f"lives; work after {first:.1f} s, then after {second:.2f} s; ends with {status} in {since(begun)}"


def ended(worker: "Program") -> str:
    """How it died, in its own last words; nothing if it did not."""
    if worker.process.poll() is None:
        return ""
    said = [line for line in worker.output.splitlines() if "Error" in line or "error" in line]
    return f"DIED with {worker.process.returncode}: {' '.join(said[-2:])[-300:]}"


def leaving() -> None:
    for how in ("killed", "frozen"):
        with ground() as (here, broker):
            worker = here.processes.worker()
            time.sleep(2)
            with getattr(broker, how)():
                begun = time.monotonic()
                worker.ask_to_end()
                with suppress(subprocess.TimeoutExpired):
                    worker.process.wait(PATIENCE)
                say(f"Redis {how}: a worker that is told to go has status {worker.process.poll()} after {since(begun)}")


# Postgres


def database_away() -> None:
    from django.db import connections

    from tests.databases import url_of
    from tests.flows.broker import Broker
    from tests.flows.deployment import deployed
    from tests.flows.line import Line

    line = Line(connections["default"].settings_dict["HOST"], "")
    url = url_of(line.leading_to(connections["default"].settings_dict))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        stack.callback(line.close)
        broker = Broker(Path(folder))
        stack.callback(broker.stop)
        there = stack.enter_context(deployed(url, broker.url))
        for seconds in (1, 10, 40):
            with line.cut():
                refused = 1000 * there.answer("Meanwhile").elapsed.total_seconds()
                time.sleep(seconds)
            say(f"Postgres away for {seconds} s: 503 in {refused:.0f} ms; then {back(there, f'After {seconds}')}")


def back(there: "Deployment", text: str) -> str:
    begun = time.monotonic()
    waited(lambda: there.deliver(text) == 204)
    taken = since(begun)
    waited(lambda: f"Ann: {text}" in there.vendor.texts)
    return f"204 after {taken}, texted after {since(begun)}, processes live: {there.lives}"


# Kills


def kills() -> None:
    clockless = {"EXTRA_APPS": "tests.flows.no_clock"}
    ways: list[tuple[str, bool, dict[str, str]]] = [
        ("beat and timer", True, {}),
        ("timer alone", False, {}),
        ("beat alone", True, clockless),
    ]
    for name, beat, variables in ways:
        with ground(SWEEP_SECONDS="1", CLAIM_SECONDS="2", **variables) as (here, broker):
            if beat:
                here.processes.beat()
            taken = [one_kill(here, broker) for _ in range(KILLS // len(ways))]
            say(f"{name}, s from ready to first work, due before: {listed(taken)}")


def listed(taken: list[float]) -> str:
    return " ".join(f"{one:.2f}" for one in sorted(taken))


def one_kill(here: "Town", broker: "Broker") -> float:
    """A worker dies in the middle of its work, and the rings are lost with it; how soon its successor works."""
    from tests.flows.callers import Caller
    from tests.flows.rings import drained

    worker, calls = here.processes.worker(), Caller(here)
    for _ in range(5):
        calls.call("chat")
    worker.kill()
    calls.call("chat")
    time.sleep(0.2)  # the bell has rung
    broker.flush()
    worker = here.processes.worker()
    begun = time.monotonic()  # it took two seconds, most of them to read the code
    assert waited(drained), worker.output
    taken = time.monotonic() - begun
    worker.kill()
    return taken


MEASURES: dict[str, Callable[[], None]] = {
    "latency": latency,
    "held": held,
    "leaving": leaving,
    "database": database_away,
    "kills": kills,
}


def main(names: list[str]) -> Any:
    if unknown := set(names) - set(MEASURES):
        return f"{', '.join(sorted(unknown))}: unknown. There are {', '.join(MEASURES)}."
    say(json.dumps({name: version(name) for name in ("celery", "kombu", "redis")}))
    with own_database():
        for name in names or MEASURES:
            MEASURES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
