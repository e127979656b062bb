"""The figures that are to be reached, and the table that compares them with what was measured."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from humanfriendly.tables import format_pretty_table

Values = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """`target` is to be reached or passed when `more` is better, else kept to; None: only told."""

    measure: str
    key: str
    words: str
    target: float | None = None
    more: bool = False

    def met(self, value: float) -> bool:
        return self.target is None or (value >= self.target if self.more else value <= self.target)

    def bound(self) -> str:
        return "" if self.target is None else f"{'≥' if self.more else '≤'} {number(self.target)}"


FIGURES = (
    Figure("ingest1", "per_s", "webhooks/s acknowledged, 1 web process", 2000, more=True),
    Figure("ingest1", "p99_ms", "  p99, ms", 30),
    Figure("ingest2", "per_s", "webhooks/s acknowledged, 2 web processes", 3000, more=True),
    Figure("ingest2", "p99_ms", "  p99, ms", 30),
    Figure("burst", "per_s", "burst: SMS/s", 1700, more=True),
    Figure("burst", "last_s", "  last SMS after it was due, s", 2),
    Figure("steady", "p50_ms", "steady: lateness p50, ms", 50),
    Figure("steady", "p99_ms", "  p99, ms", 250),
    Figure("latency", "per_s", "upstream of 50 ms: SMS/s", 1200, more=True),
    Figure("latency", "last_s", "  last SMS after it was due, s", 4),
    Figure("replies", "per_s", "replies posted/s", 1500, more=True),
    Figure("replies", "p50_s", "  p50, s", 0.5),
    Figure("pending", "bytes_first", "pending check: bytes, first filling", 700),
    Figure("pending", "bytes_all", "  bytes, all", 700),
    Figure("pending", "worker_mb", "  a worker's memory when empty, MB"),
    Figure("pending", "worker_growth_mb", "  its growth from the first filling to all, MB", 5),
    Figure("kill", "lost", "worker killed: lost (no SMS, no visible row)", 0),
    Figure("kill", "duplicates", "  duplicated", 0),
    Figure("kill", "early", "  early", 0),
    Figure("kill", "misrouted", "  misrouted", 0),
    Figure("kill", "unfinished", "  left undone", 0),
    Figure("kill", "visible", "  visible as uncertain or dead"),
    *(
        figure
        for measure in ("ingest1", "ingest2", "burst", "steady", "latency", "replies")
        for figure in (
            Figure(measure, "wrong", f"{measure}: lost, duplicated, early, misrouted", 0),
            Figure(measure, "web_us", "  CPU of web per message, µs"),
            Figure(measure, "workers_us", "  CPU of workers per message, µs"),
            Figure(measure, "postgres_us", "  CPU of Postgres per message, µs"),
        )
    ),
)


def number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"


def rows(runs: Mapping[str, Sequence[Values]]) -> list[tuple[str, str, str, str, str]]:
    """Name, target, median, least and greatest, met or not; one row for each figure that was measured."""
    table = []
    for figure in FIGURES:
        values = [run[figure.key] for run in runs.get(figure.measure, ()) if figure.key in run]
        if not values:
            continue
        median = statistics.median(values)
        # A text lost or doubled in one run out of three is no matter of medians.
        judged = max(values) if figure.target == 0 else median
        verdict = "" if figure.target is None else "met" if figure.met(judged) else "NOT MET"
        table.append(
            (figure.words, figure.bound(), number(median), f"{number(min(values))}–{number(max(values))}", verdict)
        )
    return table


def table(runs: Mapping[str, Sequence[Values]]) -> str:
    return str(format_pretty_table(rows(runs), ["figure", "target", "median", "min–max", ""]))
