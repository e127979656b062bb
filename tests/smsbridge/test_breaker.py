"""The circuit breaker: while a vendor fails, its texts wait untouched, and one after the other finds out how it is."""

import logging
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from smsbridge.models import Breaker, Bridge, Lease, OutboundSms, VendorAccount
from smsbridge.services import breaker, clearance, queue, sending
from smsbridge.services.breaker import OPENS_AFTER, Report, apply
from smsbridge.services.outcomes import Result
from smsbridge.services.sending import Sender
from smsbridge.services.vendor_watch import Sign, Watch, sign_of
from smsbridge.vendors.base import ErrorInfo, ErrorKind, Outcome, OutcomeKind
from smsbridge.vendors.vonage_errors import vonage_error
from tests import factories
from tests.admin_pages import Pages, html
from tests.factories import linked
from tests.notifier import servers
from tests.notifier.servers import Peer, Received, Step
from tests.smsbridge.racing import together
from tests.smsbridge.stages import crash_at, send
from tests.smsbridge.upstreams import Network, refused
from tests.smsbridge.upstreams import after as act_after

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LAST_PHONE = factories.phone(99)
AT_MOST = 8  # texts in the air at a vendor of which nothing was heard yet
pages = Pages("smsbridge")


@pytest.fixture(autouse=True)
def short_time_out(settings: Settings) -> None:
    settings.HTTP_TIMEOUT_SECONDS = 0.5


def texts(bridge: Bridge, count: int) -> list[OutboundSms]:
    """So many texts that are ready, each to a phone of its own; the one made first is due longest."""
    first = timezone.now() - timedelta(seconds=10)
    return [
        linked(bridge, phone=factories.phone(index), next_at=first + timedelta(milliseconds=index))
        for index in range(count)
    ]


def untouched() -> int:
    return OutboundSms.objects.filter(state="ready", attempts=0).count()


def row() -> Breaker:
    return Breaker.objects.get()


def opened(account: VendorAccount, seconds: float = 60.0, **fields: object) -> Breaker:
    """As another process has opened it: the next try is so many seconds from now."""
    now = timezone.now()
    values = {"failures": OPENS_AFTER, "openings": 1, "reason": "It did not answer.", **fields}
    return Breaker.objects.create(account=account, opened_at=now, probe_at=now + timedelta(seconds=seconds), **values)


def the_pause_is_over() -> None:
    Breaker.objects.update(probe_at=timezone.now() - timedelta(milliseconds=1))


def work() -> None:
    """As the runner does: it looks once more where something is due at once."""
    queue.seconds_to_next()
    send()


def without_bridge(sms: OutboundSms) -> OutboundSms:
    OutboundSms.objects.filter(pk=sms.pk).update(bridge=None, conversation=None)
    return sms


# When it opens


@pytest.mark.parametrize(
    ("step", "state"),
    [
        (servers.answer(500), "uncertain"),
        (servers.reset, "uncertain"),
        (servers.hang, "uncertain"),
        (servers.answer(200, b"<html>"), "uncertain"),
        (servers.answer(429), "ready"),
    ],
    ids=["500", "reset", "hang", "unreadable", "429"],
)
def test_a_vendor_that_fails_costs_a_handful_of_texts_and_no_more(
    bridge: Bridge, network: Network, step: Step, state: str
) -> None:
    texts(bridge, 40)
    network.script = [step] * 40
    send()
    assert OPENS_AFTER <= len(network.requests) <= AT_MOST
    assert OutboundSms.objects.filter(state=state, attempts=1).count() == len(network.requests)
    assert untouched() == 40 - len(network.requests)
    assert row().opened_at is not None


def test_no_text_takes_the_place_of_one_that_failed_until_it_is_clear_how_the_vendor_is(
    bridge: Bridge, network: Network
) -> None:
    texts(bridge, AT_MOST)
    watch, flights = Watch(), clearance.claim(AT_MOST)
    for flight in flights:
        watch.started(flight)
    for flight in flights[:4]:
        watch.ended(Result(flight, Outcome(kind=OutcomeKind.UNCERTAIN)))
    assert watch.room(0) == 0
    watch.ended(Result(flights[4], Outcome(kind=OutcomeKind.SENT, vendor_id="v")))
    assert watch.room(0) >= AT_MOST // 2


def test_a_vendor_that_cannot_be_reached_spends_the_tries_of_a_handful(bridge: Bridge, network: Network) -> None:
    VendorAccount.objects.update(options={"url": servers.refusing_url()})
    factories.forget()
    texts(bridge, 40)
    send()
    assert untouched() >= 40 - AT_MOST
    assert "not reached" in row().reason


