"""A text of which nobody knows whether it was sent is looked up at the vendor, where the vendor can be asked."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from notifier import stages
from notifier.backoff import MAX_ATTEMPTS
from notifier.wire import Answer
from smsbridge.models import Bridge, Notice, Number, OutboundSms, VendorAccount
from smsbridge.services import clearance, outcomes, reconciling, unsettled
from smsbridge.services.accounts import live_numbers
from smsbridge.services.reconciling import MOST_LOOKUPS
from smsbridge.simulator import faults
from smsbridge.vendors.base import (
    DeliveryReceipt,
    Finding,
    Found,
    LostSms,
    NotFound,
    Outcome,
    OutcomeKind,
    ReceiptState,
)
from smsbridge.vendors.fake import Fake
from tests import factories
from tests.factories import linked, message, outbound
from tests.notifier import servers
from tests.smsbridge.calls import receipt
from tests.smsbridge.racing import together
from tests.smsbridge.stages import crash_at, reconcile, send
from tests.smsbridge.upstreams import Network


@pytest.fixture(autouse=True)
def short_time_out(settings: Settings) -> None:
    settings.HTTP_TIMEOUT_SECONDS = 0.5


def now_of(sms: OutboundSms) -> OutboundSms:
    sms.refresh_from_db()
    return sms


def state_of(sms: OutboundSms) -> str:
    return now_of(sms).state


def wait_of(sms: OutboundSms) -> float:
    return (now_of(sms).next_at - timezone.now()).total_seconds()


def ago(**units: float) -> Any:
    return timezone.now() - timedelta(**units)


def uncertain(bridge: Bridge, *, since: float = 0.0, **fields: Any) -> OutboundSms:
    """One that has been uncertain for so many seconds, and is due to be looked up."""
    values = {"attempts": 1, "settled_at": ago(seconds=since), "next_at": ago(seconds=1), "reason": "No answer came."}
    return linked(bridge, fields.pop("told", ()), state="uncertain", **{**values, **fields})


def make_due(sms: OutboundSms) -> None:
    OutboundSms.objects.filter(pk=sms.pk).update(next_at=ago(seconds=1))


def due() -> list[str]:
    return stages.sweep(ring=lambda stage: None)


# Found


@pytest.mark.parametrize(
    ("status", "state"),
    [("queued", "sent"), ("sent", "sent"), ("delivered", "delivered"), ("undelivered", "undelivered")],
)
def test_a_text_whose_answer_was_lost_is_found_and_not_sent_again(
    bridge: Bridge, network: Network, status: str, state: str
) -> None:
    sms = linked(bridge)
    network.script, network.status = [network.lose], status
    send()
    assert state_of(sms) == "uncertain"
    assert reconcile() == 1
    assert (state_of(sms), sms.vendor_id, sms.lookups) == (state, "v-1", 1)
    assert sms.sent_at is not None
    assert (send(), len(network.requests)) == (0, 1)


def test_its_history_tells_how_it_was_settled(bridge: Bridge, network: Network) -> None:
    sms = linked(bridge)
    network.script = [network.lose]
    send()
    reconcile()
    assert [state for _, state, _ in now_of(sms).log] == ["uncertain", "delivered"]


def test_the_sweep_rings_for_it_at_once(bridge: Bridge) -> None:
    uncertain(bridge)
    assert "reconcile" in due()


@pytest.mark.django_db(transaction=True)
def test_the_pretend_network_is_asked_over_sockets(bridge: Bridge, live_server: LiveServer, settings: Settings) -> None:
    settings.SIMULATOR_DELIVER = False  # no receipt, only the look-up
    VendorAccount.objects.update(
        options={"url": f"{live_server.url}/simulator/fake"},
        secrets={"token": "fake-token", "signing_secret": "a secret"},
    )
    factories.forget()
    sms, other = linked(bridge), uncertain(bridge, since=Fake.find_grace + 1)
    faults.change({"lost": 1})
    send()
    assert state_of(sms) == "uncertain"
    reconcile()
    assert (state_of(sms), state_of(other)) == ("delivered", "ready")


# Not found


def test_what_the_vendor_does_not_know_after_a_while_is_sent_again_and_once(bridge: Bridge, network: Network) -> None:
    sms = uncertain(bridge, since=Fake.find_grace + 1)
    reconcile()
    assert (state_of(sms), sms.settled_at) == ("ready", None)
    assert "was not accepted" in sms.reason
    assert (send(), state_of(sms), sms.attempts) == (1, "sent", 2)
    assert [one["reference"] for one in network.requests] == [sms.pk.hex]


def test_until_then_it_may_be_on_its_way_and_is_looked_up_once_more(bridge: Bridge, network: Network) -> None:
    sms = uncertain(bridge, since=20)
    reconcile()
    assert state_of(sms) == "uncertain"
    assert 35 < wait_of(sms) < 45
    assert network.requests == []


def test_one_that_was_tried_often_enough_is_given_up(bridge: Bridge, network: Network) -> None:
    sms = uncertain(bridge, since=Fake.find_grace + 1, attempts=MAX_ATTEMPTS)
    reconcile()
    assert state_of(sms) == "dead"
    assert sms.settled_at is not None
    assert sms.log[-1][1] == "dead"


def test_one_that_is_too_old_by_then_is_not_texted_but_says_so(bridge: Bridge, network: Network) -> None:
    about = message(factories.conversation(bridge.hook.chat_app))
    long_ago = ago(seconds=bridge.max_age.total_seconds() + 60)
    sms = uncertain(bridge, since=Fake.find_grace + 1, told=[about], due_at=long_ago)
    reconcile()
    send()
    assert (state_of(sms), network.requests) == ("withdrawn", [])
    assert Notice.objects.get().state == "waiting"


def test_one_that_counts_on_a_lost_introduction_is_composed_anew(bridge: Bridge, network: Network) -> None:
    type(bridge).objects.update(introduction="Ann texts you here.")
    sms = uncertain(bridge, since=Fake.find_grace + 1, introduces=False)
    reconcile()
    assert state_of(sms) == "withdrawn"


def test_a_receipt_stops_the_second_try_while_it_waits(bridge: Bridge, network: Network) -> None:
    sms = uncertain(bridge, since=Fake.find_grace + 1)
    reconcile()
    assert state_of(sms) == "ready"
    receipt(sms.account, "sent", vendor_id="v-9", reference=sms.pk.hex)
    assert (send(), state_of(sms), network.requests) == (0, "sent", [])


# No answer that tells


@pytest.mark.parametrize(
    "step",
    [servers.close, servers.hang, servers.answer(503), servers.answer(404), servers.answer(200, b"{}")],
    ids=["closed", "silent", "503", "no such page", "nonsense"],
)
def test_without_an_answer_that_tells_it_stays_uncertain_and_is_asked_later(
    bridge: Bridge, network: Network, step: servers.Step
) -> None:
    sms = uncertain(bridge, since=Fake.find_grace + 1)
    network.script = [step]
    reconcile()
    assert (state_of(sms), sms.lookups) == ("uncertain", 1)
    assert 25 < wait_of(sms) < 35
    assert "reconcile" not in due()


def test_the_vendor_is_left_alone_for_as_long_as_it_asks(bridge: Bridge, network: Network) -> None:
    sms = uncertain(bridge)
    network.script = [servers.answer(429, b"", {"Retry-After": "90"})]
    reconcile()
    assert 80 < wait_of(sms) < 91


def test_after_the_last_look_up_it_is_an_operators(bridge: Bridge, network: Network) -> None:
    sms = uncertain(bridge, since=Fake.find_grace + 1, lookups=MOST_LOOKUPS - 1)
    network.script = [servers.answer(500)]
    reconcile()
    make_due(sms)
    assert (state_of(sms), reconcile(), sms.lookups) == ("uncertain", 0, MOST_LOOKUPS)
    assert "send it again or close it" in sms.log[-1][2]
    assert "reconcile" not in due()


@pytest.mark.parametrize("method", ["find_request", "found"])
def test_an_adapter_that_fails_costs_a_look_up_and_no_other_text(
    bridge: Bridge, network: Network, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    bad, good = uncertain(bridge), uncertain(bridge)
    real = getattr(Fake, method)

    def failing(self: Fake, sms: LostSms, *rest: Any) -> Any:
        if sms.reference == bad.pk.hex:
            raise KeyError("x")
        return real(self, sms, *rest)

    monkeypatch.setattr(Fake, method, failing)
    network.accepted = [{"id": "v-7", "reference": good.pk.hex}]
    reconcile()
    assert (state_of(bad), state_of(good)) == ("uncertain", "delivered")


# What is not looked up


def test_one_that_became_uncertain_days_ago_is_left_to_an_operator(bridge: Bridge, network: Network) -> None:
    sms = uncertain(bridge, since=4 * 86400, created_at=ago(days=5))
    assert (reconcile(), network.looked_up, state_of(sms)) == (0, 0, "uncertain")
    assert "reconcile" not in due()


def test_a_vendor_that_cannot_be_asked_is_not(bridge: Bridge, network: Network) -> None:
    options, secrets = {"api_key": "k", "rest_url": network.url}, {"api_secret": "s", "signature_secret": "t"}
    VendorAccount.objects.update(vendor="vonage", options=options, secrets=secrets)
    factories.forget()
    sms = uncertain(bridge, since=Fake.find_grace + 1)
    assert (reconcile(), network.looked_up, state_of(sms), sms.lookups) == (0, 0, "uncertain", 0)
    assert "reconcile" not in due()


def test_one_from_a_number_that_is_not_known_here_yet_waits_and_spends_no_look_up(
    bridge: Bridge, network: Network
) -> None:
    live_numbers()
    added = Number.objects.create(e164="+15559990000", account=bridge.pool.numbers.all()[0].account, pool=bridge.pool)
    sms = uncertain(bridge, number=added)
    assert (reconcile(), network.looked_up, now_of(sms).lookups) == (0, 0, 0)
    factories.forget()
    assert (reconcile(), network.looked_up, now_of(sms).lookups) == (1, 1, 1)


def test_other_states_are_not_looked_up(bridge: Bridge, network: Network) -> None:
    for state in set(OutboundSms.State) - {OutboundSms.State.UNCERTAIN}:
        outbound(bridge, state=state)
    assert (reconcile(), network.looked_up) == (0, 0)


# A vendor that keeps no reference of ours finds by content


_SENT = DeliveryReceipt(vendor_id="v-1", reference="", state=ReceiptState.SENT)


class _ByContent(Fake):
    def found(self, sms: LostSms, answer: Answer) -> Finding:
        return Found([_SENT, replace(_SENT, vendor_id="v-2")], NotFound())


@pytest.fixture
def by_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vendor lists two texts with the words of whatever is looked up, v-1 and v-2."""
    monkeypatch.setattr(Fake, "found", _ByContent.found)


