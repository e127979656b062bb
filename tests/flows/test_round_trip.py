"""From an unread message to a text and back, through every process, at each vendor that the simulator speaks for."""

import uuid
from collections.abc import Iterator

import pytest

from smsbridge.demo.services import Redis
from smsbridge.models import InboundSms, Lease, OutboundSms
from tests.flows.town import NUMBERS, TITLE, Town, awaited, town

MANY_PARTS = "Зустріч 🍵 о пів на восьму вечора. " * 8


@pytest.fixture(scope="module", params=["fake", "vonage"])
def here(request: pytest.FixtureRequest, db: None, database_url: str, redis_server: Redis) -> Iterator[Town]:
    with town(database_url, redis_server.url, SMS_VENDOR=request.param) as (opened, _):
        yield opened


def test_an_unread_message_becomes_a_text_and_the_answer_a_message_of_the_person_texted(here: Town) -> None:
    pair = here.pair()
    message = pair.anna_writes("Are you coming?")
    sms = pair.sms("Anna: Are you coming?")
    assert sms.text == f'This is "{TITLE}".\nAnna: Are you coming?'
    assert sms.number in NUMBERS
    until = Lease.objects.get(user_id=pair.ben).expires_at

    pair.ben_texts(sms.number, "On my way")

    assert awaited(pair.said_by_ben, "Ben's answer") == ["On my way"]
    assert awaited(lambda: pair.has_read(message), "Anna's message to be read")
    assert awaited(lambda: Lease.objects.get(user_id=pair.ben).expires_at > until, "the lease to be renewed")


def test_the_vendors_delivery_receipt_ends_the_way_of_a_text(here: Town) -> None:
    pair = here.pair()
    pair.anna_writes("Hello")
    pair.sms("Anna: Hello")
    assert awaited(lambda: pair.outbound().state == "delivered", "the delivery receipt")
    assert pair.outbound().vendor_id


def test_long_texts_of_any_script_arrive_whole_both_ways(here: Town) -> None:
    pair = here.pair()
    pair.anna_writes(MANY_PARTS)
    sms = pair.sms(f"Anna: {MANY_PARTS.strip()}")
    assert pair.outbound().segments > 1

    pair.ben_texts(sms.number, MANY_PARTS)

    assert awaited(pair.said_by_ben, "Ben's long answer") == [MANY_PARTS.strip()]


def test_a_refused_text_is_visible_and_its_introduction_comes_with_the_next_one(here: Town) -> None:
    pair = here.pair()
    pair.anna_writes("error6")
    assert awaited(lambda: _refused(pair.phone), "the refusal to be stored")
    pair.anna_writes("Once more")
    assert pair.sms("Anna: Once more").text.startswith(f'This is "{TITLE}".')
    assert len(pair.received()) == 1


def test_a_text_that_belongs_to_no_conversation_is_kept(here: Town) -> None:
    _, phone = here.person("Carla")
    words = f"Who is this? {uuid.uuid4()}"
    here.world.text(phone, NUMBERS[0], words)
    kept = awaited(lambda: InboundSms.objects.filter(text=words).exclude(state="waiting").first(), "the text")
    assert kept is not None
    assert (kept.state, kept.phone, kept.number) == ("unrouted", phone, NUMBERS[0])


def _refused(phone: str) -> bool:
    return OutboundSms.objects.filter(phone=phone, state="dead").exclude(reason="").exists()
