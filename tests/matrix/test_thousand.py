"""A thousand messages of one room: many that waited for us, in large transactions, and many as they were said."""

import pytest

from tests.flows.town import awaited
from tests.matrix.site import Site

pytestmark = pytest.mark.once

WAITING, LIVE = 700, 300


def test_a_thousand_messages_are_stored_in_the_order_in_which_they_were_said(site: Site) -> None:
    ann = site.homeserver.person("Ann")
    room = ann.room("Diary")
    with site.web_away():
        said = [ann.says(room, f"Well {number}") for number in range(WAITING)]
    # Until all of them are here: what is said at the very moment in which Synapse has brought the last one, waits
    # there until it next finds us away.
    awaited(lambda: len(site.in_order(room)) == WAITING, "those that waited", seconds=60)
    said += [ann.says(room, f"Well {number}") for number in range(WAITING, WAITING + LIVE)]
    awaited(lambda: len(site.in_order(room)) == len(said), "the others", seconds=60)
    assert site.in_order(room) == said