def test_failures_now_and_then_open_nothing_and_write_nothing(bridge: Bridge, network: Network) -> None:
    texts(bridge, 30)
    network.script = [servers.answer(500) if index % 3 == 0 else network.accept for index in range(30)]
    send()
    assert OutboundSms.objects.filter(state="sent").count() == 20
    assert not Breaker.objects.exists()


def test_refusals_of_single_texts_open_nothing(bridge: Bridge, network: Network) -> None:
    texts(bridge, 10)
    network.script = [refused("30007")] * 10
    send()
    assert OutboundSms.objects.filter(state="dead").count() == 10
    assert not Breaker.objects.exists()


def test_sending_that_goes_well_asks_and_writes_nothing_more(bridge: Bridge, network: Network) -> None:
    texts(bridge, 5)
    with CaptureQueriesContext(connection) as statements:
        send()
    own = [
        one["sql"] for one in statements.captured_queries if "breaker" in one["sql"] and "outboundsms" not in one["sql"]
    ]
    assert (own, untouched()) == ([], 0)


def test_failures_of_several_processes_add_up(bridge: Bridge, network: Network) -> None:
    account = texts(bridge, 1)[0].account
    for _ in range(2):
        breaker.record(Report(account=account.pk, slug=account.slug, failures=3, reason="It did not answer."))
    assert row().opened_at is not None
    assert send() == 0


def singly(bridge: Bridge, count: int, sender: Sender) -> None:
    for index in range(count):
        linked(bridge, phone=factories.phone(200 + index))
        sender.step()


def test_failures_that_come_singly_open_it_as_well(bridge: Bridge, network: Network) -> None:
    network.script = [servers.answer(500)] * OPENS_AFTER
    singly(bridge, OPENS_AFTER, Sender())
    assert row().opened_at is not None


def test_until_the_breaker_is_told_one_at_a_time_is_sent(bridge: Bridge, network: Network) -> None:
    texts(bridge, OPENS_AFTER)
    watch = Watch()
    for flight in clearance.claim(OPENS_AFTER):
        watch.started(flight)
        watch.ended(Result(flight, Outcome(kind=OutcomeKind.UNCERTAIN)))
    assert watch.room(0) <= AT_MOST - OPENS_AFTER


def test_failures_of_before_a_restart_do_not_count_after_successes(bridge: Bridge, network: Network) -> None:
    network.script = [servers.answer(500)] * 3
    singly(bridge, 3, Sender())
    anew = Sender()
    singly(bridge, 1, anew)
    network.script = [servers.answer(500)] * 3
    singly(bridge, 3, anew)
    assert (row().failures, row().opened_at) == (3, None)


def test_a_success_of_long_ago_closes_nothing() -> None:
    made = after((0, FAILED), (1, report(anew=True, failures=3)))
    assert (made.opened_at, made.failures) == (NOW, OPENS_AFTER + 3)


def test_credentials_that_are_refused_hold_texts_back_for_longer(bridge: Bridge, network: Network) -> None:
    texts(bridge, 40)
    network.script = [refused("20003", 401)] * 40
    send()
    assert row().probe_at is not None
    assert 14 < (row().probe_at - timezone.now()).total_seconds() < 31  # type: ignore[operator]
    assert untouched() >= 40 - AT_MOST


@pytest.mark.parametrize(
    ("outcome", "sign"),
    [
        (Outcome(kind=OutcomeKind.SENT, vendor_id="v"), Sign.WORKED),
        (Outcome(kind=OutcomeKind.UNCERTAIN, vendor_id="v"), Sign.WORKED),
        (Outcome(kind=OutcomeKind.UNCERTAIN), Sign.FAILED),
        (Outcome(kind=OutcomeKind.THROTTLED), Sign.FAILED),
        (Outcome(kind=OutcomeKind.THROTTLED, retry_after=3), Sign.SLOWER),
        (Outcome(kind=OutcomeKind.REFUSED), Sign.WORKED),
        (Outcome(kind=OutcomeKind.REFUSED, error=ErrorInfo("9", "", "", ErrorKind.ACCOUNT)), Sign.MENDING),
        (Outcome(kind=OutcomeKind.REFUSED, error=vonage_error("15")), Sign.WORKED),
        (Outcome(kind=OutcomeKind.REFUSED, error=ErrorInfo("5", "", "", ErrorKind.TEMPORARY)), Sign.FAILED),
        (Outcome(kind=OutcomeKind.REFUSED, error=ErrorInfo("7", "", "", ErrorKind.OPTED_OUT)), Sign.WORKED),
    ],
)
def test_what_an_outcome_tells_of_the_vendor(outcome: Outcome, sign: Sign) -> None:
    assert sign_of(outcome) is sign


