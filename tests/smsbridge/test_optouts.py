"""Keywords are obeyed at once, kept in the ledger, answered once, and never posted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from notifier.sql import fetch
from smsbridge.models import Bridge, ConsentEvent, InboundSms, Number, OptOut, OutboundSms
from smsbridge.services import clearance, consent, inbound, optouts
from smsbridge.services.accounts import live_accounts
from smsbridge.services.consent import Wish
from smsbridge.vendors.base import InboundPart, InboundText
from tests import factories
from tests.factories import BENS_PHONE
from tests.smsbridge.calls import text_to
from tests.smsbridge.hearing import answers, hear, is_out, ledger, the_answer
from tests.smsbridge.racing import together
from tests.smsbridge.stages import crash_at, reply, send
from tests.smsbridge.upstreams import Chat, Network
from tests.waiting import eventually

pytestmark = pytest.mark.django_db

OUT, IN, HELP = ("out", "keyword"), ("in", "keyword"), ("help", "keyword")


@pytest.fixture
def number(bridge: Bridge) -> Number:
    """One of ours, from which Ben was texted before."""
    factories.outbound(bridge, state="sent")
    return bridge.pool.numbers.order_by("pk")[0]


def opted_out(source: str = consent.KEYWORD) -> None:
    consent.opt_out([Wish(BENS_PHONE, source)])
    ConsentEvent.objects.all().delete()


# What the words do


def test_stop_is_remembered_written_down_and_confirmed(number: Number) -> None:
    assert hear(number, "Quit!") == "The phone opted out. It is answered."
    one, event, answer = OptOut.objects.get(), ConsentEvent.objects.get(), the_answer()
    assert (one.phone, one.source, one.note) == (BENS_PHONE, "keyword", "quit")
    assert (event.phone, event.what, event.source, event.note) == (BENS_PHONE, "out", "keyword", "quit")
    assert event.account == number.account
    assert (answer.purpose, answer.phone, answer.number, answer.account) == (
        *("opted out", BENS_PHONE),
        *(number, number.account),
    )
    assert (answer.bridge, answer.conversation, answer.state, answer.country) == (None, None, "ready", "US")
    assert answer.due_at <= timezone.now()


def test_a_second_stop_is_written_down_and_not_confirmed_again(number: Number) -> None:
    hear(number, "stop"), hear(number, "STOP")
    assert (is_out(), answers(), ledger()) == (True, ["opted out"], [OUT, OUT])


@pytest.mark.parametrize("source", [consent.KEYWORD, consent.VENDOR, consent.OPERATOR, consent.IMPORT])
@pytest.mark.parametrize("word", ["Start", "unstop"])
def test_start_brings_a_person_back_whoever_had_said_otherwise(number: Number, source: str, word: str) -> None:
    opted_out(source)
    hear(number, word)
    assert (is_out(), answers(), ledger()) == (False, ["opted in"], [IN])


def test_every_change_of_mind_is_answered(number: Number) -> None:
    for word in ("stop", "start", "stop", "start"):
        hear(number, word)
    assert answers() == ["opted out", "opted in"] * 2
    assert ledger() == [OUT, IN, OUT, IN]


def test_a_confirmation_that_has_not_left_is_overtaken_by_start(number: Number) -> None:
    hear(number, "stop"), hear(number, "start")
    assert [OutboundSms.objects.get(purpose=one).state for one in answers()] == ["withdrawn", "ready"]


def test_help_is_answered_also_to_somebody_who_opted_out(number: Number) -> None:
    opted_out()
    assert hear(number, "HELP")
    assert (is_out(), answers(), ledger()) == (True, ["help"], [HELP])


@pytest.mark.parametrize("word", ["HELP", "START"])
def test_what_changes_nothing_is_answered_once_in_five_minutes(number: Number, word: str) -> None:
    hear(number, word)
    assert "less than 5 minutes ago" in str(hear(number, word))
    OutboundSms.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    hear(number, word)
    assert len(answers()) == 2
    assert len(ledger()) == 3


def test_a_machine_that_changes_its_mind_all_day_is_obeyed_and_not_answered_for_ever(number: Number) -> None:
    for _ in range(8):
        hear(number, "stop")
        OutboundSms.objects.update(state="sent")
        hear(number, "start")
        OutboundSms.objects.update(state="sent")
    assert len(answers()) == 10
    assert "10 answers" in str(hear(number, "stop"))
    assert is_out()
    OutboundSms.objects.update(created_at=timezone.now() - timedelta(days=1, minutes=1))
    hear(number, "start")
    assert len(answers()) == 11


def test_yes_is_a_normal_answer_as_long_as_he_has_not_opted_out(number: Number) -> None:
    assert hear(number, "Yes") is None
    assert (answers(), ledger()) == ([], [])


@pytest.mark.parametrize(
    ("source", "back"), [("keyword", True), ("vendor", True), ("operator", False), ("import", False)]
)
def test_yes_brings_back_but_not_from_what_an_operator_entered(number: Number, source: str, back: bool) -> None:
    opted_out(source)
    assert (hear(number, "Yes") is not None) == back
    assert is_out() != back


@pytest.mark.parametrize("text", ["Please stop by later", "stop it", "", "On my way"])
def test_what_is_no_keyword_does_nothing(number: Number, text: str) -> None:
    assert hear(number, text) is None
    assert (is_out(), answers(), ledger()) == (False, [], [])


@pytest.mark.parametrize("sender", ["12345", "BANK", "+1", "+12345"])
def test_a_keyword_from_what_is_no_phone_is_not_posted_and_has_no_effect(number: Number, sender: str) -> None:
    assert hear(number, "STOP", sender)
    assert (OptOut.objects.count(), ConsentEvent.objects.count(), answers(sender)) == (0, 0, [])


def test_another_accounts_number_is_not_spoken_for(number: Number) -> None:
    other = factories.pool(1).numbers.get()
    other.e164 = number.e164
    assert hear(other, "STOP") is None
    assert not is_out()


def test_the_opt_out_counts_for_all_numbers_and_accounts(bridge: Bridge, number: Number, network: Network) -> None:
    second = factories.pool(1, account=factories.vendor_account(options={"url": network.url})).numbers.get()
    third = bridge.pool.numbers.order_by("pk")[1]
    Number.objects.filter(pk=second.pk).update(pool=bridge.pool)
    texts = [factories.linked(bridge, number=one) for one in (number, second, third)]
    hear(number, "STOP")
    send()
    assert set(OutboundSms.objects.filter(pk__in=[one.pk for one in texts]).values_list("state", flat=True)) == {
        "withdrawn"
    }
    assert len(network.texts) == 1


# The way in


def test_no_keyword_is_posted_to_the_chat(bridge: Bridge, number: Number, chat: Chat, network: Network) -> None:
    link = factories.lease(number, factories.conversation(bridge.hook.chat_app))
    factories.texted(link)
    for text in ("STOP", "HELP", "Yes", "INFO", "yes", "Start"):
        text_to(number, text)
    reply()
    assert chat.said == [("ben", "yes")], "the first Yes brought him back"
    assert InboundSms.objects.filter(state="keyword").count() == 5
    assert all(one.reason for one in InboundSms.objects.filter(state="keyword"))


def test_a_picture_beside_a_keyword_changes_nothing(number: Number) -> None:
    text = InboundText(
        vendor_id="1", sender=BENS_PHONE, recipient=number.e164, text="Stop", media=["https://example/1.png"]
    )
    inbound.accept(live_accounts()[number.account_id], [text])
    assert (InboundSms.objects.get().state, is_out()) == ("keyword", True)


def test_what_follows_from_a_keyword_is_stored_with_it_or_not_at_all(number: Number) -> None:
    with crash_at("smsbridge.services.answering.answer", after=True):
        text_to(number, "STOP")
    assert (InboundSms.objects.count(), is_out(), answers(), ledger()) == (0, False, [], [])


def test_a_keyword_to_a_number_that_is_added_later_is_obeyed_then_and_too_late_to_be_confirmed(
    number: Number, chat: Chat, network: Network
) -> None:
    stranger = Number(e164="+15559990000", account=number.account)
    text_to(stranger, "STOP")
    reply()
    assert (InboundSms.objects.get().state, is_out()) == ("unrouted", False)
    stranger.save()
    InboundSms.objects.update(received_at=timezone.now() - timedelta(hours=3))
    inbound.again(list(InboundSms.objects.values_list("pk", flat=True)))
    reply()
    assert (InboundSms.objects.get().state, is_out()) == ("keyword", True)
    send()
    assert (the_answer().state, network.requests) == ("withdrawn", [])


def test_also_then_a_picture_beside_it_changes_nothing(number: Number, chat: Chat) -> None:
    stranger = Number(e164="+15559990000", account=number.account)
    text = InboundText(
        vendor_id="1", sender=BENS_PHONE, recipient=stranger.e164, text="Stop", media=["https://example/1.png"]
    )
    inbound.accept(live_accounts()[number.account_id], [text])
    reply()
    assert not is_out()
    stranger.save()
    inbound.again(list(InboundSms.objects.values_list("pk", flat=True)))
    reply()
    assert (InboundSms.objects.get().state, is_out()) == ("keyword", True)


# What the vendor itself took for a keyword, and has answered


def test_a_word_that_only_the_vendor_knows_is_obeyed_and_not_answered_again(number: Number) -> None:
    assert hear(number, "no mas", meaning="stop") == "The phone opted out. The vendor has answered it."
    assert (is_out(), answers(), ledger()) == (True, [], [OUT])
    assert ConsentEvent.objects.get().note == "stop, as the vendor read it"
    assert hear(number, "otra vez", meaning="start") == "The phone opted in again. The vendor has answered it."
    assert hear(number, "que es", meaning="help") == "The person asked for help. The vendor has answered it."
    assert (is_out(), answers(), ledger()) == (False, [], [OUT, IN, HELP])


def test_a_word_that_both_know_is_not_answered_either(number: Number) -> None:
    hear(number, "Quit", meaning="stop")
    assert (is_out(), answers()) == (True, [])
    assert OptOut.objects.get().note == "quit, as the vendor read it"


@pytest.mark.parametrize(("word", "meaning"), [("STOP", "start"), ("STOP", "help"), ("START", "stop")])
def test_if_the_two_differ_stop_goes_before(number: Number, word: str, meaning: str) -> None:
    hear(number, word, meaning=meaning)
    assert is_out()


def test_a_word_of_everyday_talk_stays_one_for_who_had_not_opted_out(number: Number) -> None:
    assert hear(number, "yes", meaning="start") is None


def test_what_the_vendor_said_does_not_depend_on_known_words(number: Number) -> None:
    assert hear(number, "no mas", meaning="something new") is None


def test_it_is_obeyed_as_it_comes_in_and_never_waits_for_other_parts(number: Number) -> None:
    place = InboundPart(reference="7", number=1, total=2)
    text = partial(InboundText, sender=BENS_PHONE, recipient=number.e164)
    inbound.accept(live_accounts()[number.account_id], [text(vendor_id="1", text="no mas", meaning="stop", part=place)])
    assert (InboundSms.objects.get().state, is_out()) == ("keyword", True)


def test_it_is_also_obeyed_once_its_number_is_known(number: Number, chat: Chat) -> None:
    stranger = Number(e164="+15559990000", account=number.account)
    text = InboundText(vendor_id="1", sender=BENS_PHONE, recipient=stranger.e164, text="no mas", meaning="stop")
    inbound.accept(live_accounts()[number.account_id], [text])
    reply()
    assert not is_out()
    stranger.save()
    inbound.again(list(InboundSms.objects.values_list("pk", flat=True)))
    reply()
    assert (InboundSms.objects.get().state, is_out(), answers()) == ("keyword", True, [])


# Late, repeated, in another order


def test_an_old_stop_that_arrives_after_a_newer_start_does_not_block_again(number: Number) -> None:
    hear(number, "START", said=timedelta(hours=1))
    assert "came late" in str(hear(number, "STOP", said=timedelta(hours=2)))
    assert (is_out(), answers(), ledger()) == (False, ["opted in"], [IN, OUT])
    events = ConsentEvent.objects.order_by("at")
    assert [event.what for event in events] == ["out", "in"], "by when it was said, the ledger tells the truth"


def test_a_late_stop_that_is_newer_than_the_start_counts(number: Number) -> None:
    hear(number, "START", said=timedelta(hours=2))
    hear(number, "STOP", said=timedelta(hours=1))
    assert is_out()


def test_an_old_start_that_arrives_after_a_newer_stop_does_not_bring_back(number: Number) -> None:
    hear(number, "STOP", said=timedelta(hours=1))
    assert "came late" in str(hear(number, "START", said=timedelta(hours=2)))
    assert (is_out(), answers()) == (True, ["opted out"])


def test_a_start_of_some_minutes_before_the_stop_that_is_delivered_again_does_not_bring_back(number: Number) -> None:
    """It was answered 503 at first, and the STOP was stored meanwhile. Both stamps are of one clock."""
    hear(number, "STOP", said=timedelta(minutes=3))
    assert "came late" in str(hear(number, "START", said=timedelta(minutes=6)))
    assert (is_out(), answers(), ledger()) == (True, ["opted out"], [OUT, IN])
    hear(number, "START", said=timedelta(minutes=1))
    assert not is_out()


def test_another_clocks_opt_out_is_overtaken_by_a_start_that_may_be_as_new(number: Number) -> None:
    consent.opt_out([Wish(BENS_PHONE, consent.VENDOR, "30006", number.account_id, timezone.now())])
    hear(number, "START", said=timedelta(minutes=6))
    assert not is_out()


def test_of_two_that_were_said_in_the_same_second_the_stop_counts(number: Number) -> None:
    hear(number, "STOP", said=timedelta(hours=1))
    at = ConsentEvent.objects.get().at
    with transaction.atomic():
        now = timezone.now()
        optouts.obey(optouts.Heard(number.account_id, number.e164, BENS_PHONE, "START", now, at, now))
    assert is_out()


@pytest.mark.parametrize("source", [consent.OPERATOR, consent.KEYWORD])
def test_a_late_stop_is_weighed_only_against_words_by_the_same_clock(number: Number, source: str) -> None:
    """An operator, or another vendor with a clock of its own, brought him back meanwhile: on doubt he is not texted."""
    other = factories.vendor_account()
    consent.opt_in(Wish(BENS_PHONE, source, account=other.pk if source == consent.KEYWORD else None))
    hear(number, "STOP", said=timedelta(hours=2))
    assert is_out()


@pytest.mark.parametrize(("minutes", "back"), [(5, False), (20, True)])
def test_a_late_start_must_be_later_than_another_clocks_opt_out_beyond_doubt(
    number: Number, minutes: int, back: bool
) -> None:
    said = timezone.now() - timedelta(hours=2)
    consent.opt_out([Wish(BENS_PHONE, consent.VENDOR, "30006", number.account_id, said - timedelta(minutes=minutes))])
    hear(number, "START", said=timedelta(hours=2))
    assert is_out() != back


@pytest.mark.parametrize("said", [timedelta(days=4), timedelta(minutes=-30), timedelta(minutes=14)])
def test_a_stamp_that_cannot_be_believed_or_may_be_the_clocks_difference_makes_nothing_late(
    number: Number, said: timedelta
) -> None:
    hear(number, "START")
    hear(number, "STOP", said=said)
    assert is_out()
    assert ConsentEvent.objects.filter(at__gt=timezone.now()).count() == 0


def test_a_repeat_of_the_vendors_changes_nothing(number: Number) -> None:
    for text, vendor_id in (("STOP", "1"), ("START", "2"), ("STOP", "1")):
        text_to(number, text, vendor_id=vendor_id)
    assert (is_out(), ledger()) == (False, [OUT, IN])


# At once


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_many_stops_at_once_make_one_opt_out_and_one_confirmation(bridge: Bridge, network: Network) -> None:
    factories.outbound(bridge, state="sent")
    numbers = list(bridge.pool.numbers.order_by("pk"))
    together([partial(text_to, one, "STOP") for one in numbers * 4])
    assert (OptOut.objects.count(), answers()) == (1, ["opted out"])
    assert InboundSms.objects.filter(state="keyword").count() == len(numbers) * 4
    send()
    assert len(network.texts) == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_many_calls_for_help_at_once_get_one_answer(bridge: Bridge) -> None:
    number = bridge.pool.numbers.order_by("pk")[0]
    together([lambda: text_to(number, "HELP").status_code] * 6)
    assert answers() == ["help"]


@pytest.fixture
def clearing(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clearing]:
    """A process that has cleared a text of Ben's for sending, and is about to commit that."""
    factories.linked(bridge)
    factories.linked(bridge, number=bridge.pool.numbers.order_by("pk")[1])
    clearing = Clearing(monkeypatch)
    try:
        yield clearing
    finally:
        clearing.ends()


