"""What a run looks like to whoever ran it."""

from collections.abc import Mapping, Sequence

from tests.faults.verdict import MEANINGS, Verdict

MOST_LINES = 12  # of violations of one invariant


def table(columns: Mapping[str, Verdict]) -> str:
    """One line for each figure, one column for each run."""
    names = list(dict.fromkeys(name for verdict in columns.values() for name in verdict.figures))
    width = max(map(len, names), default=0)
    head = " " * width + "".join(f"{title:>12}" for title in columns)
    lines = [
        f"{name:<{width}}" + "".join(f"{_cell(verdict.figures.get(name)):>12}" for verdict in columns.values())
        for name in names
    ]
    return "\n".join([head, *lines])


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def judgement(verdict: Verdict) -> str:
    """A line for each violation below the invariant that it breaks; only the first ones where there are many."""
    if not verdict.violations:
        return "Every invariant held."
    lines = []
    for invariant in sorted(verdict.invariants):
        words = [violation.words for violation in verdict.violations if violation.invariant is invariant]
        lines.append(f"INVARIANT {invariant.value} BROKEN: {MEANINGS[invariant]}.")
        lines += [f"  {each}" for each in words[:MOST_LINES]]
        if len(words) > MOST_LINES:
            lines.append(f"  and {len(words) - MOST_LINES} more")
    return "\n".join(lines)


def bug_table(rows: Sequence[tuple[str, str, Verdict]]) -> str:
    """Bug, what it does, and which invariants caught it."""
    lines = ["| bug | what it does | caught by |", "|---|---|---|"]
    for name, words, verdict in rows:
        caught = ", ".join(f"{each.value} {each.name.lower()}" for each in sorted(verdict.invariants))
        lines.append(f"| `{name}` | {words} | {caught or '**not caught**'} |")
    return "\n".join(lines)