# While it is open


def test_what_another_process_opened_counts_at_once(bridge: Bridge, network: Network) -> None:
    sms = texts(bridge, 3)[0]
    due = sms.next_at
    opened(sms.account)
    assert send() == 0
    sms.refresh_from_db()
    assert (network.requests, untouched(), sms.next_at) == ([], 3, due)


def test_texts_of_other_accounts_go_on(bridge: Bridge, network: Network) -> None:
    opened(texts(bridge, 100)[0].account)
    other = factories.vendor_account(options={"url": network.url})
    without_bridge(linked(bridge, number=factories.pool(1, account=other).numbers.get()))
    send()
    assert (len(network.requests), untouched()) == (1, 100)


def test_it_says_when_the_next_try_is(bridge: Bridge, network: Network) -> None:
    opened(texts(bridge, 3)[0].account, 40)
    step = Sender().step()
    assert (step.done, step.more) == (0, False)
    assert step.next_in is not None
    assert 39 < step.next_in <= 40


def test_without_a_text_to_try_nobody_looks(bridge: Bridge, network: Network) -> None:
    opened(bridge.pool.numbers.all()[0].account, -1)
    assert Sender().step().next_in is None
    linked(bridge, next_at=timezone.now() + timedelta(seconds=30))
    assert queue.seconds_to_next() == pytest.approx(30, abs=1)


def test_a_pause_of_the_account_holds_the_try_back_too(bridge: Bridge, network: Network) -> None:
    opened(texts(bridge, 3)[0].account, -1)
    VendorAccount.objects.update(paused=True)
    factories.forget()
    assert (send(), network.requests, Sender().step().next_in) == (0, [], None)


# The try


def test_one_text_tries_and_all_go_when_it_is_accepted(bridge: Bridge, network: Network) -> None:
    opened(texts(bridge, 100)[0].account, -1)
    work()
    assert OutboundSms.objects.filter(state="sent").count() == 100
    assert (row().opened_at, row().failures) == (None, 0)


def test_one_text_tries_and_the_others_wait_longer_when_it_fails(bridge: Bridge, network: Network) -> None:
    opened(texts(bridge, 20)[0].account, -1)
    pauses = []
    for tries in (1, 2, 3):
        network.script = [servers.answer(500)]
        the_pause_is_over()
        work()
        assert (len(network.requests), untouched()) == (tries, 20 - tries)
        pauses.append((row().probe_at - timezone.now()).total_seconds())  # type: ignore[operator]
    assert row().openings == 4
    assert [1 - 0.1 < pauses[0] <= 2, 2 - 0.1 < pauses[1] <= 4, 4 - 0.1 < pauses[2] <= 8] == [True] * 3


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_several_workers_exactly_one_tries(bridge: Bridge, network: Network) -> None:
    opened(texts(bridge, 30)[0].account, -1)
    breaker.note(True)
    for _ in range(3):
        network.script = [after_a_while(servers.answer(500))] * 4
        before = len(network.requests)
        the_pause_is_over()
        together([some_steps] * 4)
        assert len(network.requests) == before + 1


def after_a_while(step: Step) -> Step:
    return act_after(lambda: time.sleep(0.3), step)


def some_steps() -> None:
    for _ in range(3):
        Sender().step()


def test_a_worker_that_ends_while_it_tries_keeps_the_others_waiting_for_a_minute(
    bridge: Bridge, network: Network, settings: Settings
) -> None:
    opened(texts(bridge, 5)[0].account, -1)
    queue.seconds_to_next()
    with crash_at("smsbridge.services.sending.claim", after=True):
        send()
    assert (send(), network.requests) == (0, [])
    assert queue.seconds_to_next() == pytest.approx(settings.SENDING_SECONDS, abs=5)
    the_pause_is_over()
    send()
    assert len(network.requests) == 4, "the first one's fate is not known"


def test_a_text_that_is_withdrawn_lets_the_next_one_try(bridge: Bridge, network: Network) -> None:
    first = texts(bridge, 3)[0]
    opened(first.account, -1)
    Lease.objects.filter(phone=first.phone).delete()
    for _ in range(2):
        work()
    first.refresh_from_db()
    assert (first.state, len(network.requests)) == ("withdrawn", 2)


