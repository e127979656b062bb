"""What answers a keyword: in whose words, to whom, and until when."""

from datetime import timedelta

import pytest
from django.utils import timezone

from smsbridge.keywords import SENTENCES, Meaning
from smsbridge.models import Bridge, Number, OutboundSms, VendorAccount
from smsbridge.services import answering, consent
from smsbridge.services.consent import Wish
from tests import factories
from tests.factories import BENS_PHONE, phone
from tests.smsbridge.calls import text_to
from tests.smsbridge.hearing import answers, hear, is_out, ledger, the_answer
from tests.smsbridge.stages import send
from tests.smsbridge.upstreams import Network

pytestmark = pytest.mark.django_db

GERMAN = "+4915112345678"


@pytest.fixture
def number(bridge: Bridge) -> Number:
    """One of ours, from which Ben was texted before."""
    factories.outbound(bridge, state="sent")
    return bridge.pool.numbers.order_by("pk")[0]


def text_of(number: Number, word: str, sender: str = BENS_PHONE) -> str:
    hear(number, word, sender)
    return the_answer().text


def test_it_names_the_chat_app_and_costs_one_sms(number: Number) -> None:
    assert text_of(number, "STOP") == f"Acme: {SENTENCES[Meaning.STOP]['en']}"
    one = the_answer()
    assert (one.segments, one.unicode) == (1, False)


def test_it_speaks_the_language_of_the_word(number: Number) -> None:
    assert text_of(number, "Arrêt") == f"Acme: {SENTENCES[Meaning.STOP]['fr']}"


def test_a_word_of_all_languages_is_answered_in_that_of_the_country(bridge: Bridge, number: Number) -> None:
    factories.outbound(bridge, phone=GERMAN, state="sent")
    assert text_of(number, "STOP", GERMAN) == f"Acme: {SENTENCES[Meaning.STOP]['de']}"


@pytest.mark.parametrize("name", ["N" * 100, "Łódź talks"])
def test_a_name_with_which_it_would_cost_more_is_left_out(bridge: Bridge, number: Number, name: str) -> None:
    bridge.hook.chat_app.name = name
    bridge.hook.chat_app.save()
    assert text_of(number, "STOP") == SENTENCES[Meaning.STOP]["en"]


def test_a_pool_of_two_chat_apps_speaks_for_neither(bridge: Bridge, number: Number) -> None:
    factories.bridge(factories.receipts_hook(factories.chat_app(name="Other")), bridge.pool)
    assert text_of(number, "STOP") == SENTENCES[Meaning.STOP]["en"]


@pytest.mark.parametrize("word", ["stop", "start", "help"])
def test_the_pools_own_text_goes_first(bridge: Bridge, number: Number, word: str) -> None:
    setattr(bridge.pool, f"{word}_answer", f"Own – {word}")
    bridge.pool.save()
    assert text_of(number, word) == f"Own – {word}"
    assert the_answer().unicode


def test_a_number_at_rest_and_in_no_pool_answers_too(number: Number) -> None:
    Number.objects.update(pool=None, active=False)
    assert text_of(number, "HELP") == SENTENCES[Meaning.HELP]["en"]


def test_an_account_whose_vendor_answers_by_itself_is_obeyed_and_does_not_answer(number: Number) -> None:
    VendorAccount.objects.update(answers_keywords=True)
    assert hear(number, "STOP") == "The phone opted out. The vendor answers by itself."
    assert (is_out(), answers(), ledger()) == (True, [], [("out", "keyword")])


def test_a_pool_on_dry_run_answers_nobody(bridge: Bridge, number: Number) -> None:
    Bridge.objects.update(dry_run=True)
    factories.forget()
    assert "dry run" in str(hear(number, "STOP"))
    assert (is_out(), answers()) == (True, [])


def test_a_number_that_would_earn_by_the_answer_gets_none(bridge: Bridge, number: Number) -> None:
    Bridge.objects.update(countries="*")
    factories.forget()
    dear = "+499001234567"
    factories.outbound(bridge, phone=dear, state="sent")
    assert "premium-rate number" in str(hear(number, "HELP", dear))
    assert not answers(dear)


@pytest.mark.parametrize("word", ["STOP", "START", "HELP"])
def test_a_stranger_gets_no_answer_however_many_there_are(number: Number, word: str) -> None:
    for serial in range(3):
        assert "never texted" in str(hear(number, word, phone(serial)))
        assert (answers(phone(serial)), is_out(phone(serial))) == ([], word == "STOP")