def test_of_several_that_it_may_be_the_first_that_is_not_another_text(
    bridge: Bridge, network: Network, by_content: None
) -> None:
    outbound(bridge, state="sent", vendor_id="v-1")
    sms = uncertain(bridge)
    reconcile()
    assert (state_of(sms), sms.vendor_id) == ("sent", "v-2")


def test_when_all_are_others_by_their_own_answers_it_was_not_accepted(
    bridge: Bridge, network: Network, by_content: None
) -> None:
    for vendor_id in ("v-1", "v-2"):
        outbound(bridge, state="sent", vendor_id=vendor_id)
    sms = uncertain(bridge, since=Fake.find_grace + 1)
    reconcile()
    assert state_of(sms) == "ready"


def test_but_not_when_more_than_those_may_be_the_text(
    bridge: Bridge, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fake, "found", lambda *_: Found([_SENT]))
    outbound(bridge, state="sent", vendor_id="v-1")
    sms = uncertain(bridge, since=Fake.find_grace + 1)
    reconcile()
    assert state_of(sms) == "uncertain"


def test_nor_when_one_was_only_taken_for_another_by_a_look_up(
    bridge: Bridge, network: Network, by_content: None
) -> None:
    outbound(bridge, state="sent", vendor_id="v-1")
    first = uncertain(bridge, since=Fake.find_grace + 1)
    reconcile()
    twin = uncertain(bridge, since=Fake.find_grace + 1)
    reconcile()
    assert (state_of(first), state_of(twin)) == ("sent", "uncertain")
    receipt(first.account, "sent", vendor_id="v-2", reference=first.pk.hex)
    make_due(twin)
    reconcile()
    assert state_of(twin) == "ready", "by now a receipt has proven that the look-up was right"