def test_a_text_whose_vendor_is_not_called_lets_the_next_one_try(bridge: Bridge, network: Network) -> None:
    first = texts(bridge, 3)[0]
    opened(first.account, -1)
    OutboundSms.objects.filter(pk=first.pk).update(text="x" * 2000)
    work()
    first.refresh_from_db()
    assert (first.state, len(network.requests), row().opened_at) == ("dead", 2, None)


# A vendor that asks to be left alone


def test_a_vendor_that_asks_for_a_pause_gets_it(bridge: Bridge, network: Network) -> None:
    texts(bridge, 40)
    network.script = [servers.answer(429, b"{}", {"Retry-After": "30"})]
    send()
    assert len(network.requests) <= AT_MOST
    assert untouched() >= 40 - AT_MOST
    assert row().openings == 0, "it works"
    assert 25 < (row().probe_at - timezone.now()).total_seconds() <= 30  # type: ignore[operator]
    the_pause_is_over()
    send()
    assert OutboundSms.objects.filter(state="sent").count() == 39


# The row


def report(**fields: object) -> Report:
    return Report(account=1, slug="a", reason="It did not answer.", **fields)  # type: ignore[arg-type]


def after(*reports: tuple[float, Report]) -> Breaker:
    """A breaker after reports, each so many seconds after the one before."""
    made, now = Breaker(account_id=1, failures=0, openings=0, reason=""), NOW
    for seconds, one in reports:
        now += timedelta(seconds=seconds)
        apply(made, one, now)
    return made


FAILED, TRIED, WORKED = report(failures=OPENS_AFTER), report(failures=1, probe_failed=True), report(worked=True)


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    assert after((0, report(failures=OPENS_AFTER - 1))).opened_at is None
    assert after((0, report(failures=OPENS_AFTER - 1)), (1, report(failures=1))).opened_at is not None
    assert after((0, report(failures=4)), (1, report(worked=True, failures=4))).opened_at is None


@pytest.mark.parametrize(("mending", "least", "most"), [(False, 30, 60), (True, 300, 600)])
def test_the_pause_doubles_up_to_a_limit(mending: bool, least: float, most: float) -> None:
    pauses = [breaker.pause(openings, mending=mending) for openings in range(1, 40)]
    assert all(least <= pause <= most for pause in pauses[6:])
    assert pauses[0] <= most / 20


def test_what_was_on_its_way_when_it_opened_does_not_prolong_the_pause() -> None:
    made = after((0, FAILED))
    probe_at = made.probe_at
    apply(made, report(failures=20), NOW + timedelta(seconds=1))
    assert (made.probe_at, made.openings) == (probe_at, 1)


def test_a_vendor_that_works_for_a_moment_only_is_given_longer_pauses() -> None:
    flapping = [(1, FAILED), (1, WORKED)] * 6
    assert after(*flapping, (1, FAILED)).openings == 7
    assert after(*flapping, (600, FAILED)).openings == 1


def test_a_try_that_is_asked_to_wait_waits_that_long() -> None:
    made = after((0, FAILED), (2, report(probe_failed=True, asks=300)))
    assert made.probe_at == NOW + timedelta(seconds=302)


def test_it_says_in_words_what_it_waits_for() -> None:
    made = after((0, report(failures=OPENS_AFTER, asks=30)))
    words = breaker.in_words(made, NOW + timedelta(seconds=10))
    assert words == "Texts wait since 10 s: It did not answer. The next try is in 20 s."
    assert breaker.in_words(after((0, FAILED), (1, WORKED)), NOW) == ""


# What an operator sees and does


def test_opening_and_closing_are_logged_once_each(
    bridge: Bridge, network: Network, caplog: pytest.LogCaptureFixture
) -> None:
    sms = texts(bridge, 20)[0]
    network.script = [servers.answer(500)] * 10
    with caplog.at_level(logging.INFO, "smsbridge.services.breaker"):
        for _ in range(20):
            the_pause_is_over()
            send()
    said = [one.getMessage() for one in caplog.records if one.name == "smsbridge.services.breaker"]
    assert [one.levelname for one in caplog.records if one.name == "smsbridge.services.breaker"] == ["WARNING"] * 2
    assert all(sms.account.slug in words for words in said)
    assert "answered 500" in said[0]
    assert "go again" in said[1]


