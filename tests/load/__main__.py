"""The command line of the benchmark: `make bench`, or `python -m tests.load`."""

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from smsbridge.demo.services import ServiceError
from tests.load import figures, servers
from tests.load.kit import CACHE, Kit, kit
from tests.load.measures import MEASURES, QUICK, Measured, Size
from tests.load.site import Ground

HELP = """\
Measure the program as in production on this machine: Postgres, Redis, web, two workers and beat on loopback.

Postgres is the one of DATABASE_URL (in a database of its own, dropped at the end), else one from its wheel, with its
default durability. Redis is the one of REDIS_URL, else the best to be had. Poster and imitated upstreams are the load
kit beside the project (../shared/load, or LOAD_KIT) where it is and gcc too, else our own in Python, which is slower.

Measures:
  ingest1, ingest2  webhooks acknowledged per second with 1 and 2 web processes, no worker running
  burst             10,000 messages at once, texted 2 s later
  steady            200 messages per second for 15 s: how late the texts are
  latency           as burst, with upstreams that take 50 ms
  replies           4,000 replies at once
  pending           bytes and memory per pending check, at 30,000 and 100,000
  kill              kill -9 of a worker in the middle: nothing lost, nothing doubled

Everything on the machine shares its cores, so a figure is a lower bound: the load of others is printed with each run.
The exit status is 0 when all runs came to their end, whether or not the figures reach their targets.

Examples:
  make bench                                everything, three times
  make bench ARGS="burst steady --times 5"  two measures, five times each
  make bench ARGS="--quick --times 1"       small numbers: whether it works, not how fast it is
"""


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("make bench", description=HELP, formatter_class=argparse.RawTextHelpFormatter)
    # Checked below, not by `choices`, which would refuse to be given nothing.
    parser.add_argument("measures", nargs="*", metavar="measure", help="which, by name (all)")
    parser.add_argument("--times", type=int, default=3, help="runs of each measure (3)")
    parser.add_argument("--quick", action="store_true", help="small numbers")
    parser.add_argument("--own-kit", action="store_true", help="our own poster and upstreams, whatever else is there")
    parser.add_argument("--nice", type=int, default=0, metavar="N", help="priority of all processes (0; below 0: root)")
    given = parser.parse_args(words)
    if unknown := set(given.measures) - set(MEASURES):
        parser.error(f"unknown measure {', '.join(sorted(unknown))}: choose from {', '.join(MEASURES)}")
    given.measures = given.measures or list(MEASURES)
    return given


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 (a command's output)


def run_all(ground: Ground, kit: Kit, given: argparse.Namespace) -> list[dict[str, Any]]:
    """All measures in turn, and that as often as wished: what disturbs for a while then disturbs no measure alone."""
    size, runs = QUICK if given.quick else Size(), []
    for turn in range(1, given.times + 1):
        for name in given.measures:
            load = os.getloadavg()[0]
            say(f"{name}, run {turn} of {given.times} (load average {load:.2f}) ...")
            begun = time.monotonic()
            measured = MEASURES[name](ground, kit, size)
            runs.append({"measure": name, "load": load, "values": measured.values, "report": measured.report})
            say(f"  {told(measured)} [{time.monotonic() - begun:.0f} s]")
    return runs


def told(measured: Measured) -> str:
    return ", ".join(f"{name} {figures.number(value)}" for name, value in measured.values.items())


def conclude(facts: dict[str, Any], runs: list[dict[str, Any]]) -> None:
    """Print the table, and store everything as JSON."""
    by_measure = defaultdict(list)
    for run in runs:
        by_measure[run["measure"]].append(run["values"])
    path = CACHE / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}.json"
    path.write_text(json.dumps({**facts, "runs": runs}, indent=1))
    say(f"\n{figures.table(by_measure)}\nEvery run is in {path}.")


def main() -> int:
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is stopped and dropped
    os.nice(given.nice)
    try:
        with (
            kit(own_one=given.own_kit) as posting,
            servers.redis() as redis,
            servers.postgres(os.environ.get("DATABASE_URL", "")) as postgres,
        ):
            facts = {
                "date": datetime.now(UTC).isoformat(timespec="seconds"),
                "cores": os.cpu_count(),
                "python": platform.python_version(),
                "kit": posting.name,
                "redis": redis.name,
                "postgres": f"{postgres.name}: {postgres.settings}",
                "options": vars(given),
            }
            say("\n".join(f"{name}: {value}" for name, value in facts.items()))
            ground = Ground(postgres, redis, posting.upstream)
            with ground.prepared():
                runs = run_all(ground, posting, given)
            conclude(facts, runs)
    except (servers.NotHere, ServiceError, RuntimeError) as error:
        say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
