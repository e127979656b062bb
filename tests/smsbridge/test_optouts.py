"""STOP and START, as a whole message only."""

import pytest

from smsbridge.models import OptOut
from smsbridge.services.optouts import obey
from tests.factories import BENS_PHONE

pytestmark = pytest.mark.django_db


def stopped() -> bool:
    return OptOut.objects.filter(phone=BENS_PHONE).exists()


@pytest.mark.parametrize(
    "text",
    ["STOP", " stop ", "Stop.", "Stop All!", "unsubscribe", "QUIT", "End", "cancel", "Arrêt", "opt-out", "ＳＴＯＰ"],
)
def test_it_obeys_a_stop(text: str) -> None:
    assert obey(BENS_PHONE, text)
    assert stopped()


@pytest.mark.parametrize("text", ["Please stop by later", "stop it", "The end", "I quit smoking", "", "!", "stop" * 20])
def test_it_takes_no_sentence_for_a_keyword(text: str) -> None:
    assert obey(BENS_PHONE, text) is None
    assert not stopped()


@pytest.mark.parametrize("source", ["keyword", "vendor"])
def test_it_lets_a_person_back_in(source: str) -> None:
    OptOut.objects.create(phone=BENS_PHONE, source=source)
    assert obey(BENS_PHONE, "Start")
    assert not stopped()


def test_it_may_be_told_twice() -> None:
    obey(BENS_PHONE, "stop")
    obey(BENS_PHONE, "STOP")
    assert OptOut.objects.count() == 1
    assert obey(BENS_PHONE, "unstop")
    assert obey(BENS_PHONE, "start")


def test_it_remembers_who_said_so() -> None:
    obey(BENS_PHONE, "Quit!")
    one = OptOut.objects.get()
    assert (one.source, one.note) == ("keyword", "quit")


@pytest.mark.parametrize("sender", ["12345", "BANK", "+1"])
def test_a_stop_from_what_is_no_phone_is_a_keyword_without_effect(sender: str) -> None:
    assert obey(sender, "STOP")
    assert not OptOut.objects.exists()
