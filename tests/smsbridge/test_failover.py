"""Two accounts, one of which fails: the other takes over, nobody is texted twice, and nobody waits without need."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.backoff import MAX_ATTEMPTS
from smsbridge.models import Breaker, Bridge, DailyUse, Lease, Notice, OutboundSms, VendorAccount
from smsbridge.services import breaker, caps, clearance, queue
from smsbridge.services.accounts import live_bridges
from smsbridge.services.failover import WORDS, take_over
from smsbridge.services.sms_findings import sms_findings
from tests import factories
from tests.factories import BENS_PHONE, conversation
from tests.notifier import servers
from tests.smsbridge.racing import together
from tests.smsbridge.stages import compose, reply, send
from tests.smsbridge.two_accounts import (
    MINUTE,
    account_of,
    add_number,
    again,
    change,
    fails,
    first,
    go,
    round_,
    second,
    told,
    works,
)
from tests.smsbridge.upstreams import Chat, Network, refused


@pytest.fixture(autouse=True)
def bridge(bridge: Bridge) -> Bridge:
    """A bridge that fails over at once, and introduces itself; its numbers are of the first account."""
    change(bridge, failover=True, failover_after=timedelta(0), introduction="This is Acme.")
    return bridge


@pytest.fixture
def other(bridge: Bridge) -> Iterator[Network]:
    """What a second account speaks to; it has one number in the pool."""
    with Network() as network:
        add_number(bridge, factories.vendor_account(slug="second", options={"url": network.url}))
        yield network


# The story


def test_what_waits_for_a_failing_account_goes_by_the_other_and_nothing_goes_twice(
    bridge: Bridge, network: Network, other: Network
) -> None:
    notices = [told(bridge, f"message {index}", factories.phone(index)) for index in range(30)]
    compose()
    network.script = [servers.answer(500)] * 30
    send()
    Breaker.objects.update(probe_at=timezone.now() + MINUTE)  # however slow this machine is
    assert Breaker.objects.get().opened_at is not None
    round_()
    states = list(OutboundSms.objects.filter(notices__in=notices).values_list("state", flat=True))
    assert set(states) == {"sent", "uncertain"}
    assert len(states) == 30
    asked, taken = bodies(network), bodies(other)
    assert len(asked) <= 8
    assert sorted(asked + taken) == sorted(f"message {index}" for index in range(30))


def bodies(network: Network) -> list[str]:
    return [text.partition("Ann: ")[2] for text in network.texts]


def test_a_conversation_goes_on_from_another_number_with_an_introduction(
    bridge: Bridge, network: Network, other: Network
) -> None:
    fails(second())
    one = told(bridge, "first")
    round_()
    works(second())
    fails(first())
    again(bridge, one, "second")
    round_()
    assert network.texts == ["This is Acme.\nAnn: first"]
    assert other.texts == ["This is Acme.\nAnn: second"]
    assert Lease.objects.get(left_at=None).number.account == second()


def test_it_stays_there_once_the_first_account_works_again(bridge: Bridge, network: Network, other: Network) -> None:
    fails(first())
    one = told(bridge, "first")
    round_()
    works(first())
    again(bridge, one, "second")
    round_()
    assert other.texts == ["This is Acme.\nAnn: first", "Ann: second"]
    assert network.requests == []


def test_what_was_accepted_though_its_answer_was_lost_is_not_sent_by_the_other(
    bridge: Bridge, network: Network, other: Network
) -> None:
    fails(second())
    one = told(bridge, "only once")
    compose()
    network.script = [network.lose]
    send()
    works(second())
    fails(first())
    for _ in range(3):
        round_()
    one.refresh_from_db()
    assert (len(network.accepted), other.requests) == (1, [])
    assert one.sms is not None
    assert one.sms.state == "uncertain"


@pytest.mark.parametrize("state", ["sending", "uncertain", "sent", "delivered", "dead"])
def test_only_what_is_ready_is_taken_back(bridge: Bridge, network: Network, other: Network, state: str) -> None:
    number = first().numbers.all()[0]
    sms = factories.linked(bridge, number=number, state=state, next_at=timezone.now() + MINUTE)
    fails(first())
    assert take_over() == 0
    sms.refresh_from_db()
    assert sms.state == state


# When


def paused(account: VendorAccount) -> None:
    VendorAccount.objects.filter(pk=account.pk).update(paused=True)


def misconfigured(account: VendorAccount) -> None:
    VendorAccount.objects.filter(pk=account.pk).update(secrets={})


def of_no_known_vendor(account: VendorAccount) -> None:
    VendorAccount.objects.filter(pk=account.pk).update(vendor="gone")


@pytest.mark.parametrize("happen", [paused, misconfigured, of_no_known_vendor, fails])
def test_whatever_keeps_an_account_from_sending_counts(
    bridge: Bridge, network: Network, other: Network, happen: object
) -> None:
    assert callable(happen)
    happen(first())
    told(bridge, "hello")
    round_()
    assert other.texts == ["This is Acme.\nAnn: hello"]


def test_not_before_the_time_that_the_bridge_gives(bridge: Bridge, other: Network) -> None:
    change(bridge, failover_after=20 * MINUTE)
    fails(first(), opened=10 * MINUTE)
    assert live_bridges()[bridge.pk].lineup.working is None
    fails(first(), opened=21 * MINUTE)
    assert live_bridges()[bridge.pk].lineup.down == {first().pk}


def test_switched_off_nothing_changes(bridge: Bridge, network: Network, other: Network) -> None:
    fails(second())
    one = told(bridge, "first")
    compose()
    works(second())
    fails(first())
    change(bridge, failover=False)
    assert take_over() == 0
    two = again(bridge, one, "second")
    compose()
    assert (account_of(one), account_of(two)) == ("first", "first")


def test_where_all_fail_nothing_changes(bridge: Bridge, network: Network, other: Network) -> None:
    one = told(bridge, "first")
    compose()
    fails(first())
    fails(second())
    assert take_over() == 0
    two = again(bridge, one, "second")
    compose()
    assert account_of(one) == account_of(two)
    assert Lease.objects.count() == 1


def test_while_all_is_well_it_asks_the_database_nothing(bridge: Bridge, other: Network) -> None:
    live_bridges()
    with CaptureQueriesContext(connection) as statements:
        assert take_over() == 0
    assert list(statements) == []


# Where there is no number


def use_up_the_other(bridge: Bridge, phone: str = BENS_PHONE) -> None:
    factories.lease(second().numbers.get(), conversation(bridge.hook.chat_app), "cat", phone)


def test_without_a_number_it_waits_for_its_own_account(bridge: Bridge, network: Network, other: Network) -> None:
    use_up_the_other(bridge)
    fails(first())
    one = told(bridge, "hello")
    for _ in range(2):
        round_()
    assert (account_of(one), one.sms and one.sms.state) == ("first", "ready")
    assert OutboundSms.objects.count() == 1
    works(first())
    send()
    assert network.texts == ["This is Acme.\nAnn: hello"]


def test_of_several_as_many_move_as_there_are_numbers(bridge: Bridge, network: Network, other: Network) -> None:
    fails(second())
    notices = [told(bridge, f"message {index}") for index in range(3)]
    compose()
    works(second())
    fails(first())
    for _ in range(3):
        round_()
    assert sorted(account_of(one) for one in notices) == ["first", "first", "second"]
    assert OutboundSms.objects.filter(state="withdrawn").count() == 3, "no text is taken back again and again"


def test_a_pool_that_is_used_up_is_not_blamed_on_the_account(bridge: Bridge, network: Network, other: Network) -> None:
    use_up_the_other(bridge)
    for number in first().numbers.all():
        factories.lease(number, conversation(bridge.hook.chat_app))
    fails(first())
    one = told(bridge, "hello")
    compose()
    one.refresh_from_db()
    assert one.reason == Notice.Reason.POOL_USED_UP


def test_a_one_way_sender_takes_over_and_says_so(bridge: Bridge, network: Network, other: Network) -> None:
    use_up_the_other(bridge)
    add_number(bridge, second(), "+15557770000", one_way=True)
    fails(first())
    change(bridge, one_way=True)
    told(bridge, "hello")
    round_()
    (sent,) = other.accepted
    assert sent["from"] == "+15557770000"
    assert "cannot be answered" in sent["text"]
    assert network.requests == []


def test_a_one_way_sender_whose_account_fails_is_passed_over(bridge: Bridge, network: Network, other: Network) -> None:
    use_up_the_other(bridge)
    add_number(bridge, first(), "DOWN", one_way=True)
    fails(first())
    change(bridge, one_way=True)
    told(bridge, "hello")
    round_()
    sms = OutboundSms.objects.get()
    assert (sms.account, sms.answerable) == (first(), True)


# What was tried before


@pytest.mark.parametrize("policy", [{"phone_cap": 1}, {"conversation_cap": 1}, {"daily_budget": 1, "max_segments": 1}])
def test_what_was_certainly_not_accepted_counts_once(
    bridge: Bridge, network: Network, other: Network, policy: dict[str, object]
) -> None:
    change(bridge, introduction="", **policy)
    fails(second())
    told(bridge, "hello")
    compose()
    network.script = [servers.answer(429)]
    send()
    works(second())
    fails(first())
    round_()
    assert (network.accepted, other.texts) == ([], ["Ann: hello"])
    assert set(DailyUse.objects.exclude(key="used up").values_list("used", flat=True)) == {1}
    again(bridge, Notice.objects.get(), "once more")
    round_()
    assert len(other.texts) == 1


def test_what_was_never_tried_gives_nothing_back(bridge: Bridge, network: Network, other: Network) -> None:
    change(bridge, phone_cap=5)
    fails(second())
    one = told(bridge, "sent")
    round_()
    again(bridge, one, "waits")
    compose()
    works(second())
    fails(first())
    round_()
    assert (len(network.accepted), len(other.accepted)) == (1, 1)
    assert DailyUse.objects.get().used == 2


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_while_others_count_what_was_tried_waits_and_the_rest_is_taken_over(bridge: Bridge, other: Network) -> None:
    change(bridge, phone_cap=5)
    fails(second())
    tried, fresh = told(bridge, "tried"), told(bridge, "fresh", factories.phone(1))
    compose()
    OutboundSms.objects.filter(notices=tried).update(attempts=1)
    works(second())
    fails(first())
    counting, done = threading.Event(), threading.Event()

    def count() -> int:
        with transaction.atomic():
            assert caps.take_turn().ours
            counting.set()
            done.wait(10)
        return 0

    def take() -> int:
        counting.wait(10)
        taken = take_over()
        done.set()
        return taken

    assert together([count, take]) == [0, 1]
    fresh.refresh_from_db()
    assert fresh.state == "waiting"
    assert take_over() == 1


def test_it_is_not_given_up_for_its_tries_while_another_account_could_take_over(
    bridge: Bridge, network: Network, other: Network
) -> None:
    change(bridge, failover_after=5 * MINUTE)
    fails(second())
    one = told(bridge, "hello")
    compose()
    works(second())
    OutboundSms.objects.update(attempts=MAX_ATTEMPTS - 1)
    network.script = [refused("busy", 429)]
    send()
    one.refresh_from_db()
    assert one.sms is not None
    assert (one.sms.state, one.sms.attempts) == ("ready", MAX_ATTEMPTS)
    fails(first())
    round_()
    assert other.texts == ["This is Acme.\nAnn: hello"]


@pytest.mark.parametrize("alone", [True, False])
def test_else_it_is(bridge: Bridge, network: Network, other: Network, alone: bool) -> None:
    if alone:
        second().numbers.update(active=False)
    else:
        change(bridge, failover=False)
        fails(second())
    told(bridge, "hello")
    compose()
    OutboundSms.objects.update(attempts=MAX_ATTEMPTS - 1, account=first())
    network.script = [refused("busy", 429)]
    other.script = [refused("busy", 429)]
    works(second())
    send()
    assert OutboundSms.objects.get().state == "dead"


# The project's own introduction


def its_own(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The bridge's function introduces with these words, and raises without any."""
    words = ["Hi."]
    monkeypatch.setattr("tests.smsbridge.test_failover.introduction", lambda values: words[0])
    change(bridge, introduction="", introduction_function="tests.smsbridge.test_failover.introduction")
    return words


