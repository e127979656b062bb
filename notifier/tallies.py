"""What is counted while the work goes on, for /metrics: in memory first, and every few seconds into the database.

A count costs a microsecond, no query and no wait. Each process adds what it counted to the rows of `Tally`, so that
several web processes and workers are summed, and a restart sets nothing back. A process that is killed loses the counts
of its last seconds; a flush of which nobody knows whether it was committed is repeated. The figures are for
watching, not for billing.
"""

import json
import logging
import re
import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from multiprocessing.util import Finalize

from django.db import connection, connections, transaction

from notifier.sql import Rows, run

log = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0
_LAST_FLUSH_SECONDS = 3.0
_LONGEST_LABEL = 48
_ODD = re.compile(r"[^A-Za-z0-9_.:@+-]+")

Key = tuple[str, tuple[tuple[str, str], ...]]
"""A series: its name, and its labels in the order in which they were declared."""

COUNTERS: dict[str, "Counter"] = {}
HISTOGRAMS: dict[str, "Histogram"] = {}


class Tallies:
    """What this process counted since it last wrote it down."""

    def __init__(self) -> None:
        self._counts: dict[Key, float] = {}
        self._mutex = threading.Lock()

    def add(self, amounts: Iterable[tuple[Key, float]]) -> None:
        """Never waits for anything but another thread's dictionary, and never raises."""
        with self._mutex:
            for key, amount in amounts:
                self._counts[key] = self._counts.get(key, 0.0) + amount
        flusher.wake()

    def take(self) -> dict[Key, float]:
        """All counts, which are no longer here then."""
        with self._mutex:
            counts, self._counts = self._counts, {}
            return counts


class Flusher:
    """One daemon thread per process that writes the tallies down. It begins with the first count, thus after a fork."""

    def __init__(self, seconds: float = FLUSH_SECONDS) -> None:
        self._seconds = seconds
        self._mutex = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()

    def wake(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        with self._mutex:
            if self._ending.is_set() or (self._thread is not None and self._thread.is_alive()):
                return
            if self._thread is None:
                Finalize(None, self.end, exitpriority=10)  # atexit is not for processes that a web server starts
            self._thread = threading.Thread(target=self._loop, name="tallies", daemon=True)
            try:
                self._thread.start()
            except RuntimeError as error:  # no thread to be had; the next flush that is due tries again
                log.warning("The tallies' thread could not start (%s); the next count tries again.", error)

    def end(self) -> None:
        """Write down what is left, within a few seconds: a database that hangs must not keep the process."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(_LAST_FLUSH_SECONDS)

    def _loop(self) -> None:
        while not self._ending.wait(self._seconds):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        try:
            flush()
        except Exception as error:  # the database may be away; the counts are kept
            log.warning("The tallies could not be written (%s); they wait in memory.", type(error).__name__)
        finally:
            connections.close_all()


tallies = Tallies()
flusher = Flusher()


def flush() -> int:
    """Add what this process counted to the database's rows, in one statement; how many rows. On failure it is kept."""
    counts = tallies.take()
    if not counts:
        return 0
    try:
        _write(counts)
    except BaseException:
        tallies.add(counts.items())
        raise
    return len(counts)


def _write(counts: Mapping[Key, float]) -> None:
    rows: dict[str, tuple[str, str, str, float]] = {}
    for (name, pairs), amount in counts.items():
        plain = {label: _plain(value) for label, value in pairs}
        key = spelled(name, plain)
        _, _, _, before = rows.get(key, ("", "", "", 0.0))
        rows[key] = (key, name, json.dumps(plain), before + amount)
    labels = "cast(new.labels as jsonb)" if connection.vendor == "postgresql" else "new.labels"
    run(
        "insert into notifier_tally (key, name, labels, value)"
        f" select new.spelled, new.name, {labels}, new.amount from {{rows:new}} where true"
        " on conflict (key) do update set value = notifier_tally.value + excluded.value",
        new=Rows(
            {"spelled": "text", "name": "text", "labels": "text", "amount": "double precision"},
            [rows[key] for key in sorted(rows)],  # in one order, so that two processes do not wait for each other
        ),
    )


def spelled(name: str, labels: Mapping[str, str]) -> str:
    """Name and labels as the table's key has them."""
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}"


def _plain(value: str) -> str:
    """Short and of few characters, whatever an adapter put there: a label may neither break nor swell the table."""
    return _ODD.sub("_", value)[:_LONGEST_LABEL]


class Counter:
    """Something that is counted. `labels` name what it is told apart by: never people, phones or texts, and few values.

    Raises ValueError for a name that is taken.
    """

    def __init__(self, name: str, help: str, labels: Sequence[str] = ()) -> None:  # noqa: A002 (Prometheus' own word)
        if name in COUNTERS:
            raise ValueError(f"{name} is counted elsewhere already")
        self.name, self.help, self.labels = name, help, tuple(labels)
        COUNTERS[name] = self

    def add(self, *values: str, by: float = 1.0) -> None:
        """Count now. `values` are those of the labels, in their order."""
        if by:
            tallies.add([(self._key(values), by)])

    def add_on_commit(self, *values: str, by: float = 1.0) -> None:
        """Count when the transaction is committed, if it is; at once outside of one."""
        if by:
            transaction.on_commit(lambda: self.add(*values, by=by), robust=True)

    def add_all_on_commit(self, amounts: Mapping[tuple[str, ...], float]) -> None:
        """The same of several at once, such as a `collections.Counter` of label values."""
        counted = [(self._key(values), by) for values, by in amounts.items()]
        if counted:
            transaction.on_commit(lambda: tallies.add(counted), robust=True)

    def _key(self, values: tuple[str, ...]) -> Key:
        return self.name, tuple(zip(self.labels, values, strict=True))


class Histogram:
    """How long something took, in seconds: how many within each limit (`buckets`), and the sum."""

    def __init__(self, name: str, help: str, buckets: Sequence[float]) -> None:  # noqa: A002 (Prometheus' own word)
        self.name, self.help, self.buckets = name, help, tuple(buckets)
        self._limits = [*(str(float(limit)) for limit in buckets), "+Inf"]
        HISTOGRAMS[name] = self

    @property
    def limits(self) -> list[str]:
        """The upper ends of the buckets as labels have them; the last one has none."""
        return self._limits

    def observe_on_commit(self, seconds: Sequence[float]) -> None:
        """Count when the transaction is committed, if it is."""
        if not seconds:
            return
        counted: dict[Key, float] = {(f"{self.name}_sum", ()): sum(seconds)}
        for value in seconds:
            key = (f"{self.name}_bucket", (("le", self._limits[bisect_left(self.buckets, value)]),))
            counted[key] = counted.get(key, 0.0) + 1
        transaction.on_commit(lambda: tallies.add(counted.items()), robust=True)
