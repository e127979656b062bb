"""Each SMS is handed to the vendor at most once, and every way that a call can end is told apart."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from notifier.backoff import MAX_ATTEMPTS, backoff
from notifier.models import Receipt
from notifier.platforms.base import ChatEvent, Kind, MessageFacts, Part
from notifier.runner import Step
from notifier.services.conversations import Arrived
from notifier.services.merging import merge
from smsbridge.models import Breaker, Bridge, Lease, Notice, Number, OptOut, OutboundSms, VendorAccount
from smsbridge.services import clearance, composing, contacts, leases, outcomes, queue, sending, unsettled
from smsbridge.services.outcomes import Flight
from smsbridge.vendors.fake import Fake
from tests import factories
from tests.factories import BENS_PHONE, conversation, linked, message
from tests.notifier import servers
from tests.smsbridge.calls import receipt
from tests.smsbridge.racing import together
from tests.smsbridge.stages import compose, send
from tests.smsbridge.upstreams import Network, after, refused


@pytest.fixture(autouse=True)
def short_time_out(settings: Settings) -> None:
    settings.HTTP_TIMEOUT_SECONDS = 0.5


def now_of(sms: OutboundSms) -> OutboundSms:
    sms.refresh_from_db()
    return sms


def state_of(sms: OutboundSms) -> str:
    return now_of(sms).state


def make_due(sms: OutboundSms) -> None:
    """Also if its vendor asked to be left alone for a while."""
    past = timezone.now() - timedelta(milliseconds=1)
    OutboundSms.objects.filter(pk=sms.pk).update(next_at=past)
    Breaker.objects.update(probe_at=past)


def wait_of(sms: OutboundSms) -> float:
    return (now_of(sms).next_at - timezone.now()).total_seconds()


# What the vendor answers


def test_it_hands_a_ready_text_to_the_vendor(bridge: Bridge, network: Network) -> None:
    sms = linked(bridge)
    assert send() == 1
    (told,) = network.requests
    assert (told["from"], told["to"], told["text"]) == (sms.number.e164, BENS_PHONE, "Ann: Hello")
    assert told["reference"] == sms.pk.hex
    assert told["status_url"].endswith(f"/webhooks/sms/{sms.account.slug}/status/")
    now_of(sms)
    assert (sms.state, sms.vendor_id, sms.attempts) == ("sent", "v-1", 1)
    assert sms.sent_at is not None
    assert sms.log == []
    assert send() == 0
    assert len(network.requests) == 1


def test_it_leaves_what_is_not_due_alone(bridge: Bridge, network: Network) -> None:
    linked(bridge, next_at=timezone.now() + timedelta(minutes=1))
    assert send() == 0
    assert network.requests == []


def test_it_sends_many_over_few_claims(bridge: Bridge, network: Network) -> None:
    for index in range(90):
        linked(bridge, text=f"{index}", phone=factories.phone(index))
    assert send() == 90
    assert sorted(network.texts, key=int) == [f"{index}" for index in range(90)]
    assert OutboundSms.objects.filter(state="sent").count() == 90


def test_a_refusal_is_final_and_says_why(bridge: Bridge, network: Network) -> None:
    sms = linked(bridge)
    network.script = [refused("30007")]
    send()
    now_of(sms)
    assert (sms.state, sms.code) == ("dead", "30007")
    assert "filtered" in sms.reason
    assert sms.settled_at is not None
    make_due(sms)
    send()
    assert len(network.requests) == 1


def test_it_comes_back_when_the_vendor_asked_it_to(bridge: Bridge, network: Network) -> None:
    sms = linked(bridge)
    network.script = [servers.answer(429, b"{}", {"Retry-After": "120"})]
    send()
    assert state_of(sms) == "ready"
    assert 115 < wait_of(sms) <= 120
    assert send() == 0
    make_due(sms)
    send()
    assert (state_of(sms), sms.attempts, len(network.requests)) == ("sent", 2, 2)
    assert [entry[1] for entry in sms.log] == ["ready", "sent"]


@pytest.mark.parametrize(
    "step", [refused("20003", 401), servers.answer(401), refused("30003"), servers.answer(402), refused("20429", 429)]
)
def test_it_tries_again_what_was_certainly_not_accepted(bridge: Bridge, network: Network, step: servers.Step) -> None:
    sms = linked(bridge)
    network.script = [step]
    send()
    assert state_of(sms) == "ready"
    assert 1 < wait_of(sms) < 5
    assert sms.reason
    make_due(sms)
    send()
    assert state_of(sms) == "sent"


def test_it_tries_again_when_the_connection_is_refused(bridge: Bridge, network: Network) -> None:
    sms = linked(bridge)
    account = sms.account
    account.options = {"url": servers.refusing_url()}
    account.save()
    factories.forget()
    send()
    assert state_of(sms) == "ready"
    account.options = {"url": network.url}
    account.save()
    factories.forget()
    make_due(sms)
    send()
    assert state_of(sms) == "sent"


@pytest.mark.parametrize(
    "step",
    [
        servers.answer(500),
        servers.answer(503, b"away"),
        servers.reset,
        servers.close,
        servers.hang,
        servers.hang_in_body,
        servers.cut_body,
        servers.garbage,
        servers.answer(200, b"<html>"),
        servers.answer(202, b'{"id": 7}'),
        servers.answer(301, b"", {"Location": "/elsewhere"}),
    ],
    ids=lambda step: getattr(step, "__name__", "answer"),
)
def test_what_may_have_been_accepted_is_uncertain_and_never_sent_again(
    bridge: Bridge, network: Network, step: servers.Step
) -> None:
    sms = linked(bridge)
    network.script = [step]
    send()
    now_of(sms)
    assert sms.state == "uncertain"
    assert sms.reason
    assert sms.settled_at is not None
    make_due(sms)
    unsettled.lose_track()
    assert send() == 0
    assert len(network.requests) == 1


def test_it_gives_up_after_so_many_tries(bridge: Bridge, network: Network) -> None:
    sms = linked(bridge)
    network.script = [servers.answer(429) for _ in range(MAX_ATTEMPTS)]
    for _ in range(MAX_ATTEMPTS):
        assert state_of(sms) == "ready"
        make_due(sms)
        send()
    now_of(sms)
    assert (sms.state, sms.attempts, len(network.requests)) == ("dead", MAX_ATTEMPTS, MAX_ATTEMPTS)
    assert "Given up" in sms.reason


def test_a_text_that_the_vendor_could_not_take_is_not_sent_at_all(bridge: Bridge, network: Network) -> None:
    sms, other = linked(bridge, text="x" * 2000), linked(bridge)
    send()
    assert [state_of(sms), state_of(other)] == ["dead", "sent"]
    assert "1600" in sms.reason
    assert len(network.requests) == 1


def test_somebody_whom_the_vendor_says_opted_out_is_remembered(bridge: Bridge, network: Network) -> None:
    sms = linked(bridge)
    network.script = [refused("21610")]
    send()
    assert state_of(sms) == "dead"
    one = OptOut.objects.get()
    assert (one.phone, one.source) == (BENS_PHONE, "vendor")
    assert "21610" in one.note


def test_a_vendor_that_repeats_an_id_does_not_fail_the_batch(bridge: Bridge, network: Network) -> None:
    for index in range(4):
        linked(bridge, phone=factories.phone(index))
    network.script = [servers.answer(202, b'{"id": "same"}') for _ in range(3)]
    send()
    assert OutboundSms.objects.filter(state="sent").count() == 4
    assert OutboundSms.objects.filter(vendor_id="same").count() == 1
    assert len(network.requests) == 4


@pytest.mark.parametrize("happen", ["dead", "uncertain", "withdrawn"])
def test_a_failed_text_does_not_lose_the_introduction(bridge: Bridge, network: Network, happen: str) -> None:
    Bridge.objects.update(introduction="Hi.")
    factories.forget()
    place = conversation(bridge.hook.chat_app)
    first = message(place, "One")
    factories.notice(bridge, first)
    compose()
    network.script = [refused("30007") if happen == "dead" else servers.answer(500)]
    if happen == "withdrawn":
        network.script = []
        Receipt.objects.update(rank=2)
    send()
    assert OutboundSms.objects.get().state == happen
    factories.notice(bridge, message(place, "Two"))
    compose()
    assert OutboundSms.objects.latest("created_at").text == "Hi.\nAnn: Two"


def test_a_throttled_text_keeps_its_introduction(bridge: Bridge, network: Network) -> None:
    sms = linked(bridge)
    Lease.objects.update(introduced_by=sms)
    network.script = [servers.answer(429)]
    send()
    assert Lease.objects.get().introduced_by == sms


def test_a_dry_run_does_everything_but_the_call(bridge: Bridge, network: Network) -> None:
    Bridge.objects.update(dry_run=True)
    factories.forget()
    sms = linked(bridge, [message(conversation(bridge.hook.chat_app))])
    send()
    compose()
    assert network.requests == []
    assert state_of(sms) == "withdrawn"
    assert "Dry run" in sms.reason
    assert OutboundSms.objects.count() == 1


def test_what_a_paused_account_holds_does_not_hold_what_is_written_after_its_number_was_moved(
    bridge: Bridge, network: Network
) -> None:
    held = linked(bridge)
    VendorAccount.objects.filter(pk=held.account_id).update(paused=True)
    Number.objects.filter(pk=held.number_id).update(account=factories.vendor_account(options={"url": network.url}))
    factories.forget()
    later = linked(bridge, number=Number.objects.get(pk=held.number_id))
    send()
    assert (state_of(held), state_of(later)) == ("ready", "sent")


# The commit before the call


@pytest.mark.django_db(transaction=True)
def test_the_row_says_sending_in_a_commit_before_the_vendor_is_called(bridge: Bridge, network: Network) -> None:
    sms = linked(bridge)
    seen: list[tuple[str, int]] = []

    def look() -> None:
        seen.append(OutboundSms.objects.values_list("state", "attempts").get(pk=sms.pk))
        connection.close()

    network.script = [after(look, network.accept)]
    send()
    assert seen == [("sending", 1)]
    assert state_of(sms) == "sent"


def test_a_lost_send_becomes_uncertain(bridge: Bridge, network: Network) -> None:
    own = factories.lease(bridge.pool.numbers.all()[0], conversation(bridge.hook.chat_app))
    sms = linked(bridge, number=own.number)
    Lease.objects.update(introduced_by=sms)
    clearance.claim(10)
    assert unsettled.lose_track() == 0, "its worker may still be waiting for the vendor"
    make_due(sms)
    assert unsettled.lose_track() == 1
    now_of(sms)
    assert (sms.state, len(network.requests)) == ("uncertain", 0)
    assert sms.reason
    assert Lease.objects.get().introduced_by is None


def test_a_late_answer_settles_what_had_become_uncertain(bridge: Bridge, network: Network) -> None:
    sms = linked(bridge)

    def lose() -> None:
        make_due(sms)
        unsettled.lose_track()

    (flight,) = clearance.claim(10)
    lose()
    assert state_of(sms) == "uncertain"
    outcomes.write([sending._result(flight, accepted("v-9"))])
    assert (state_of(sms), sms.vendor_id) == ("sent", "v-9")


def accepted(vendor_id: str) -> Any:
    from notifier.wire import Response

    return Response(202, {}, json.dumps({"id": vendor_id}).encode())


def test_an_answer_that_comes_after_somebody_elses_try_changes_nothing(bridge: Bridge, network: Network) -> None:
    sms = linked(bridge)
    (flight,) = clearance.claim(10)
    OutboundSms.objects.update(state="ready", claim=None)
    make_due(sms)
    (newer,) = clearance.claim(10)
    outcomes.write([sending._result(flight, accepted("old"))])
    assert state_of(sms) == "sending"
    outcomes.write([sending._result(newer, accepted("new"))])
    assert (state_of(sms), sms.vendor_id) == ("sent", "new")


def test_an_answer_outlives_a_database_that_goes_away(
    bridge: Bridge, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    sms = linked(bridge)
    sender, write = sending.Sender(), outcomes.write

    def away(_: object) -> None:
        monkeypatch.setattr(outcomes, "write", write)
        raise OperationalError("the database is starting up")

    monkeypatch.setattr(outcomes, "write", away)
    with pytest.raises(OperationalError):
        sender.step()
    assert state_of(sms) == "sending"
    sender.step()
    assert state_of(sms) == "sent"
    assert len(network.requests) == 1


def test_a_price_or_code_that_no_column_holds_does_not_cost_the_outcome(bridge: Bridge, network: Network) -> None:
    from decimal import Decimal

    from smsbridge.vendors.base import ErrorInfo, ErrorKind, Outcome, OutcomeKind

    sms = linked(bridge)
    (flight,) = clearance.claim(10)
    error = ErrorInfo("9" * 60, "odd", "", ErrorKind.UNKNOWN)
    odd = Outcome(kind=OutcomeKind.SENT, vendor_id="v-1", price=Decimal(10) ** 9, error=error)
    outcomes.write([outcomes.Result(flight, odd)])
    assert (state_of(sms), sms.vendor_id, sms.price) == ("sent", "v-1", None)


def test_what_the_vendor_answered_while_the_database_was_away_is_not_lost(
    bridge: Bridge, network: Network, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even when it is away for longer than a call may take."""
    sms, sender, claim = linked(bridge), sending.Sender(), clearance.claim
    network.script = [after(lambda: time.sleep(0.2), network.accept)]
    answers: Iterator[Callable[..., list[Flight]]] = iter([claim, away, away])
    monkeypatch.setattr(sending, "claim", lambda *args: next(answers, claim)(*args))
    for _ in range(2):
        with pytest.raises(OperationalError):
            sender.step()
        time.sleep(settings.HTTP_TIMEOUT_SECONDS * 1.2)  # as the runner does
    sender.step()
    assert (state_of(sms), len(network.requests)) == ("sent", 1)


