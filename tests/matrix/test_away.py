"""Outages and restarts on either side: nothing is lost, doubled, or texted although it was read."""

import pytest

from tests.flows.town import awaited
from tests.matrix.site import Pair, Site

pytestmark = pytest.mark.once


def test_a_receipt_that_was_lost_in_our_outage_still_prevents_the_sms(site: Site, pair: Pair) -> None:
    """The homeserver repeats messages until they are taken, but no receipts: so it is asked before each SMS."""
    read = pair.ann.says(pair.room, "Are you coming?")
    site.knows(read)
    with site.web_away():
        pair.ben.reads(pair.room, read)
        unread = pair.ann.says(pair.room, "Well?")
    site.time_is_up(read, unread)
    assert site.text(pair.ben) == "Ann: Well?"
    assert site.fate(read, pair.ben) == "read"


def test_what_is_said_before_in_and_after_our_outage_is_texted_once(site: Site, pair: Pair) -> None:
    before = pair.ann.says(pair.room, "Before")
    site.knows(before)
    with site.away():
        during = pair.ann.says(pair.room, "Within")
    site.knows(during)
    after = pair.ann.says(pair.room, "After")
    site.time_is_up(before, during, after)
    assert [site.fate(event, pair.ben) for event in (before, during, after)] == ["sent"] * 3
    told = "\n".join(site.texts(pair.ben))
    assert [told.count(word) for word in ("Before", "Within", "After")] == [1, 1, 1]


def test_after_a_restart_of_the_homeserver_its_new_events_are_no_repeats(site: Site, pair: Pair) -> None:
    """It counts its transactions from 1 again."""
    before = pair.ann.says(pair.room, "Before")
    site.time_is_up(before)
    site.text(pair.ben)
    site.homeserver.restart()
    events = [pair.ann.says(pair.room, f"After {number}") for number in range(3)]
    site.time_is_up(*events)
    assert [site.fate(event, pair.ben) for event in events] == ["sent"] * 3


def test_what_waits_for_us_when_the_homeserver_is_restarted_comes_all_the_same(site: Site, pair: Pair) -> None:
    with site.web_away():
        waiting = [pair.ann.says(pair.room, f"Waiting {number}") for number in range(3)]
        awaited(lambda: site.homeserver.keeps(*waiting), "the homeserver to find us away")
        site.homeserver.restart()
    last = pair.ann.says(pair.room, "Last")
    site.time_is_up(*waiting, last)
    assert [site.fate(event, pair.ben) for event in (*waiting, last)] == ["sent"] * 4
