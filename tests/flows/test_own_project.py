"""A project's own code in a real worker: receivers of both signals, its own directory, its own introduction."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notifier.models import ChatApp, Hook
from smsbridge.demo.services import Redis
from tests import factories
from tests.flows.own_project import JOURNAL
from tests.flows.town import TITLE, Town, awaited, town

AUDIT = "audit"


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("project") / "journal"
    path.touch()
    return path


@pytest.fixture(scope="module")
def here(db: None, database_url: str, redis_server: Redis, journal: Path) -> Iterator[Town]:
    own = {
        "DJANGO_SETTINGS_MODULE": "tests.flows.own_project.settings",
        "SMS_INTRODUCTION": "tests.flows.own_project.people.introduction",
        JOURNAL: str(journal),
    }
    with town(database_url, redis_server.url, before_registration=own_hooks, **own) as (opened, _):
        yield opened


def own_hooks() -> None:
    """What an operator enters in the admin."""
    function = "tests.flows.own_project.people.identities"
    Hook.objects.update(identities=Hook.Identities.FUNCTION, identity_function=function)
    events = ["conversation.created", "message.deleted", "message.sent"]
    factories.listening_hook(ChatApp.objects.get(), slug=AUDIT, events=events)


def test_each_event_of_a_listening_hook_is_told_once_whatever_the_platform_repeats(here: Town, journal: Path) -> None:
    here.simulator("faults", repeat=1)
    pair = here.pair()
    message = pair.anna_writes("Are you coming?")
    pair.sms("Anna of the directory: Are you coming?")
    here.world.delete(message)
    assert awaited(lambda: kinds(journal, pair.conversation)[2:], "the deletion")
    assert awaited(lambda: here.simulator("state")["waiting"] == 0, "the last repetition")
    here.simulator("faults", repeat=0)
    assert sorted(kinds(journal, pair.conversation)) == ["conversation.created", "message.deleted", "message.sent"]


def test_a_receiver_that_fails_is_told_again(here: Town, journal: Path) -> None:
    pair = here.pair()
    pair.anna_writes("not yet")
    assert awaited(lambda: kinds(journal, pair.conversation).count("message.sent") == 2, "the second time")


def test_who_has_not_read_is_told_to_the_project_too(here: Town, journal: Path) -> None:
    pair = here.pair()
    pair.anna_writes("Anybody?")
    assert awaited(lambda: [one for one in told(journal, "unread") if one["users"] == [pair.ben]], "the news")


def test_the_projects_own_directory_and_introduction_make_the_text(here: Town) -> None:
    pair = here.pair()
    pair.anna_writes("Lunch?")
    desk = pair.ben.partition("-")[2]
    assert pair.sms("Lunch?").text == f"For desk {desk}, about {TITLE}:\nAnna of the directory: Lunch?"


def told(journal: Path, what: str) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    return [entry for entry in entries if entry["told"] == what]


def kinds(journal: Path, conversation: str) -> list[str]:
    """The events about a conversation that the listening hook was told, by Layer's names."""
    events = [one["body"] for one in told(journal, "event") if one["hook"] == AUDIT]
    return [body["event"]["type"] for body in events if conversation in json.dumps(body)]