def away(*_: object) -> list[Flight]:
    raise OperationalError("the database is starting up")


def test_a_worker_that_stood_still_after_its_claim_hands_nothing_over(
    bridge: Bridge, network: Network, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it may be sent was asked too long ago."""
    settings.SENDING_SECONDS = 0.4
    sms, claim = linked(bridge), clearance.claim

    def frozen(*args: Any) -> list[Flight]:
        flights = claim(*args)
        if flights:
            time.sleep(0.5)
            OptOut.objects.create(phone=BENS_PHONE, source="keyword")
            assert unsettled.lose_track() == 1
        return flights

    monkeypatch.setattr(sending, "claim", frozen)
    send()
    assert (state_of(sms), network.requests) == ("ready", [])
    assert "stood still" in sms.reason
    make_due(sms)
    send()
    assert (state_of(sms), network.requests) == ("withdrawn", [])


@pytest.mark.parametrize(("method", "state"), [("request_for", "dead"), ("outcome", "uncertain")])
def test_an_adapter_that_fails_costs_one_text(
    bridge: Bridge, network: Network, monkeypatch: pytest.MonkeyPatch, method: str, state: str
) -> None:
    real = getattr(Fake, method)
    failed: list[Any] = []

    def fail_once(self: Fake, about: Any) -> Any:
        if not failed:
            failed.append(about)
            raise KeyError(BENS_PHONE)
        return real(self, about)

    monkeypatch.setattr(Fake, method, fail_once)
    for index in range(20):
        linked(bridge, phone=factories.phone(index))
    send()
    assert OutboundSms.objects.filter(state="sent").count() == 19
    odd = OutboundSms.objects.get(state=state)
    assert odd.reason
    assert BENS_PHONE not in odd.reason


# What comes between composing and sending


def composed(bridge: Bridge, *texts: str) -> tuple[OutboundSms, list[Notice]]:
    place = conversation(bridge.hook.chat_app)
    for index, text in enumerate(texts):
        factories.notice(bridge, message(place, text, sent_at=timezone.now() - timedelta(seconds=60 - index)))
    compose()
    return OutboundSms.objects.get(), list(Notice.objects.order_by("pk"))


def read(told: Notice) -> None:
    Receipt.objects.filter(message=told.message).update(rank=2)


def delete(told: Notice) -> None:
    told.message.deleted_at = timezone.now()
    told.message.save()


def delete_conversation(told: Notice) -> None:
    told.conversation.deleted_at = timezone.now()
    told.conversation.save()


def leave(told: Notice) -> None:
    from notifier.models import Departure

    Departure.objects.create(conversation=told.conversation, user_id=told.user_id, left_at=timezone.now())


def opt_out(told: Notice) -> None:
    OptOut.objects.create(phone=BENS_PHONE, source="keyword")


def edit(told: Notice) -> None:
    facts = MessageFacts(
        id=told.message.key,
        sender_id=factories.ANN,
        sender_name=None,
        parts=(Part("text/plain", "Better so"),),
        sent_at=told.message.sent_at,
    )
    place = told.conversation.key
    event = ChatEvent(key="e", type="edited", kind=Kind.EDITED, at=timezone.now(), conversation=place, message=facts)
    merge(told.message.chat_app_id, [], [Arrived(timezone.now(), event, None)])


def test_an_edit_while_its_text_is_composed_is_not_missed(
    bridge: Bridge, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading the words and storing the text lies the platform's time to say who is who."""
    told = factories.notice(bridge)
    read = contacts.people

    def slowly(*args: Any, **named: Any) -> Any:
        if not OutboundSms.objects.exists() and told.message.edited_at is None:
            edit(told)
            told.message.refresh_from_db()
        return read(*args, **named)

    monkeypatch.setattr(composing, "people", slowly)
    compose()
    send()
    compose()
    send()
    assert network.texts == ["Ann: Better so"]


def grow_old(told: Notice) -> None:
    old = timezone.now() - timedelta(hours=13)
    Notice.objects.update(due_at=old)
    OutboundSms.objects.update(due_at=old)


@pytest.mark.parametrize(
    ("happen", "reason"),
    [
        (read, "read"),
        (delete, "deleted"),
        (delete_conversation, "deleted"),
        (leave, "left"),
        (opt_out, "opted out"),
        (grow_old, "too old"),
    ],
)
def test_what_happens_meanwhile_prevents_the_call(
    bridge: Bridge, network: Network, happen: Callable[[Notice], None], reason: str
) -> None:
    sms, (told,) = composed(bridge, "Hello")
    happen(told)
    send()
    assert network.requests == []
    assert state_of(sms) == "withdrawn"
    assert sms.reason
    compose()
    told.refresh_from_db()
    assert (told.state, told.reason) == ("skipped", reason)
    assert (compose(), send(), network.requests) == (0, 0, [])


def test_the_other_messages_of_a_withdrawn_text_are_told_again(bridge: Bridge, network: Network) -> None:
    Bridge.objects.update(introduction="Hi.")
    factories.forget()
    sms, (_, second, _) = composed(bridge, "One", "Two", "Three")
    read(second)
    send()
    compose()
    send()
    assert network.texts == ["Hi.\nAnn: One\nAnn: Three"]
    assert state_of(sms) == "withdrawn"


def test_an_edit_changes_the_text_of_what_is_ready(bridge: Bridge, network: Network) -> None:
    sms, (told, _) = composed(bridge, "One", "Two")
    edit(told)
    for stage in (send, compose, send):
        stage()
    assert network.texts == ["Ann: Better so\nAnn: Two"]
    assert state_of(sms) == "withdrawn"


def test_an_edit_of_before_it_was_composed_holds_nothing_up(bridge: Bridge, network: Network) -> None:
    told = factories.notice(bridge)
    edit(told)
    for stage in (compose, send):
        stage()
    assert network.texts == ["Ann: Better so"]


# Its number still stands for its conversation


def take_over(sms: OutboundSms) -> None:
    Lease.objects.update(conversation=conversation(sms.bridge.hook.chat_app))  # type: ignore[union-attr]


def give_to_somebody_else(sms: OutboundSms) -> None:
    Lease.objects.update(user_id="cid")


def release(sms: OutboundSms) -> None:
    leases.release(Lease.objects.values_list("pk", flat=True))


def deactivate(sms: OutboundSms) -> None:
    Number.objects.filter(pk=sms.number_id).update(active=False)


def take_from_the_pool(sms: OutboundSms) -> None:
    Number.objects.filter(pk=sms.number_id).update(pool=None)


def change_the_pool(sms: OutboundSms) -> None:
    Bridge.objects.update(pool=factories.pool(1, account=sms.account))


@pytest.mark.parametrize(
    "happen", [take_over, give_to_somebody_else, release, deactivate, take_from_the_pool, change_the_pool]
)
def test_nothing_is_sent_from_a_number_that_no_longer_stands_for_its_conversation(
    bridge: Bridge, network: Network, happen: Callable[[OutboundSms], None]
) -> None:
    sms, (told,) = composed(bridge, "Hello")
    happen(sms)
    factories.forget()
    send()
    assert network.requests == []
    assert (state_of(sms), sms.reason) == ("withdrawn", "Its number no longer stands for this conversation.")
    for stage in (compose, send):
        stage()
    told.refresh_from_db()
    link = Lease.objects.get(conversation=told.conversation, user_id=told.user_id, left_at=None)
    assert told.sms is not None
    assert (told.sms.state, told.sms.number) == ("sent", link.number)
    assert [one["from"] for one in network.requests] == [link.number.e164]


def test_a_text_that_waited_is_not_sent_among_those_of_another_conversation(bridge: Bridge, network: Network) -> None:
    kept = bridge.pool.numbers.order_by("pk")[0]
    Number.objects.exclude(pk=kept.pk).update(active=False)
    factories.forget()
    sms, _ = composed(bridge, "Of one")
    network.script = [servers.answer(429, b"{}", {"Retry-After": "120"})]
    send()
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    factories.notice(bridge, message(conversation(bridge.hook.chat_app), "Of another"))
    compose()
    make_due(sms)
    send(), send()
    assert network.texts == ["Ann: Of one", "Ann: Of another"]
    assert state_of(sms) == "withdrawn"
    compose()
    assert Notice.objects.get(message__text="Of one").reason == "pool used up"


def test_a_text_that_is_about_no_conversation_needs_no_link(bridge: Bridge, network: Network) -> None:
    sms = factories.outbound(bridge)
    OutboundSms.objects.update(bridge=None, conversation=None, user_id="")
    send()
    assert state_of(sms) == "sent"


# The introduction


@pytest.mark.parametrize("step", [refused("30007"), servers.answer(500)], ids=["dead", "uncertain"])
def test_the_first_text_that_arrives_introduces(bridge: Bridge, network: Network, step: servers.Step) -> None:
    """Also when it was composed while the one that should have done so was still to be sent."""
    Bridge.objects.update(introduction="Hi.")
    factories.forget()
    place = conversation(bridge.hook.chat_app)
    for text in ("One", "Two", "Three"):
        factories.notice(bridge, message(place, text))
        compose()
    network.script = [step]
    for stage in (send, compose, send):
        stage()
    assert network.texts == ["Hi.\nAnn: One", "Hi.\nAnn: Two\nAnn: Three"]


def test_a_receipt_that_says_undelivered_has_the_next_text_introduce(bridge: Bridge, network: Network) -> None:
    Bridge.objects.update(introduction="Hi.")
    factories.forget()
    place = conversation(bridge.hook.chat_app)
    factories.notice(bridge, message(place, "One"))
    compose(), send()
    factories.notice(bridge, message(place, "Two"))
    compose()
    receipt(VendorAccount.objects.get(), "undelivered", vendor_id="v-1")
    compose(), send()
    assert network.texts == ["Hi.\nAnn: One", "Hi.\nAnn: Two"]


def test_without_an_introduction_nothing_is_composed_again(bridge: Bridge, network: Network) -> None:
    place = conversation(bridge.hook.chat_app)
    for text in ("One", "Two"):
        factories.notice(bridge, message(place, text))
        compose()
    network.script = [refused("30007")]
    send()
    assert list(OutboundSms.objects.order_by("pk").values_list("state", flat=True)) == ["dead", "sent"]


# What is held back


@pytest.mark.parametrize("what", ["bridge", "app", "account"])
def test_a_pause_holds_texts_back_without_spending_tries(bridge: Bridge, network: Network, what: str) -> None:
    sms, _ = composed(bridge, "Hello")
    held: Any = {"bridge": bridge, "app": bridge.hook.chat_app, "account": sms.account}[what]
    held.paused = True
    held.save()
    factories.forget()
    for _ in range(3):
        make_due(sms)
        send()
    assert (state_of(sms), sms.attempts, network.requests) == ("ready", 0, [])
    held.paused = False
    held.save()
    factories.forget()
    make_due(sms)
    send()
    assert (state_of(sms), sms.attempts) == ("sent", 1)


def test_paused_texts_do_not_hold_up_the_others(bridge: Bridge, network: Network) -> None:
    """Not even more of them than are claimed at a time."""
    for index in range(70):
        linked(bridge, phone=factories.phone(index))
    Bridge.objects.update(paused=True)
    sms = linked(factories.bridge(bridge.hook, bridge.pool))
    for _ in range(2):
        send()
    assert state_of(sms) == "sent"
    assert len(network.requests) == 1


@pytest.mark.parametrize("what", ["bridge", "app", "account"])
def test_a_paused_backlog_is_left_as_it_is(bridge: Bridge, network: Network, what: str) -> None:
    """It is not rewritten over and over, and nobody looks at it before it can be sent."""
    sms = linked(bridge)
    held: Any = {"bridge": bridge, "app": bridge.hook.chat_app, "account": sms.account}[what]
    type(held).objects.filter(pk=held.pk).update(paused=True)
    due = sms.next_at
    step: Step = sending.Sender().step()
    assert (step.done, step.more, step.next_in) == (0, False, None)
    assert (state_of(sms), sms.next_at) == ("ready", due)


def test_a_read_that_was_accepted_before_counts_although_it_is_not_drained_yet(
    bridge: Bridge, network: Network, client: Client
) -> None:
    message_id = "7a0aefb8-3c97-11e4-baad-164230d1df67"
    place = conversation(bridge.hook.chat_app)
    factories.notice(bridge, message(place, key=message_id))
    read_by_ben = factories.layer_event(
        "message.read",
        message=message_id,
        conversation=place.key,
        recipients={"ben": "read"},
        actor="ben",
    )
    assert factories.deliver(client, bridge.hook, read_by_ben).status_code == 204
    compose()
    assert OutboundSms.objects.count() == 1
    send()
    assert (network.requests, OutboundSms.objects.get().state) == ([], "ready")
    assert OutboundSms.objects.get().attempts == 0
    factories.drain()
    OutboundSms.objects.update(next_at=timezone.now() - timedelta(milliseconds=1))
    send()
    assert (network.requests, OutboundSms.objects.get().state) == ([], "withdrawn")


def test_a_busy_conversation_does_not_starve(bridge: Bridge, network: Network, client: Client) -> None:
    """Only events accepted before the text was due stand in its way, however often it was looked at since."""
    place = conversation(bridge.hook.chat_app)
    key = place.key
    sms = linked(bridge, [message(place)])
    first = factories.layer_event(conversation=key)
    OutboundSms.objects.update(created_at=timezone.now() + timedelta(seconds=1), next_at=timezone.now())
    factories.deliver(client, bridge.hook, first)
    send()
    assert network.requests == [], "an event of before stands in its way"
    factories.drain()
    OutboundSms.objects.update(created_at=timezone.now() - timedelta(seconds=1))
    factories.deliver(client, bridge.hook, factories.layer_event(conversation=key))
    make_due(sms)
    send()
    assert state_of(sms) == "sent"


def test_events_of_other_conversations_do_not_hold_it_up(bridge: Bridge, network: Network, client: Client) -> None:
    factories.deliver(client, bridge.hook, factories.layer_event())
    sms = linked(bridge)
    send()
    assert state_of(sms) == "sent"


@pytest.mark.parametrize("hours", [-13, 13])
def test_the_workers_own_clock_decides_nothing(
    bridge: Bridge, network: Network, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    sms = linked(bridge, [message(conversation(bridge.hook.chat_app))])
    import datetime as module

    class Wrong(module.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return module.datetime.now(tz) + timedelta(hours=hours)

    for name in ("smsbridge.services.clearance", "smsbridge.services.history"):
        monkeypatch.setattr(f"{name}.datetime", Wrong)
    send()
    assert state_of(sms) == "sent"


def test_it_waits_for_what_this_process_does_not_know_yet(bridge: Bridge, network: Network) -> None:
    """Another process learnt of a new number first: its texts must not stay behind in `sending`."""
    from smsbridge.services.accounts import live_numbers

    live_numbers()
    made = Number.objects.create(e164="+15559990001", account=bridge.pool.numbers.all()[0].account, pool=bridge.pool)
    sms = linked(bridge, number=made)
    send()
    assert state_of(sms) == "sent"
    assert network.requests[0]["from"] == made.e164


def test_an_account_that_cannot_be_used_holds_back_its_own_texts_only(bridge: Bridge, network: Network) -> None:
    broken = factories.pool(1, account=factories.vendor_account(vendor="unheard of"))
    stuck, well = linked(bridge, number=broken.numbers.get()), linked(bridge)
    send()
    assert [state_of(stuck), state_of(well)] == ["ready", "sent"]
    assert stuck.attempts == 0


def test_a_bridge_that_cannot_be_used_holds_back_its_own_texts_only(bridge: Bridge, network: Network) -> None:
    broken = factories.bridge(bridge.hook, template="<%= nobody")
    stuck, well = linked(broken), linked(bridge)
    send()
    assert [state_of(stuck), state_of(well)] == ["ready", "sent"]


def test_an_account_that_lacks_something_keeps_its_texts_until_it_is_corrected(
    bridge: Bridge, network: Network
) -> None:
    account = VendorAccount.objects.get()
    right = account.options
    change(account, {"url": "sms.example.com/fake"})
    sms = linked(bridge)
    send()
    assert (state_of(sms), sms.attempts) == ("ready", 0)
    change(account, right)
    send()
    assert (state_of(sms), sms.attempts) == ("sent", 1)


def test_an_account_that_is_spoilt_after_the_claim_keeps_its_texts_too(
    bridge: Bridge, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    sms, due = linked(bridge), queue.due

    def spoil(*args: Any) -> Any:
        found = due(*args)
        change(VendorAccount.objects.get(), {"url": "sms.example.com/fake"})
        return found

    monkeypatch.setattr(clearance, "due", spoil)
    send()
    assert state_of(sms) == "ready"
    assert "base URL" in sms.reason


def change(account: VendorAccount, options: dict[str, str]) -> None:
    VendorAccount.objects.filter(pk=account.pk).update(options=options)
    factories.forget()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_senders_never_send_one_text_twice(bridge: Bridge, network: Network) -> None:
    for index in range(200):
        linked(bridge, text=f"{index}", phone=factories.phone(index % 50))
    together([send, send, send])
    assert sorted(network.texts, key=int) == [f"{index}" for index in range(200)]
    assert not OutboundSms.objects.exclude(state="sent").exists()


def test_it_says_when_the_next_text_is_due(bridge: Bridge) -> None:
    linked(bridge, next_at=timezone.now() + timedelta(seconds=30))
    step: Step = sending.Sender().step()
    assert step.next_in is not None
    assert 25 < step.next_in < 31


@given(st.integers(0, 100), st.none() | st.floats(0, 10_000))
def test_the_pause_before_another_try_is_jittered_within_its_bounds(attempt: int, wished: float | None) -> None:
    longest = min(15 * 60, 2 * 2 ** min(attempt, 20))
    wait = backoff(attempt, wished)
    assert wait >= longest / 2
    assert wait >= min(wished or 0.0, 3600)
    assert wait <= max(longest, wished or 0.0)


# The order of a thread on a phone


def test_texts_of_one_thread_leave_in_the_order_of_their_making(bridge: Bridge, network: Network) -> None:
    for index in range(12):
        linked(bridge, text=f"{index}")
    send()
    assert network.texts == [f"{index}" for index in range(12)]


def test_a_text_waits_for_the_one_before_it_that_is_tried_again(bridge: Bridge, network: Network) -> None:
    network.script = [refused("20429", 429)]
    first, second = linked(bridge, text="first"), linked(bridge, text="second")
    send()
    assert network.texts == ["first"]
    assert state_of(second) == "ready"
    make_due(first)
    send()
    assert network.texts == ["first", "first", "second"]


def test_a_text_that_is_settled_holds_up_nobody(bridge: Bridge, network: Network) -> None:
    network.script = [servers.reset, refused("30007")]
    for word in ("uncertain", "dead", "sent"):
        linked(bridge, text=word)
    send()
    assert network.texts == ["uncertain", "dead", "sent"]


def test_another_thread_is_not_held_up(bridge: Bridge, network: Network) -> None:
    linked(bridge, text="later", next_at=timezone.now() + timedelta(minutes=1))
    linked(bridge, text="elsewhere", number=Number.objects.exclude(pk=bridge.pool.numbers.order_by("pk")[0].pk)[0])
    send()
    assert network.texts == ["elsewhere"]


def test_a_text_that_waits_for_an_earlier_one_does_not_keep_the_worker_busy(bridge: Bridge) -> None:
    linked(bridge, next_at=timezone.now() + timedelta(seconds=30))
    linked(bridge)
    step: Step = sending.Sender().step()
    assert (step.done, step.more) == (0, False)
    assert step.next_in is not None
    assert 25 < step.next_in < 31
