"""The program's figures as Prometheus reads them: what all processes counted, and how the workers are."""

from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from notifier.models import Tally
from notifier.services import heartbeats
from notifier.tallies import COUNTERS, HISTOGRAMS, Histogram

Tallied = dict[str, list[tuple[dict[str, str], float]]]


class _Found(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def exposition(families: Iterable[Metric]) -> bytes:
    """The text form, version 0.0.4: see https://prometheus.io/docs/instrumenting/exposition_formats/."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Found(list(families)))
    return generate_latest(registry)


def gauge(name: str, help: str, labels: Iterable[str], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:  # noqa: A002
    """A figure that goes up and down, given as (label values, value)."""
    family = GaugeMetricFamily(name, help, labels=list(labels))
    for told, value in values:
        family.add_metric(list(told), value)
    return family


def tallied() -> Iterable[Metric]:
    """Every counter that the program declares, with what all processes have written down of it."""
    rows: Tallied = {}
    for name, labels, value in Tally.objects.order_by("key").values_list("name", "labels", "value"):
        rows.setdefault(name, []).append((labels, value))
    for name, counter in sorted(COUNTERS.items()):
        family = CounterMetricFamily(name, counter.help, labels=counter.labels)
        found = rows.get(name, [])
        if not found and not counter.labels:
            found = [({}, 0.0)]  # so that its first increase is one
        for labels, value in found:
            if set(labels) == set(counter.labels):  # else a release before this one counted it
                family.add_metric([labels[label] for label in counter.labels], value)
        yield family
    for histogram in HISTOGRAMS.values():
        yield _histogram(histogram, rows)


def _histogram(histogram: Histogram, rows: Tallied) -> Metric:
    """Each bucket holds what all before it hold as well."""
    within = {labels.get("le", ""): value for labels, value in rows.get(f"{histogram.name}_bucket", [])}
    total, buckets = 0.0, []
    for limit in histogram.limits:
        total += within.get(limit, 0.0)
        buckets.append((limit, total))
    sums = [value for _, value in rows.get(f"{histogram.name}_sum", [])]
    family = HistogramMetricFamily(histogram.name, histogram.help)
    family.add_metric([], buckets=buckets, sum_value=sum(sums))
    return family


def workers() -> Iterable[Metric]:
    """The workers' signs of life. One that was stopped in order is not among them."""
    found = heartbeats.workers()
    states = [worker.state() for worker in found]
    yield gauge(
        "smsbridge_workers",
        "Workers: working, deaf (runs, but takes nothing from the broker), gone (no sign of life).",
        ["state"],
        (((state.value,), float(states.count(state))) for state in heartbeats.State),
    )
    yield gauge(
        "smsbridge_worker_seen_seconds",
        "Seconds since a worker's last sign of life.",
        ["worker"],
        (((worker.name,), worker.seen) for worker in found),
    )
    yield gauge(
        "smsbridge_worker_consumed_seconds",
        "Seconds since a worker last began a task that came by the broker, or since its start.",
        ["worker"],
        (((worker.name,), worker.heard) for worker in found),
    )


def up(name: str, help: str, *, ok: Any) -> Metric:  # noqa: A002 (Prometheus' own word)
    """1 or 0."""
    return gauge(name, help, [], [((), 1.0 if ok else 0.0)])
