"""What is not plain text: pictures, notices, encrypted rooms, and rooms that somebody muted."""

import pytest

from tests.matrix.people import CIPHERTEXT
from tests.matrix.site import Pair, Site

pytestmark = pytest.mark.once


def test_media_are_told_in_words(site: Site, pair: Pair) -> None:
    event = pair.ann.says(
        pair.room, "cake.jpg", msgtype="m.image", url="mxc://chat.test/abc", info={"mimetype": "image/jpeg"}
    )
    site.time_is_up(event)
    told = site.text(pair.ben)
    assert told.startswith("Ann: ")
    assert "mxc://" not in told


def test_an_emote_is_texted(site: Site, pair: Pair) -> None:
    event = pair.ann.says(pair.room, "waves", msgtype="m.emote")
    site.time_is_up(event)
    assert "waves" in site.text(pair.ben)


def test_a_notice_which_is_a_bots_by_custom_is_not_texted(site: Site, pair: Pair) -> None:
    notice = pair.ann.says(pair.room, "Build 7 is done", msgtype="m.notice")
    event = pair.ann.says(pair.room, "It works")
    site.time_is_up(notice, event)
    assert site.text(pair.ben) == "Ann: It works"
    assert site.fate(notice, pair.ben) == "not reported"


def test_a_message_of_an_encrypted_room_is_announced_without_its_words(site: Site, pair: Pair) -> None:
    pair.ann.encrypts(pair.room)
    event = pair.ann.hides(pair.room)
    site.time_is_up(event)
    told = site.text(pair.ben)
    assert "Ann" in told
    assert CIPHERTEXT not in told


def test_who_has_muted_a_room_is_not_texted(site: Site, pair: Pair) -> None:
    pair.ben.mutes(pair.room)
    event = pair.ann.says(pair.room, "Are you coming?")
    site.time_is_up(event)
    assert site.fate(event, pair.ben) == "muted"
    assert site.texts(pair.ben) == []
