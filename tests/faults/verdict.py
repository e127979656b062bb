"""What the judge says: which invariants were broken, by what, and how it went otherwise."""

from dataclasses import dataclass, field
from enum import IntEnum


class Invariant(IntEnum):
    """What must hold whatever fails, by number."""

    ONCE = 1
    READ = 2
    EARLY = 3
    THREAD = 4
    REPLY = 5
    FORGED = 6
    LEASE = 7
    PENDING = 8
    HEALTHY = 9
    LATE = 10


MEANINGS = {
    Invariant.ONCE: "one SMS, or a visible dead or uncertain row with a cause, per unread recipient with a phone",
    Invariant.READ: "no SMS about what was read, deleted or left behind in time",
    Invariant.EARLY: "no SMS before it is due",
    Invariant.THREAD: "on a phone, a number stands for one conversation, and back",
    Invariant.REPLY: "each acknowledged reply is posted once, in its place, by its author, unchanged",
    Invariant.FORGED: "what is forged is refused, and has no effect",
    Invariant.LEASE: "no two live leases share a phone and a number",
    Invariant.PENDING: "nothing is pending for ever",
    Invariant.HEALTHY: "healthy again within seconds after the last fault",
    Invariant.LATE: "lateness is bounded",
}


@dataclass(frozen=True, slots=True)
class Violation:
    invariant: Invariant
    words: str


@dataclass(slots=True)
class Verdict:
    """Violations, and figures by name (None: there is none) in the order in which they are to be shown."""

    violations: list[Violation] = field(default_factory=list)
    figures: dict[str, float | None] = field(default_factory=dict)

    def broken(self, invariant: Invariant, words: str) -> None:
        self.violations.append(Violation(invariant, words))

    def count(self, name: str) -> float:
        return self.figures.get(name) or 0

    @property
    def invariants(self) -> set[Invariant]:
        return {violation.invariant for violation in self.violations}


def percentile(values: list[float], share: float) -> float | None:
    """A percentile, rounded to hundredths."""
    ordered = sorted(values)
    return round(ordered[int((len(ordered) - 1) * share)], 2) if ordered else None
