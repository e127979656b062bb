"""The command line of the fault suite: `make faults`, or `python -m tests.faults`."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from smsbridge.demo.services import ServiceError
from tests.faults import bug_runs, report
from tests.faults.history import load
from tests.faults.judge import judge
from tests.faults.options import BLOWS, Bounds, Options, Shares
from tests.faults.run import run
from tests.faults.verdict import Verdict
from tests.load.kit import CACHE as BENCH_CACHE
from tests.load.servers import NotHere

CACHE = BENCH_CACHE.parent / "faults"
HELP = f"""\
Break everything that can break while messages are written, texted and answered, and judge what came of it.

Web, two workers and beat run as in production on a Postgres and a Redis of the run's own. The chat platform and the
SMS vendor are imitated over sockets; they misbehave, and record what they see. That record and one look at the rows
in the end decide whether every invariant held. See docs/fault-tests.md.

Blows: {", ".join(BLOWS)}.

The exit status is 1 when an invariant was broken, with a line for each case; with --bugs, when a bug was not caught.
The history of each run is kept as JSON in .cache/faults/.

Examples:
  make faults                                  2,000 messages, about three minutes
  make faults ARGS="--seed 7 --runs 5"         five runs, with the seeds 7 to 11
  make faults ARGS="--messages 200 --every 0"  faults of platform and vendor only
  make faults ARGS="--bugs"                    every deliberate bug, each of which must be caught
  make faults ARGS="--bug resend-uncertain"    one of them
"""


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("make faults", description=HELP, formatter_class=argparse.RawTextHelpFormatter)
    whole, bounds, shares = Options(), Bounds(), Shares()
    parser.add_argument("--messages", type=int, default=whole.messages, metavar="N", help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="of the plan and its faults (random, and printed)")
    parser.add_argument("--runs", type=int, default=1, help="runs, each with the next seed (%(default)s)")
    parser.add_argument("--rate", type=float, default=whole.rate, help="messages per second (%(default)s)")
    parser.add_argument("--every", type=float, default=whole.every, help="seconds between blows, 0: none (%(default)s)")
    parser.add_argument("--blows", default="", metavar="KINDS", help="which, by comma (all)")
    parser.add_argument("--vendor-faults", type=float, default=shares.vendor_faults, help="share (%(default)s)")
    parser.add_argument("--platform-faults", type=float, default=shares.platform_faults, help="share (%(default)s)")
    parser.add_argument("--digest", choices=["on", "off"], help="several messages in one SMS (the seed decides)")
    parser.add_argument("--p99", type=float, default=bounds.lateness_p99, help="bound of lateness, s (%(default)s)")
    parser.add_argument("--healthy", type=float, default=bounds.healthy_within, help="bound of recovery (%(default)s)")
    parser.add_argument("--settle", type=float, default=bounds.settle, help="patience in the end, s (%(default)s)")
    parser.add_argument("--bug", default="", help="a deliberate bug, by name: " + ", ".join(bug_runs.BUGS))
    parser.add_argument("--judge", default="", metavar="FILE", help="no run: judge a history that was stored")
    parser.add_argument("--control", action="store_true", help="the runs of --bugs without the bugs: none may be seen")
    parser.add_argument("--bugs", action="store_true", help="all deliberate bugs, with the runs that show them")
    given = parser.parse_args(words)
    if given.bug and given.bug not in bug_runs.BUGS:
        parser.error(f"unknown bug {given.bug!r}: choose from {', '.join(bug_runs.BUGS)}")
    if unknown := set(_kinds(given)) - set(BLOWS):
        parser.error(f"unknown blow {', '.join(sorted(unknown))}: choose from {', '.join(BLOWS)}")
    if given.messages < 1 or given.rate <= 0 or given.runs < 1:
        parser.error("--messages, --rate and --runs must be above 0")
    given.seed = int(time.time()) % 100_000 if given.seed is None else given.seed
    return given


def _kinds(given: argparse.Namespace) -> tuple[str, ...]:
    return tuple(kind.strip() for kind in given.blows.split(",") if kind.strip()) or tuple(BLOWS)


def options_of(given: argparse.Namespace) -> Options:
    """The options of the first run."""
    return Options(
        messages=given.messages,
        seed=given.seed,
        rate=given.rate,
        every=given.every,
        blows=_kinds(given),
        digest=None if given.digest is None else given.digest == "on",
        shares=replace(Shares(), vendor_faults=given.vendor_faults, platform_faults=given.platform_faults),
        bounds=replace(Bounds(), lateness_p99=given.p99, healthy_within=given.healthy, settle=given.settle),
    )


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 (a command's output)


def one_run(options: Options) -> Verdict:
    """Run, judge, say what broke."""
    begun = time.monotonic()
    say(f"Seed {options.seed}{f', bug {options.bug}' if options.bug else ''} ...")
    history = run(options, lambda line: say(f"  {line}"))
    history.store(CACHE / f"{options.bug or 'run'}-{options.seed}.json")
    verdict = judge(history, options.bounds)
    say(f"  {time.monotonic() - begun:.0f} s. {report.judgement(verdict)}")
    return verdict


def runs(given: argparse.Namespace) -> int:
    first = options_of(given)
    verdicts = {}
    for seed in range(first.seed, first.seed + given.runs):
        verdicts[f"seed {seed}"] = one_run(replace(first, seed=seed))
    say(f"\n{report.table(verdicts)}")
    broken = [title for title, verdict in verdicts.items() if verdict.violations]
    say(f"\nBroken: {', '.join(broken)}." if broken else "\nEvery invariant held.")
    return 1 if broken else 0


def bugs(names: Sequence[str]) -> int:
    """Each bug under the circumstances that bring it out. 1 when the judge missed one."""
    rows, missed = [], []
    for name in names:
        bug = bug_runs.BUGS[name]
        verdict = one_run(bug.options)
        rows.append((name, bug.words, verdict))
        if not bug.caught_by & verdict.invariants:
            missed.append(name)
    say(f"\n{report.bug_table(rows)}")
    say(f"\nNot caught as expected: {', '.join(missed)}." if missed else f"\nAll {len(rows)} were caught.")
    return 1 if missed else 0


def again(path: str) -> int:
    """Judge a history that was stored."""
    try:
        history = load(Path(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotHere(f"{path} holds no history that can be read: name a file of {CACHE}. ({error})") from error
    verdict = judge(history, Bounds())
    say(f"{report.table({Path(path).stem: verdict})}\n\n{report.judgement(verdict)}")
    return 1 if verdict.violations else 0


def control(names: Sequence[str]) -> int:
    """The same circumstances without the bug. 1 when the judge sees one all the same."""
    seen = []
    for name in names:
        bug = bug_runs.BUGS[name]
        say(f"Without {name}:")
        if bug.caught_by & one_run(replace(bug.options, bug="")).invariants:
            seen.append(name)
    say(f"\nSeen where there is none: {', '.join(seen)}." if seen else "\nNone was seen where there is none.")
    return 1 if seen else 0


def main() -> int:
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is stopped
    try:
        if given.judge:
            return again(given.judge)
        names = [given.bug] if given.bug else list(bug_runs.BUGS)
        if given.control:
            return control(names)
        if given.bugs or given.bug:
            return bugs(names)
        return runs(given)
    except (NotHere, ServiceError) as error:
        say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
