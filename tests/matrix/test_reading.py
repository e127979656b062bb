"""What somebody does not read becomes an SMS to him, and what he reads does not."""

import time

import pytest

from tests.matrix.site import DELAY_SECONDS, Pair, Site

pytestmark = pytest.mark.once


def test_a_message_unread_for_the_delay_becomes_an_sms_with_the_name_of_its_sender(site: Site, pair: Pair) -> None:
    said_at = time.monotonic()
    event = pair.ann.says(pair.room, "Are you coming?")
    assert site.text(pair.ben) == "Ann: Are you coming?"
    assert time.monotonic() - said_at >= DELAY_SECONDS
    assert site.fate(event, pair.ann) == "not reported"


@pytest.mark.parametrize("privately", [False, True], ids=["public", "private"])
def test_a_receipt_prevents_the_sms(site: Site, pair: Pair, privately: bool) -> None:
    read = pair.ann.says(pair.room, "Are you coming?")
    pair.ben.reads(pair.room, read, privately=privately)
    site.knows_read(pair.ben, pair.room)
    unread = pair.ann.says(pair.room, "Well?")
    site.time_is_up(read, unread)
    assert site.fate(read, pair.ben) == "not reported"
    assert site.text(pair.ben) == "Ann: Well?"


def test_a_receipt_is_for_all_that_was_said_before(site: Site, pair: Pair) -> None:
    events = [pair.ann.says(pair.room, text) for text in ("One", "Two", "Three")]
    pair.ben.reads(pair.room, events[1])
    site.knows_read(pair.ben, pair.room)
    site.time_is_up(*events)
    assert [site.fate(event, pair.ben) for event in events] == ["not reported", "not reported", "sent"]
    assert site.texts(pair.ben) == ["Ann: Three"]


def test_a_receipt_for_what_is_no_message_is_for_all_that_was_said_before(site: Site, pair: Pair) -> None:
    said = pair.ann.says(pair.room, "Are you coming?")
    renamed = pair.ann.renames(pair.room, "Cake")
    pair.ben.reads(pair.room, renamed)
    site.time_is_up(said)
    assert site.fate(said, pair.ben) in ("not reported", "read")
    assert site.texts(pair.ben) == []


def test_what_is_unread_in_a_thread_is_texted_though_somebody_read_on_outside_of_it(site: Site, pair: Pair) -> None:
    """The homeserver does not tell us which thread a receipt is of, but answers when it is asked."""
    root = pair.ann.says(pair.room, "The cake")
    inside = pair.ann.answers_in_thread(pair.room, root, "Which one?")
    outside = pair.ann.says(pair.room, "By the way")
    pair.ben.reads(pair.room, outside, thread="main")
    site.knows_read(pair.ben, pair.room)
    site.time_is_up(root, inside, outside)
    assert site.text(pair.ben) == "Ann: Which one?"


def test_everybody_but_the_author_is_told_whoever_came_to_the_room_before(site: Site, pair: Pair) -> None:
    carla = site.person("Carla")
    before = pair.ann.says(pair.room, "Before you came")
    pair.ann.invites(pair.room, carla)
    event = pair.ben.says(pair.room, "Welcome")
    site.time_is_up(before, event)
    assert site.text(carla) == "Ben: Welcome"
    assert site.fate(before, pair.ben) == "sent"
    # Who takes part may be asked after she has come; then the question before the SMS tells that it is not for her.
    assert site.fate(before, carla) in ("not reported", "muted")
    assert site.fate(event, pair.ben) == "not reported"


def test_somebody_without_a_phone_is_not_texted(site: Site, pair: Pair) -> None:
    event = pair.ben.says(pair.room, "Anybody here?")
    site.time_is_up(event)
    assert site.fate(event, pair.ann) == "no phone"


def test_in_a_room_that_is_older_than_the_bridge_its_people_are_asked_for(site: Site, pair: Pair) -> None:
    before = pair.ann.says(pair.room, "Before the bridge")
    site.knows(before)
    site.conversation(pair.room).delete()
    event = pair.ann.says(pair.room, "Are you coming?")
    site.time_is_up(event)
    assert site.text(pair.ben) == "Ann: Are you coming?"
    assert site.conversation(pair.room).title == "Tea"