def test_a_receipt_that_names_another_text_takes_back_what_a_look_up_guessed(
    bridge: Bridge, network: Network, by_content: None
) -> None:
    outbound(bridge, state="sent", vendor_id="v-1")
    wrong, right = uncertain(bridge), linked(bridge, state="sending", attempts=1, next_at=timezone.now())
    reconcile()
    OutboundSms.objects.filter(pk=right.pk).update(state="uncertain")
    receipt(wrong.account, "delivered", vendor_id="v-2", reference=right.pk.hex)
    assert (state_of(right), right.vendor_id, right.vendor_id_guessed) == ("delivered", "v-2", False)
    assert (state_of(wrong), wrong.vendor_id, wrong.sent_at) == ("uncertain", None, None)
    assert (wrong.log[-1][1], wrong.log[-1][2]) == ("uncertain", wrong.reason)
    assert "reconcile" in due()
    assert (send(), network.requests) == (0, [])


def test_two_texts_that_were_taken_for_each_other_are_put_right(
    bridge: Bridge, network: Network, by_content: None
) -> None:
    first, second = uncertain(bridge), uncertain(bridge)
    reconcile()
    taken = {now_of(sms).vendor_id: sms for sms in (first, second)}
    assert set(taken) == {"v-1", "v-2"}
    receipt(first.account, "undelivered", vendor_id="v-1", reference=taken["v-2"].pk.hex, code="30005")
    assert (state_of(taken["v-2"]), taken["v-2"].vendor_id) == ("undelivered", "v-1")
    assert (state_of(taken["v-1"]), taken["v-1"].vendor_id) == ("uncertain", None)
    receipt(first.account, "delivered", vendor_id="v-2", reference=taken["v-1"].pk.hex)
    assert (state_of(taken["v-1"]), taken["v-1"].vendor_id) == ("delivered", "v-2")