@pytest.mark.parametrize(
    ("state", "answered"), [("sending", 1), ("uncertain", 1), ("ready", 0), ("withdrawn", 0), ("dead", 0)]
)
def test_a_stop_is_confirmed_to_those_whom_a_text_may_have_reached(
    bridge: Bridge, number: Number, state: str, answered: int
) -> None:
    factories.contact(bridge.hook.chat_app, "carl", phone(1))
    factories.outbound(bridge, phone=phone(1), state=state)
    hear(number, "STOP", phone(1))
    assert len(answers(phone(1))) == answered


@pytest.mark.parametrize("word", ["START", "HELP"])
def test_who_is_known_and_may_be_texted_is_answered_before_the_first_text(
    bridge: Bridge, number: Number, word: str
) -> None:
    elsewhere = factories.bridge()
    factories.contact(bridge.hook.chat_app, "carl", phone(1))
    factories.contact(bridge.hook.chat_app, "gerd", GERMAN)
    factories.contact(elsewhere.hook.chat_app, "dora", phone(2))
    for one in (phone(1), phone(2), GERMAN):
        hear(number, word, one)
    assert [len(answers(one)) for one in (phone(1), phone(2), GERMAN)] == [1, 0, 0]


def test_a_number_without_a_bridge_answers_only_whom_we_texted(number: Number) -> None:
    Bridge.objects.update(pool=factories.pool())
    factories.contact(factories.chat_app(), "carl", phone(1))
    factories.forget()
    for one in (BENS_PHONE, phone(1)):
        hear(number, "HELP", one)
    assert (answers(), answers(phone(1))) == (["help"], [])


def test_an_account_gives_only_so_many_answers_a_day(
    bridge: Bridge, number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "MOST_OF_ACCOUNT", 2)
    for serial in range(4):
        factories.outbound(bridge, phone=phone(serial), state="sent")
    told = [str(hear(number, "STOP", phone(serial))) for serial in range(3)]
    assert ["2 answers within a day" in one for one in told] == [False, False, True]
    assert is_out(phone(2))
    OutboundSms.objects.update(created_at=timezone.now() - timedelta(days=1, minutes=1))
    hear(number, "STOP", phone(3))
    assert len(answers(phone(3))) == 1


def test_while_all_bridges_of_its_pool_are_paused_only_a_stop_is_confirmed(bridge: Bridge, number: Number) -> None:
    Bridge.objects.update(paused=True)
    factories.forget()
    told = [str(hear(number, word)) for word in ("HELP", "START", "STOP")]
    assert (["paused" in one for one in told], answers()) == ([True, True, False], ["opted out"])
    factories.bridge(bridge.hook, bridge.pool)
    hear(number, "START")
    assert answers() == ["opted out", "opted in"], "another bridge of the pool is not"


def test_the_confirmation_passes_the_block_and_nothing_else_does(
    bridge: Bridge, number: Number, network: Network
) -> None:
    earlier = factories.linked(bridge)
    text_to(number, "STOP")
    send()
    assert network.texts == [f"Acme: {SENTENCES[Meaning.STOP]['en']}"]
    assert (network.requests[0]["from"], network.requests[0]["to"]) == (number.e164, BENS_PHONE)
    earlier.refresh_from_db()
    assert (earlier.state, earlier.reason) == ("withdrawn", "The phone opted out.")


def test_help_is_answered_although_he_opted_out_and_start_is_not_once_he_has_again(
    number: Number, network: Network
) -> None:
    consent.opt_out([Wish(BENS_PHONE, consent.KEYWORD)])
    for word in ("HELP", "START", "STOP"):
        hear(number, word)
    send()
    assert [text.removeprefix("Acme: ") for text in network.texts] == [
        SENTENCES[Meaning.HELP]["en"],
        SENTENCES[Meaning.STOP]["en"],
    ]


def test_a_paused_account_answers_when_it_is_resumed(number: Number, network: Network) -> None:
    VendorAccount.objects.update(paused=True)
    hear(number, "STOP")
    assert (send(), network.requests) == (0, [])
    VendorAccount.objects.update(paused=False)
    factories.forget()
    send()
    assert len(network.requests) == 1


def test_an_answer_that_could_not_leave_in_five_minutes_is_given_up_visibly(number: Number, network: Network) -> None:
    hear(number, "STOP")
    OutboundSms.objects.update(due_at=timezone.now() - timedelta(minutes=5, seconds=1))
    send()
    one = the_answer()
    assert (one.state, one.reason, network.requests) == ("withdrawn", "It could not be sent in time.", [])
