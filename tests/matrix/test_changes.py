"""What changes before its time is over: edited, redacted, left."""

import pytest

from notifier.models import Message
from tests.flows.town import awaited
from tests.matrix.site import Pair, Site

pytestmark = pytest.mark.once


def test_an_edit_changes_what_is_texted_and_is_no_message_of_its_own(site: Site, pair: Pair) -> None:
    event = pair.ann.says(pair.room, "Come at nine")
    edit = pair.ann.edits(pair.room, event, "Come at ten")
    awaited(lambda: Message.objects.filter(key=event, text="Come at ten"), "the edit")
    site.time_is_up(event)
    assert site.text(pair.ben) == "Ann: Come at ten"
    assert not Message.objects.filter(key=edit).exists()


def test_what_is_redacted_is_not_texted(site: Site, pair: Pair) -> None:
    gone, stays = (pair.ann.says(pair.room, text) for text in ("Forget this", "Remember this"))
    pair.ann.redacts(pair.room, gone)
    awaited(lambda: Message.objects.filter(key=gone, deleted_at__isnull=False), "the redaction")
    site.time_is_up(gone, stays)
    assert site.text(pair.ben) == "Ann: Remember this"
    assert site.fate(gone, pair.ben) in ("not reported", "deleted")


def test_whoever_leaves_is_not_texted(site: Site, pair: Pair) -> None:
    event = pair.ann.says(pair.room, "Are you coming?")
    site.knows(event)
    pair.ben.leaves(pair.room)
    awaited(lambda: not site.takes_part(pair.ben, pair.room), "him to be gone")
    later = pair.ann.says(pair.room, "Well?")
    site.time_is_up(event, later)
    assert [site.fate(one, pair.ben) for one in (event, later)] == ["not reported"] * 2
    assert site.texts(pair.ben) == []


def test_whoever_comes_back_is_texted_what_is_said_then(site: Site, pair: Pair) -> None:
    pair.ben.leaves(pair.room)
    pair.ann.invites(pair.room, pair.ben)
    event = pair.ann.says(pair.room, "There you are")
    site.time_is_up(event)
    assert site.text(pair.ben) == "Ann: There you are"