def test_an_id_that_was_not_guessed_is_never_taken_back(bridge: Bridge) -> None:
    mine, other = outbound(bridge, state="sent", vendor_id="v-1"), uncertain(bridge)
    receipt(mine.account, "delivered", vendor_id="v-1", reference=other.pk.hex)
    assert (state_of(mine), mine.vendor_id, state_of(other)) == ("delivered", "v-1", "uncertain")


def test_a_guess_changes_nothing_of_a_text_that_was_heard_of_meanwhile(bridge: Bridge) -> None:
    sms = uncertain(bridge)
    frozen = sought(sms)
    receipt(sms.account, "sent", vendor_id="v-9", reference=sms.pk.hex)
    price = Decimal("0.5")
    reconciling.write(frozen, Found([replace(_SENT, state=ReceiptState.DELIVERED, price=price, currency="USD")]))
    assert (state_of(sms), sms.vendor_id, sms.price, sms.vendor_id_guessed) == ("sent", "v-9", None, False)


# Races, freezes and crashes


def sought(sms: OutboundSms) -> reconciling.Sought:
    (claimed,) = reconciling.claim(10)
    assert claimed.id == sms.pk
    return claimed


@pytest.mark.parametrize("finding", [NotFound(), Found([_SENT])], ids=["not found", "found"])
def test_a_receipt_that_comes_meanwhile_wins(bridge: Bridge, finding: Finding) -> None:
    sms = uncertain(bridge, since=Fake.find_grace + 1)
    frozen = sought(sms)
    receipt(sms.account, "delivered", vendor_id="v-9", reference=sms.pk.hex)
    reconciling.write(frozen, finding)
    assert (state_of(sms), sms.vendor_id) == ("delivered", "v-9")


def test_the_answer_to_an_older_look_up_changes_nothing(bridge: Bridge) -> None:
    sms = uncertain(bridge, since=Fake.find_grace + 1)
    frozen = sought(sms)
    make_due(sms)
    sought(sms)
    reconciling.write(frozen, NotFound())
    assert state_of(sms) == "uncertain"


def test_the_answer_to_a_look_up_before_the_last_try_changes_nothing(bridge: Bridge) -> None:
    sms = uncertain(bridge, since=Fake.find_grace + 1)
    frozen = sought(sms)
    OutboundSms.objects.update(attempts=2)  # sent again meanwhile, and uncertain again
    reconciling.write(frozen, NotFound())
    assert state_of(sms) == "uncertain"


def test_a_sender_that_comes_back_late_is_still_heard(bridge: Bridge) -> None:
    """Looking up leaves the sender's claim alone: nobody knows better than the one who got the answer."""
    sms = linked(bridge)
    (flight,) = clearance.claim(10)
    make_due(sms)
    unsettled.lose_track()
    sought(sms)
    outcomes.write([outcomes.Result(flight, Outcome(kind=OutcomeKind.SENT, vendor_id="v-1"))])
    assert (state_of(sms), sms.vendor_id) == ("sent", "v-1")


def test_a_crash_between_look_up_and_writing_only_costs_time(bridge: Bridge, network: Network) -> None:
    sms = uncertain(bridge, since=Fake.find_grace + 1)
    with crash_at("smsbridge.services.reconciling.write"):
        reconcile()
    assert state_of(sms) == "uncertain"
    make_due(sms)
    reconcile()
    assert state_of(sms) == "ready"


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_eight_workers_look_each_text_up_once(bridge: Bridge, network: Network) -> None:
    texts = [uncertain(bridge, since=Fake.find_grace + 1) for _ in range(30)]
    together([reconcile] * 8)
    assert network.looked_up == 30
    assert {state_of(sms) for sms in texts} == {"ready"}
    connection.close()