def introduction(values: object) -> str:
    raise NotImplementedError


@pytest.mark.parametrize("one_way", [False, True])
def test_a_function_that_fails_holds_nothing_back_that_needs_no_introduction(
    bridge: Bridge, network: Network, other: Network, monkeypatch: pytest.MonkeyPatch, one_way: bool
) -> None:
    """The conversation is introduced on the failing account's number, and there is no other number for it."""
    words = its_own(bridge, monkeypatch)
    fails(second())
    one = told(bridge, "first")
    round_()
    works(second())
    use_up_the_other(bridge)
    add_number(bridge, second(), "+15557770000", one_way=True)
    fails(first())
    change(bridge, one_way=one_way)
    words.clear()
    two = again(bridge, one, "second")
    compose()
    assert account_of(two) == ("second" if one_way else "first")


def test_of_one_number_that_is_left_each_gets_what_it_needs(
    bridge: Bridge, network: Network, other: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    its_own(bridge, monkeypatch)
    fails(second())
    notices = [told(bridge, f"<{index}>") for index in range(3)]
    round_()
    works(second())
    fails(first())
    told_again = [again(bridge, one, f"<{index} again>") for index, one in enumerate(notices)]
    compose()
    assert sorted(account_of(one) for one in told_again) == ["first", "first", "second"]
    assert OutboundSms.objects.get(account=second()).text.startswith("Hi.\n")


# Finding out whether it works again


@pytest.mark.parametrize(
    ("opened", "tried", "to_be_tried"),
    [(10, 4, True), (10, 6, False), (10, -1, False), (300, 241, False), (300, 239, True)],
)
def test_it_is_tried_once_as_much_time_has_passed_again_and_at_the_latest_after_an_hour(
    bridge: Bridge, other: Network, opened: int, tried: int, to_be_tried: bool
) -> None:
    """`tried`: so many minutes after it opened was the time of the last try."""
    fails(first(), opened * MINUTE, (tried - opened) * MINUTE if tried >= 0 else MINUTE)
    (outage,) = breaker.outages()
    assert outage.to_be_tried == to_be_tried


def test_one_text_is_spent_on_it_and_the_others_go_on(bridge: Bridge, network: Network, other: Network) -> None:
    fails(first(), 10 * MINUTE, -6 * MINUTE)
    network.script = [servers.answer(503)] * 9
    notices = [told(bridge, f"message {index}", factories.phone(index)) for index in range(12)]
    compose()
    go()
    assert len(network.requests) == 1
    round_()
    assert len(network.requests) == 1
    assert len(other.requests) == 11
    assert Notice.objects.filter(pk__in=[one.pk for one in notices], state="in_sms").count() == 12


def test_an_operators_try_now_counts_at_once(bridge: Bridge, network: Network, other: Network) -> None:
    fails(first())
    assert live_bridges()[bridge.pk].lineup.working is not None
    breaker.try_now([first().pk])
    factories.forget()
    assert live_bridges()[bridge.pk].lineup.working is None


def test_a_dry_run_tells_nothing_of_the_vendor(bridge: Bridge, network: Network, other: Network) -> None:
    fails(second())
    told(bridge, "hello")
    compose()
    works(second())
    change(bridge, dry_run=True)
    fails(first(), 10 * MINUTE, timedelta(seconds=-1))
    go()
    factories.forget()
    assert network.requests == []
    assert live_bridges()[bridge.pk].lineup.down == {first().pk}


def test_while_the_text_that_tries_is_under_way_the_others_are_not_taken_over(bridge: Bridge, other: Network) -> None:
    fails(first(), 10 * MINUTE, -6 * MINUTE)
    for index in range(3):
        told(bridge, f"message {index}", factories.phone(index))
    compose()
    queue.seconds_to_next()
    (flight,) = clearance.claim(8)
    factories.forget()
    assert flight.probe
    assert take_over() == 0
    breaker.record(breaker.Report(account=first().pk, slug="first", probe_failed=True, failures=1))
    factories.forget()
    assert take_over() == 2


def test_a_try_before_its_time_is_not_waited_for(bridge: Bridge, other: Network) -> None:
    fails(first(), 10 * MINUTE, timedelta(seconds=-1))
    assert breaker.take_probes([first().pk]) == {first().pk}
    assert [one.to_be_tried for one in breaker.outages()] == [False]


def test_that_a_vendor_wants_to_be_left_alone_moves_nobody_until_a_try_fails(bridge: Bridge, other: Network) -> None:
    report = breaker.Report(account=first().pk, slug="first", asks=600.0)
    breaker.record(report, timezone.now() - 9 * MINUTE)
    factories.forget()
    assert live_bridges()[bridge.pk].lineup.down == frozenset()
    breaker.record(replace(report, probe_failed=True))
    factories.forget()
    assert live_bridges()[bridge.pk].lineup.down == {first().pk}


# Replies


def test_an_answer_to_the_former_number_is_kept_and_one_to_the_new_one_is_posted(
    bridge: Bridge, network: Network, other: Network, chat: Chat
) -> None:
    fails(second())
    one = told(bridge, "first")
    round_()
    former = Lease.objects.get().number
    works(second())
    fails(first())
    again(bridge, one, "second")
    round_()
    late = factories.inbound(former, "to the first")
    factories.inbound(Lease.objects.get(left_at=None).number, "to the second")
    reply()
    late.refresh_from_db()
    assert [said for _, said in chat.said] == ["to the second"]
    assert (late.state, late.reason) == (
        "unrouted",
        "The conversation of the last text from this number goes on from another number by now.",
    )


# What an operator sees


def test_the_log_names_the_accounts_and_the_text_says_why(
    bridge: Bridge, other: Network, caplog: pytest.LogCaptureFixture
) -> None:
    fails(second())
    told(bridge, "hello")
    compose()
    works(second())
    fails(first())
    with caplog.at_level(logging.WARNING):
        assert take_over() == 1
    assert OutboundSms.objects.get().reason == WORDS
    assert f"do not send: {first().slug}." in caplog.text
    assert BENS_PHONE not in caplog.text


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_workers_that_sweep_and_send_at_once_each_text_is_taken_by_one(
    bridge: Bridge, network: Network, other: Network
) -> None:
    fails(second())
    notices = [told(bridge, f"message {index}", factories.phone(index)) for index in range(20)]
    compose()
    works(second())
    fails(first())
    taken = together([take_over, take_over, send])
    assert sum(taken[:2]) == 20
    compose()
    go()
    assert sorted(bodies(other)) == sorted(f"message {index}" for index in range(20))
    assert network.requests == []
    assert Notice.objects.filter(pk__in=[one.pk for one in notices], state="in_sms").count() == 20


def test_doctor_tells_it(bridge: Bridge, other: Network) -> None:
    assert not any("other accounts" in finding.what for finding in sms_findings(offline=True))
    fails(first())
    told_of = [finding.what for finding in sms_findings(offline=True) if "other accounts" in finding.what]
    assert told_of == [f"The bridge {bridge.name} texts by other accounts, as these do not send: {first().slug}."]


# Whatever happens

STEPS = st.lists(st.sampled_from(["text", "first fails", "second fails", "first works", "second works", "round"]))


@pytest.mark.parametrize("fault", ["lost", "refused for now"])
def test_no_message_is_accepted_twice_and_none_is_forgotten(
    bridge: Bridge, network: Network, other: Network, fault: str
) -> None:
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=STEPS)
    def check(steps: list[str]) -> None:
        with transaction.atomic():
            _play(bridge, network, other, steps, fault)
            transaction.set_rollback(True)
        factories.forget()

    check()


def _play(bridge: Bridge, network: Network, other: Network, steps: list[str], fault: str) -> None:
    accounts = {"first": (network, first()), "second": (other, second())}
    for upstream, _ in accounts.values():
        upstream.accepted.clear()
    notices: list[Notice] = []
    for step in [*steps, "first works", "second works", "round", "round"]:
        who, _, what = step.partition(" ")
        if step == "text":
            notices.append(told(bridge, f"<{len(notices)}>", factories.phone(len(notices) % 3)))
        elif what == "fails":
            upstream, account = accounts[who]
            upstream.script = [upstream.lose if fault == "lost" else servers.answer(429)]
            fails(account)
        elif what == "works":
            upstream, account = accounts[who]
            upstream.script = []
            works(account)
        else:
            round_()
    said = [one["text"] for upstream, _ in accounts.values() for one in upstream.accepted]
    for index, one in enumerate(notices):
        one.refresh_from_db()
        assert sum(f"<{index}>" in text for text in said) <= 1
        assert one.state == "in_sms"
        assert one.sms is not None
        assert one.sms.state in ("sent", "uncertain", "ready")
