"""Every deliberate bug, the circumstances that bring it out, and the invariant that must catch it."""

from dataclasses import dataclass, replace
from typing import Any

from tests.faults.options import Bounds, Options, Shares
from tests.faults.verdict import Invariant

#: Nothing fails by itself; each bug adds what it takes.
QUIET = Shares(vendor_faults=0, platform_faults=0, identity_faults=0)
LATER = ("429", "throttled")


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug in words, the run for it, and the invariants of which at least one must be reported."""

    words: str
    options: Options
    caught_by: frozenset[Invariant]


def _bug(words: str, *caught_by: Invariant, shares: Shares = QUIET, **options: Any) -> Bug:
    chosen = {"messages": 150, "rate": 15.0, "every": 0.0, "seed": 1, "digest": False, "probes": 8, **options}
    chosen.setdefault("bounds", Bounds(settle=20))
    return Bug(words, Options(shares=shares, **chosen), frozenset(caught_by))


def _named(bugs: dict[str, Bug]) -> dict[str, Bug]:
    return {name: replace(bug, options=replace(bug.options, bug=name)) for name, bug in bugs.items()}


BUGS = _named(
    {
        "resend-uncertain": _bug(
            "a send whose answer leaves it open is made again",
            Invariant.ONCE,
            shares=replace(QUIET, vendor_faults=0.3),
        ),
        "drop-throttled": _bug(
            "a text that the vendor refused for the moment counts as sent",
            Invariant.ONCE,
            shares=replace(QUIET, vendor_faults=0.3),
            vendor_faults=LATER,
        ),
        "send-untested": _bug(
            "what was read since it was composed is sent all the same",
            Invariant.READ,
            shares=replace(QUIET, vendor_faults=0.5, read_before_due=0.0, read_after_due=0.7),
            vendor_faults=LATER,
            bounds=Bounds(settle=60, reread=1.0),
        ),
        "ahead-of-inbox": _bug(
            "checks and sends do not wait for the inbox, which is slow",
            Invariant.READ,
            shares=replace(QUIET, read_before_due=0.6),
            environment=(("DRAIN_PAUSE_MS", "600"),),
        ),
        "clock-ahead": _bug("due times are compared with a clock that is an hour ahead", Invariant.EARLY),
        "due-late": _bug(
            "what is due is found 20 seconds later", Invariant.LATE, bounds=Bounds(settle=40, lateness_p99=10)
        ),
        "no-fence": _bug(
            "a worker whose claim ran out meanwhile stores its texts nevertheless", Invariant.ONCE, messages=250
        ),
        "answer-before-commit": _bug(
            "a delivery is answered 204 a second before it is committed",
            Invariant.ONCE,
            blows=("kill web",),
            every=2.0,
        ),
        "fresh-post-key": _bug(
            "each try to post a reply has an idempotency key of its own",
            Invariant.REPLY,
            shares=replace(QUIET, platform_faults=0.4, answered=0.5),
        ),
        "newest-conversation": _bug(
            "a reply goes to the conversation that the phone was told of last",
            Invariant.REPLY,
            shares=replace(QUIET, answered=0.5),
        ),
        "lease-twice": _bug("a number is handed out for a second conversation on the same phone", Invariant.LEASE),
        "any-number": _bug("a text leaves from whichever number of the pool comes first", Invariant.THREAD),
        "unsigned": _bug("signatures are not checked", Invariant.FORGED, shares=replace(QUIET, forged=0.3)),
        "no-sweep": _bug(
            "nobody looks for what a dead worker left, or what a lost ring told of",
            Invariant.PENDING,
            # Half of the sends take long, so that each kill meets some; no receipt and no probe's ring helps them.
            shares=replace(QUIET, vendor_faults=0.5, receipts=0.0),
            vendor_faults=("silence, accepted",),
            messages=240,
            blows=("kill worker",),
            every=4.0,
            probes=0,
        ),
        "slow-recovery": _bug(
            "after an outage of the database, deliveries are refused for a minute",
            Invariant.HEALTHY,
            blows=("kill postgres",),
            every=3.0,
            bounds=Bounds(settle=20, healthy_within=10),
            probes=60,
        ),
    }
)