def test_the_admin_says_why_texts_wait_and_tries_at_once(
    admin_client: Client, bridge: Bridge, network: Network
) -> None:
    account = texts(bridge, 3)[0].account
    opened(account)
    for page in (pages.url("vendoraccount"), pages.url("vendoraccount", account.pk, "change")):
        assert "It did not answer. The next try is in" in html(admin_client, page)
    shown = pages.run_action(admin_client, "vendoraccount", "try_now", [account])
    assert "Tried with the next text: 1." in shown
    assert LogEntry.objects.get().object_id == str(account.pk)
    work()
    assert OutboundSms.objects.filter(state="sent").count() == 3
    assert "held back" not in html(admin_client, pages.url("vendoraccount"))


def test_an_account_that_is_saved_is_tried_at_once(admin_client: Client, bridge: Bridge, network: Network) -> None:
    account = texts(bridge, 3)[0].account
    opened(account)
    form = {"name": "Vendor", "slug": account.slug, "set__url": network.url}
    assert admin_client.post(pages.url("vendoraccount", account.pk, "change"), form).status_code == 302
    assert row().probe_at <= timezone.now()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("pace", "status"), [("1", 302), ("", 302), ("0", 200), ("-1", 200), ("1e9", 200), ("nan", 200), ("0.05", 200)]
)
def test_the_admin_takes_only_paces_that_make_sense(
    admin_client: Client, bridge: Bridge, network: Network, pace: str, status: int
) -> None:
    account = VendorAccount.objects.get()
    form = {"name": "Vendor", "slug": account.slug, "set__url": network.url, "number_segments_per_second": pace}
    assert admin_client.post(pages.url("vendoraccount", account.pk, "change"), form).status_code == status
    account.refresh_from_db()
    assert account.number_segments_per_second == (float(pace) if pace and status == 302 else None)


@pytest.mark.parametrize("pace", [None, 100.0])
def test_tries_of_many_accounts_do_not_stop_the_others(bridge: Bridge, network: Network, pace: float | None) -> None:
    VendorAccount.objects.update(segments_per_second=pace)
    texts(bridge, AT_MOST)
    for index in range(AT_MOST + 1):
        account = factories.vendor_account(options={"url": network.url})
        opened(account, seconds=-1)
        number = factories.pool(1, account=account).numbers.get()
        without_bridge(linked(bridge, number=number, phone=factories.phone(50 + index)))
    queue.seconds_to_next()
    assert len(clearance.claim(AT_MOST)) == AT_MOST
    send()
    assert untouched() == 0


# A vendor that hangs


def test_a_vendor_that_hangs_does_not_hold_up_another_ones_texts(
    bridge: Bridge, network: Network, settings: Settings
) -> None:
    settings.HTTP_TIMEOUT_SECONDS = 3
    stuck = texts(bridge, 20)
    network.script = [servers.hang] * 20
    with Network() as healthy:
        other = factories.vendor_account(options={"url": healthy.url})
        well = without_bridge(linked(bridge, number=factories.pool(1, account=other).numbers.get(), phone=LAST_PHONE))
        send()
    well.refresh_from_db()
    first = OutboundSms.objects.filter(account=stuck[0].account, state="uncertain").earliest("settled_at")
    assert well.sent_at is not None
    assert first.settled_at is not None
    assert well.sent_at < first.settled_at - timedelta(seconds=1)
    assert untouched() >= 20 - AT_MOST


@pytest.mark.parametrize("longest", [sending._LONGEST_STEP, 0.3])
@pytest.mark.django_db(transaction=True)
def test_what_is_made_while_a_vendor_hangs_does_not_wait_for_it(
    bridge: Bridge, network: Network, settings: Settings, monkeypatch: pytest.MonkeyPatch, longest: float
) -> None:
    """Not even once the step has lasted long enough."""
    settings.HTTP_TIMEOUT_SECONDS = 2
    monkeypatch.setattr(sending, "_LONGEST_STEP", longest)
    stuck = texts(bridge, 1)[0]
    other = factories.vendor_account(options={"url": network.url})
    number = factories.pool(1, account=other).numbers.get()
    made: list[OutboundSms] = []

    def make(peer: Peer, received: Received) -> None:
        time.sleep(0.6)  # by now the vendor counts as silent
        with transaction.atomic():  # the sender must not see the text before its link
            made.append(without_bridge(linked(bridge, number=number, phone=LAST_PHONE)))
        connection.close()
        servers.hang(peer, received)

    network.script = [make]
    send()
    stuck.refresh_from_db()
    made[0].refresh_from_db()
    assert (stuck.state, made[0].state) == ("uncertain", "sent")
    assert made[0].sent_at < stuck.settled_at - timedelta(seconds=0.5)  # type: ignore[operator]
