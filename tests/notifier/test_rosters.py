"""Who takes part in a conversation is asked where nobody tells it, and stored once."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from notifier import stages
from notifier.backoff import MAX_ATTEMPTS
from notifier.models import ChatApp, Conversation, Departure, Participant, Receipt
from notifier.platforms import registry
from notifier.platforms.base import Can, Done, Later, No, Reading, Roster, Steps
from notifier.platforms.layer import LayerPlatform
from notifier.services import rosters
from notifier.services.chat_findings import chat_findings
from notifier.services.roster_rows import ask_again
from notifier.services.rosters import Asker
from notifier.sql import database_now
from notifier.wire import Failure, Request
from tests import factories
from tests.crashing import lives, restarted
from tests.notifier.listeners import Rings
from tests.notifier.servers import Peer, Received, Server, answer, hang, refusing_url
from tests.threads import together

pytestmark = pytest.mark.django_db(transaction=True)


class Telling(LayerPlatform):
    """Tells who takes part, in two steps; a conversation that is gone is nobody's to tell of."""

    title = "Telling"
    can = LayerPlatform.can | {Can.ROSTER}

    def roster_steps(self, conversation: str, users: Sequence[str]) -> Steps[Reading[Roster | None]]:
        if conversation == "poison":
            raise ZeroDivisionError
        told = yield self._get(f"title/{conversation}")
        if isinstance(told, Failure) or told.status >= 500:
            return Later("Telling did not answer.", after=None)
        if told.status != 200:
            return No("Telling refuses to tell.") if told.status == 403 else Done(None)
        told = yield self._get(f"members/{conversation}?as={','.join(users)}")
        assert not isinstance(told, Failure)
        return Done(Roster(users=json.loads(told.body), title="Tea\x00", encrypted=True))

    def _get(self, path: str) -> Request:
        return Request("GET", f"{self.config.options['api_url']}/{path}")


MEMBERS = ["ann", "ben", "cem"]


def telling(peer: Peer, received: Received) -> None:
    step = answer(404) if "/gone" in received.path else answer(403) if "/private" in received.path else None
    (step or answer(200, json.dumps(MEMBERS).encode()))(peer, received)


@pytest.fixture(autouse=True)
def _platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.PLATFORMS, "telling", f"{__name__}.Telling")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(telling) as server:
        yield server


@pytest.fixture
def app(server: Server) -> ChatApp:
    return chat_app(server.url)


def chat_app(url: str) -> ChatApp:
    made = factories.chat_app(platform="telling", options={"app_id": factories.chat_app().slug, "api_url": url})
    factories.receipts_hook(made)
    return made


def unknown(app: ChatApp, key: str = "room", **fields: Any) -> Conversation:
    """A conversation to be asked about, now."""
    due = {"title": None, "roster_due_at": timezone.now() - timedelta(seconds=1)}
    return factories.conversation(app, key=key, **{**due, **fields})


def ask() -> int:
    asker, done = Asker(), 0
    try:
        while (step := asker.step()).more:
            done += step.done
        return done
    finally:
        if asker._exchange is not None:
            asker._exchange.close()


def members(place: Conversation) -> list[str]:
    return sorted(Participant.objects.filter(conversation=place).values_list("user_id", flat=True))


def state(place: Conversation) -> Mapping[str, Any]:
    names = ("title", "encrypted", "roster_due_at", "roster_attempts", "roster_error")
    found: Mapping[str, Any] = Conversation.objects.filter(pk=place.pk).values(*names).get()
    return found


KNOWN = {"title": "Tea", "encrypted": True, "roster_due_at": None, "roster_attempts": 0, "roster_error": ""}


def test_what_the_platform_tells_is_stored(app: ChatApp) -> None:
    place = unknown(app)
    assert ask() == 1
    assert members(place) == MEMBERS
    assert state(place) == KNOWN


def test_only_what_is_due_is_asked_about(app: ChatApp, server: Server) -> None:
    factories.conversation(app)
    unknown(app, roster_due_at=timezone.now() + timedelta(minutes=1))
    assert ask() == 0
    assert server.requests == []


def test_the_sweep_rings_for_what_is_due(app: ChatApp) -> None:
    assert stages.sweep() == []
    unknown(app)
    assert stages.sweep() == ["roster"]


def test_checks_that_waited_for_it_are_rung(app: ChatApp, rings: Rings) -> None:
    unknown(app)
    ask()
    assert "check" in rings.stages


def asked_as(server: Server) -> list[str]:
    (path,) = [one.path for one in server.requests if "?as=" in one.path]
    return [user for user in path.partition("?as=")[2].split(",") if user]


def test_it_is_asked_as_those_who_are_there_and_were_last_heard_of(app: ChatApp, server: Server) -> None:
    place = unknown(app)
    for sender, unread_by in (("old", "zoe"), ("gone", "ben"), ("ann", "ben")):
        factories.message(place, sender_id=sender, unread_by=[unread_by])
    Participant.objects.create(conversation=place, user_id="quiet")
    Departure.objects.create(conversation=place, user_id="gone", left_at=timezone.now())
    ask()
    assert asked_as(server) == ["ann", "ben", "old", "zoe", "quiet", "gone"]


def test_it_is_asked_as_twenty_at_most(app: ChatApp, server: Server) -> None:
    message = factories.message(unknown(app))
    Receipt.objects.bulk_create(Receipt(message=message, user_id=f"user-{n}", rank=0) for n in range(30))
    ask()
    assert len(asked_as(server)) == 20


