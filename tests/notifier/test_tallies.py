"""Tallies: counted in memory, added to the database's rows, summed over processes and never set back."""

import logging
import threading
import time
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.test import Client, TestCase

from notifier import tallies
from notifier.counters import DELIVERIES
from notifier.models import Tally
from notifier.tallies import COUNTERS, HISTOGRAMS, Counter, Flusher, Histogram, flush
from tests import factories
from tests.threads import together
from tests.waiting import eventually

pytestmark = pytest.mark.django_db


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    monkeypatch.setattr(tallies, "COUNTERS", {})
    return Counter("test_total", "A counter of tests.", ["colour", "size"])


@pytest.fixture
def histogram(monkeypatch: pytest.MonkeyPatch) -> Histogram:
    monkeypatch.setattr(tallies, "HISTOGRAMS", {})
    return Histogram("test_seconds", "A histogram of tests.", buckets=(1, 10))


def values() -> dict[str, float]:
    return dict(Tally.objects.values_list("key", "value"))


def test_counts_are_added_to_what_the_database_holds(counter: Counter) -> None:
    for _ in range(2):
        counter.add("red", "big")
        counter.add("red", "big", by=2)
        counter.add("blue", "big")
        assert flush() == 2
    assert values() == {'test_total{colour="red",size="big"}': 6, 'test_total{colour="blue",size="big"}': 2}
    assert Tally.objects.get(value=6).labels == {"colour": "red", "size": "big"}


def test_with_nothing_counted_nothing_is_written(counter: Counter, django_assert_num_queries: Any) -> None:
    counter.add("red", "big", by=0)
    with django_assert_num_queries(0):
        assert flush() == 0


def test_what_could_not_be_written_is_kept(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    counter.add("red", "big")
    with monkeypatch.context() as patch:
        patch.setattr(tallies, "run", _fails)
        with pytest.raises(OperationalError):
            flush()
    counter.add("red", "big")
    flush()
    assert list(values().values()) == [2]


def _fails(*_: object, **__: object) -> int:
    raise OperationalError


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_not_counted(counter: Counter) -> None:
    with transaction.atomic():
        counter.add_on_commit("red", "big")
        counter.add_all_on_commit({("blue", "big"): 3})
        transaction.set_rollback(True)
    assert flush() == 0
    with transaction.atomic():
        counter.add_on_commit("red", "big")
    assert flush() == 1


def test_a_label_neither_breaks_nor_swells_the_table(counter: Counter) -> None:
    counter.add('a\x00b\ud800"c', "x" * 500)
    flush()
    (key,) = values()
    assert key == 'test_total{colour="a_b_c",size="' + "x" * 48 + '"}'


def test_labels_that_look_the_same_afterwards_are_one_row(counter: Counter) -> None:
    counter.add("opted out", "big")
    counter.add("opted_out", "big")
    flush()
    assert values() == {'test_total{colour="opted_out",size="big"}': 2}


def test_a_duration_is_counted_in_the_first_bucket_that_holds_it(histogram: Histogram) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        histogram.observe_on_commit([])
        histogram.observe_on_commit([0.5, 1.0, 1.1, 99.0])
    flush()
    assert values() == {
        'test_seconds_bucket{le="1.0"}': 2,
        'test_seconds_bucket{le="10.0"}': 1,
        'test_seconds_bucket{le="+Inf"}': 1,
        "test_seconds_sum{}": 101.6,
    }


def test_a_name_is_counted_in_one_place(counter: Counter) -> None:
    with pytest.raises(ValueError, match="test_total"):
        Counter("test_total", "Another one.")


def test_the_programs_own_names_follow_prometheus() -> None:
    assert COUNTERS
    assert HISTOGRAMS
    assert all(name.startswith("smsbridge_") and name.endswith("_total") for name in COUNTERS)
    assert all(name.endswith("_seconds") for name in HISTOGRAMS)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_many_processes_flush_at_once_and_nothing_is_lost(counter: Counter) -> None:
    def work() -> None:
        for _ in range(20):
            counter.add("red", "big")
            counter.add("blue", "big")
            flush()

    together(*[work] * 4)
    flush()
    assert set(values().values()) == {80}


# The thread that writes them


@pytest.fixture
def flushes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Flushes in place of the real one; the first of them fails."""
    done: list[int] = []

    def record() -> int:
        done.append(threading.get_ident())
        if len(done) == 1:
            raise OperationalError
        return 1

    monkeypatch.undo()  # the thread may begin
    monkeypatch.setattr(tallies, "flush", record)
    return done


def test_one_thread_flushes_and_a_failure_does_not_end_it(flushes: list[int], caplog: Any) -> None:
    flusher = Flusher(seconds=0.01)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            flusher.wake()
        assert eventually(lambda: len(flushes) >= 3)
    flusher.end()
    assert len(set(flushes)) == 1
    assert "they wait in memory" in caplog.text


def test_at_the_end_what_is_left_is_written_at_once(flushes: list[int]) -> None:
    flusher = Flusher(seconds=3600)
    flusher.wake()
    flusher.end()
    assert len(flushes) == 1
    flusher.wake()
    assert len(flushes) == 1


def test_an_end_does_not_wait_for_a_database_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    hangs = threading.Event()
    monkeypatch.setattr(tallies, "flush", lambda: hangs.wait(20))
    monkeypatch.setattr(tallies, "_LAST_FLUSH_SECONDS", 0.05)
    flusher = Flusher(seconds=3600)
    flusher.wake()
    began = time.monotonic()
    flusher.end()
    hangs.set()
    assert time.monotonic() - began < 5


# What is counted


def test_deliveries_are_counted_by_kind_and_outcome(client: Client) -> None:
    receipts, listening = factories.receipts_hook(), factories.listening_hook()
    factories.deliver(client, receipts, factories.layer_event())
    factories.deliver(client, listening, factories.layer_event())
    factories.deliver(client, receipts, factories.layer_event(), secret="wrong")
    factories.deliver(client, receipts, b"no JSON")
    client.post("/webhooks/chat/nobody/", b"{}", content_type="application/json")
    client.get(f"/webhooks/chat/{receipts.slug}/", {"verification_challenge": "x"})
    counted = {key: value for key, value in tallies.tallies.take().items() if key[0] == DELIVERIES.name}
    assert {(*(value for _, value in labels), count) for (_, labels), count in counted.items()} == {
        ("receipts", "accepted", 1),
        ("listen", "accepted", 1),
        ("receipts", "forged", 1),
        ("receipts", "unreadable", 1),
        ("unknown", "unknown hook", 1),
    }


def test_counting_costs_next_to_nothing() -> None:
    began = time.perf_counter()
    for _ in range(10_000):
        DELIVERIES.add("receipts", "accepted")
    assert (time.perf_counter() - began) / 10_000 < 50e-6
