"""What somebody texts back appears in the room as his own message."""

import pytest

from smsbridge.models import InboundSms
from tests.flows.town import awaited
from tests.matrix.people import CIPHERTEXT
from tests.matrix.site import Pair, Site

pytestmark = pytest.mark.once


def test_a_reply_appears_as_the_person_texted_and_marks_as_read_what_he_was_texted(site: Site, pair: Pair) -> None:
    event = pair.ann.says(pair.room, "Are you coming?")
    site.time_is_up(event)
    site.text(pair.ben)
    assert pair.ben.unread(pair.room) == 1

    site.answers(pair.ben, "On my way")

    expected = [(pair.ann.id, "Are you coming?"), (pair.ben.id, "On my way")]
    assert awaited(lambda: pair.ann.texts(pair.room) == expected, "the reply")
    assert awaited(lambda: pair.ben.unread(pair.room) == 0, "the question to be read")


def test_a_reply_is_not_texted_to_its_author_but_to_the_others(site: Site, pair: Pair) -> None:
    carla = site.person("Carla")
    pair.ann.invites(pair.room, carla)
    question = pair.ann.says(pair.room, "Who comes?")
    site.time_is_up(question)
    site.text(carla)
    site.text(pair.ben)

    site.answers(pair.ben, "I do")

    reply = awaited(lambda: site.said_by(pair.ben, pair.room), "the reply to come back to us")[0]
    site.time_is_up(reply)
    assert site.text(carla, 2) == "Ben: I do"
    assert site.fate(reply, pair.ben) == "not reported"
    assert site.texts(pair.ben) == ["Ann: Who comes?"]


def test_a_reply_into_an_encrypted_room_is_refused_politely(site: Site, pair: Pair) -> None:
    pair.ann.encrypts(pair.room)
    event = pair.ann.hides(pair.room)
    site.time_is_up(event)
    told = site.text(pair.ben)
    assert "Ann" in told
    assert CIPHERTEXT not in told

    site.answers(pair.ben, "On my way")

    assert "could not be delivered" in site.text(pair.ben, 2)
    assert InboundSms.objects.get(phone=pair.ben.phone).state == "refused"
    assert pair.ann.texts(pair.room) == []