@pytest.mark.parametrize(
    ("key", "why"), [("gone", "Nobody who took part in it can tell"), ("private", "Telling refuses to tell.")]
)
def test_what_nobody_tells_is_given_up_and_says_why(
    app: ChatApp, key: str, why: str, rings: Rings, caplog: pytest.LogCaptureFixture
) -> None:
    place = unknown(app, key)
    with caplog.at_level(logging.WARNING, "notifier"):
        ask()
    found = state(place)
    assert found["roster_due_at"] is None
    assert found["roster_error"].startswith(why)
    assert len(caplog.records) == 1
    assert "check" in rings.stages
    assert ask() == 0


def test_a_platform_that_is_away_is_asked_again_later_and_in_the_end_no_more() -> None:
    place = unknown(chat_app(refusing_url()))
    for attempt in range(1, MAX_ATTEMPTS):
        ask()
        found = state(place)
        assert (found["roster_attempts"], found["roster_error"]) == (attempt, "Telling did not answer.")
        assert found["roster_due_at"] > database_now()
        Conversation.objects.update(roster_due_at=timezone.now() - timedelta(seconds=1))
    ask()
    assert (state(place)["roster_due_at"], state(place)["roster_error"]) == (None, "Telling did not answer.")


def test_a_platform_that_hangs_holds_up_no_other(app: ChatApp, settings: Any) -> None:
    settings.CLAIM_SECONDS = settings.HTTP_TIMEOUT_SECONDS = 1
    with Server(hang) as silent:
        late, soon = unknown(chat_app(silent.url)), unknown(app)
        ask()
    assert members(soon) == MEMBERS
    assert state(late)["roster_error"] in ("Telling did not answer in time.", "Telling did not answer.")


def test_one_that_trips_its_adapter_fails_alone(app: ChatApp) -> None:
    good, poison = unknown(app), unknown(app, "poison")
    ask()
    assert members(good) == MEMBERS
    assert state(poison)["roster_error"] == "The adapter failed: ZeroDivisionError"


def test_one_whose_worker_ended_each_time_is_given_up(app: ChatApp, server: Server) -> None:
    place = unknown(app, roster_attempts=MAX_ATTEMPTS)
    ask()
    assert state(place)["roster_error"] == "Each time, the worker ended while it asked."
    assert server.requests == []


def test_a_platform_that_cannot_tell_is_not_asked() -> None:
    layer = factories.receipts_hook().chat_app
    place = unknown(layer)
    ask()
    assert state(place)["roster_error"] == "Layer cannot say who takes part in a conversation."


def test_what_changed_while_it_was_asked_is_asked_about_anew(app: ChatApp, monkeypatch: pytest.MonkeyPatch) -> None:
    place, end = unknown(app), rosters._end

    def changed_meanwhile(*args: Any) -> None:
        if not Participant.objects.exists():
            Conversation.objects.update(roster_due_at=timezone.now() - timedelta(seconds=2))
        monkeypatch.setattr(rosters, "_end", end)
        end(*args)

    monkeypatch.setattr(rosters, "_end", changed_meanwhile)
    assert ask() == 2
    assert (members(place), state(place)) == (MEMBERS, KNOWN)


def test_what_was_given_up_is_asked_again_when_somebody_wishes(app: ChatApp, rings: Rings) -> None:
    given_up = unknown(app, "again", roster_due_at=None, roster_error="It was away.", roster_attempts=8)
    fine = unknown(app, "fine", roster_due_at=None)
    assert ask_again([given_up.pk, fine.pk]) == 1
    assert "roster" in rings.stages
    ask()
    assert (members(given_up), members(fine)) == (MEMBERS, [])


def test_a_platform_that_was_away_may_soon_be_asked_again_and_one_that_refused_the_next_day(app: ChatApp) -> None:
    away, refused = unknown(app, "poison", roster_attempts=MAX_ATTEMPTS - 1), unknown(app, "private")
    ask()
    now = database_now()
    again = {one.key: one.roster_again_at - now for one in Conversation.objects.all() if one.roster_again_at}
    assert again[away.key] <= timedelta(minutes=1)
    assert timedelta(hours=23) < again[refused.key] <= timedelta(days=1)


def test_doctor_counts_what_could_not_be_learnt(app: ChatApp) -> None:
    def found() -> list[str]:
        return [one.what for one in chat_findings(offline=True) if "takes part" in one.what]

    assert found() == []
    for key in ("one", "two"):
        unknown(app, key, roster_due_at=None, roster_error="It was away.")
    unknown(app, "asked still", roster_error="It was away.")
    (sentence,) = found()
    assert sentence.startswith(f"Who takes part in 2 conversations of the chat app {app.slug} could not be learnt")
    assert "It was away." in sentence


# Workers that end, and workers side by side


def begin(app: ChatApp) -> Callable[[], None]:
    def fill() -> None:
        Participant.objects.all().delete()
        Conversation.objects.all().delete()
        unknown(app, "room")
        unknown(app, "gone")

    return fill


def test_wherever_a_worker_ends_the_next_one_learns_it(app: ChatApp) -> None:
    places = 0
    for life in lives(begin(app), ask):
        restarted({"roster": ask})
        room, gone = (Conversation.objects.get(key=key) for key in ("room", "gone"))
        assert (members(room), state(room)) == (MEMBERS, KNOWN), life
        assert state(gone)["roster_error"], life
        places += life.crashed
    assert places > 8


@pytest.mark.postgres
def test_several_workers_ask_once_about_each(app: ChatApp, server: Server) -> None:
    places = [unknown(app, f"room-{n}") for n in range(60)]
    together(*[ask] * 3)
    assert all(members(place) == MEMBERS for place in places)
    assert len(server.requests) == 2 * len(places)