class Clearing:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._decided, self._go_on = threading.Event(), threading.Event()
        decide = clearance._to_sending

        def hesitate(*args: Any) -> Any:
            rows = decide(*args)
            self._decided.set()
            self._go_on.wait(10)
            return rows

        monkeypatch.setattr(clearance, "_to_sending", hesitate)
        self._thread = threading.Thread(target=self._clear)

    def begins(self) -> None:
        self._thread.start()
        assert self._decided.wait(10)

    def ends(self) -> None:
        self._go_on.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def _clear(self) -> None:
        clearance.claim(1)
        connection.close()


def waits_for_a_lock() -> bool:
    return bool(fetch("select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"))


def states() -> list[str]:
    return sorted(OutboundSms.objects.filter(purpose="notice").values_list("state", flat=True))


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_stop_is_stored_after_what_was_just_decided_and_before_all_else(
    bridge: Bridge, clearing: Clearing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No text is moved to `sending` by a commit that comes after that of the opt-out."""
    monkeypatch.setattr(optouts, "_PATIENCE_MS", 10_000)
    clearing.begins()
    number = bridge.pool.numbers.order_by("pk")[0]
    stop = threading.Thread(target=together, args=[[partial(text_to, number, "STOP")]])
    stop.start()
    assert eventually(waits_for_a_lock)
    assert (states(), is_out()) == (["ready", "ready"], False)
    clearing.ends()
    stop.join(10)
    assert (states(), is_out()) == (["ready", "sending"], True)
    clearance.claim(10)
    assert states() == ["sending", "withdrawn"]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_process_that_froze_while_it_decided_keeps_no_stop_from_being_stored(
    bridge: Bridge, clearing: Clearing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optouts, "_PATIENCE_MS", 20)
    clearing.begins()
    assert text_to(bridge.pool.numbers.order_by("pk")[0], "STOP").status_code == 200
    assert is_out()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_no_text_is_cleared_for_sending_once_a_stop_is_stored(bridge: Bridge) -> None:
    """Two processes clear texts as fast as they can while STOP comes in."""
    number = bridge.pool.numbers.order_by("pk")[0]
    for index in range(30):
        other = Number.objects.create(e164=f"+1555888{index:04}", account=number.account, pool=bridge.pool)
        factories.linked(bridge, number=other)
    factories.forget()

    def stop() -> int:
        text_to(number, "STOP")
        return states().count("sending")

    def clear() -> int:
        return sum(len(clearance.claim(2)) for _ in range(20))

    at_commit, *_ = together([stop, clear, clear])
    assert states().count("sending") == at_commit
