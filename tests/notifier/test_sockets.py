"""Listening to a platform over a connection: against a real WebSocket server, in threads of this process."""

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError

from notifier import websocket
from notifier.models import Listener
from notifier.platforms.socket import Taken
from notifier.services import inbox, listening_posts
from notifier.services.hooks import forget_hooks
from notifier.services.listening_posts import pause
from tests.notifier.listeners import Rings
from tests.notifier.socket_ground import caught_up, comes, listening, quick, row, stored
from tests.notifier.socket_platform import NO_URL, spool_hook
from tests.notifier.socket_server import Spool, Swallower
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)


@pytest.fixture
def spool() -> Iterator[Spool]:
    with Spool() as server:
        yield server


# What comes


def test_what_happened_before_is_caught_up_with_and_what_happens_is_told(spool: Spool, rings: Rings) -> None:
    spool.texts = ["one", "two", "three"]
    spool_hook(spool.url)
    with listening():
        assert eventually(caught_up)
        assert stored() == ["one", "two", "three"]
        rings.rung.clear()
        spool.push("four")
        assert comes("one", "two", "three", "four")
        assert eventually(lambda: inbox.STAGE in rings.stages)
        assert eventually(lambda: Listener.objects.get().place == {"next": 4})


def test_frames_are_text_or_binary_and_the_platforms_headers_are_sent(spool: Spool) -> None:
    spool.texts, spool.binary = ["one"], True
    spool_hook(spool.url)
    with listening():
        assert comes("one")
    assert spool.headers[0]["X-Spool"] == "1"


@pytest.mark.parametrize("cuts", [[0], [1], [2], [3], [1, 0, 1, 0, 0, 1, 0]])
def test_a_connection_that_is_cut_at_any_frame_is_made_anew_and_nothing_is_lost(spool: Spool, cuts: list[int]) -> None:
    spool.texts, spool.cuts = ["one", "two", "three", "four", "five"], list(cuts)
    spool_hook(spool.url)
    with listening():
        assert spool.waited(lambda: spool.connections == len(cuts) + 1)
        assert comes("one", "two", "three", "four", "five")
        assert eventually(caught_up)
        assert Listener.objects.get().error == ""


def test_what_happens_while_we_are_away_is_brought_by_the_next_connection(spool: Spool) -> None:
    spool_hook(spool.url)
    with listening():
        assert eventually(caught_up)
    spool.push("meanwhile")
    with listening():
        assert comes("meanwhile")
    assert [frame["from"] for _, frame in spool.said if "from" in frame] == [0, 0]


def test_it_goes_on_from_the_place_that_it_remembered(spool: Spool) -> None:
    spool.texts = ["one", "two", "three"]
    spool_hook(spool.url)
    with listening():
        assert eventually(caught_up)
    with listening():
        assert spool.waited(lambda: spool.connections == 2)
        assert eventually(caught_up)
    assert [frame["from"] for _, frame in spool.said if "from" in frame] == [0, 2, 3]


# What goes wrong


def test_a_server_that_never_answers_is_left_and_tried_again(spool: Spool) -> None:
    spool.texts, spool.mute = ["one"], True
    spool_hook(spool.url)
    with listening():
        assert eventually(lambda: (found := row()) and found.error == "No answer came.")
        spool.mute = False
        assert comes("one")
        assert eventually(caught_up)
        assert Listener.objects.get().error == ""


def test_a_link_that_swallows_all_is_dead_and_replaced(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "DEAD_SECONDS", 0.8)
    monkeypatch.setattr(websocket, "PING_SECONDS", 0.2)
    with Swallower(spool.port) as way:
        spool_hook(way.url)
        with listening():
            assert eventually(caught_up)
            way.swallows = True
            spool.push("lost on its way")
            assert eventually(lambda: (found := row()) and found.error.startswith("Nothing was heard for"))
            way.swallows = False
            assert comes("lost on its way")


def test_a_silent_link_lives_as_long_as_our_pings_are_answered(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "DEAD_SECONDS", 0.5)
    monkeypatch.setattr(websocket, "PING_SECONDS", 0.1)
    spool_hook(spool.url)
    with listening() as posts:
        assert eventually(caught_up)
        posts.stopping.wait(1.2)
    assert spool.connections == 1


def test_a_refusal_is_said_loudly_once_and_ends_when_it_is_corrected(
    spool: Spool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening_posts, "REFUSED_PAUSE", 0.05)
    spool.texts, spool.refused = ["one"], "The key has no scope: add solution:* to it."
    spool_hook(spool.url)
    with caplog.at_level(logging.ERROR), listening():
        assert spool.waited(lambda: spool.connections >= 3)
        assert Listener.objects.get().error == spool.refused
        spool.refused = ""
        assert comes("one")
    said = [record.getMessage() for record in caplog.records if "add solution:*" in record.getMessage()]
    assert len(said) == 1


def test_a_corrected_hook_is_tried_at_once_although_it_was_refused(spool: Spool) -> None:
    spool.refused = "The key has no scope: add solution:* to it."
    hook = spool_hook(spool.url)
    with listening(), Spool("one") as other:
        assert eventually(lambda: (found := row()) and found.error)
        hook.chat_app.options = {"url": other.url}
        hook.chat_app.save()
        forget_hooks()
        assert comes("one")


def test_an_address_that_is_none_is_refused_and_one_where_nobody_is_is_tried_again(spool: Spool) -> None:
    hook = spool_hook("https://127.0.0.1/")
    with listening():
        assert eventually(lambda: (found := row()) and "no WebSocket address" in found.error)
        hook.chat_app.options = {"url": "ws://127.0.0.1:9/"}
        hook.chat_app.save()
        forget_hooks()
        assert eventually(lambda: (found := row()) and "Nobody listens" in found.error)


def test_an_adapter_that_trips_ends_nothing_but_the_connection(
    spool: Spool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "private " + "words"  # the log shows lines of code, but no values
    monkeypatch.setattr("tests.notifier.socket_platform.SpoolConversing.opened", lambda *_: dict[str, Taken]()[words])
    spool_hook(spool.url)
    with caplog.at_level(logging.ERROR), listening():
        assert spool.waited(lambda: spool.connections >= 2)
        assert eventually(lambda: (found := row()) and found.error == "The adapter failed: KeyError.")
    assert words not in caplog.text


def test_while_the_database_is_away_nothing_is_lost(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool_hook(spool.url)
    real, away = inbox.accept, threading.Event()

    def accept(*args: Any) -> None:
        if away.is_set():
            raise OperationalError
        real(*args)

    monkeypatch.setattr(inbox, "accept", accept)
    with listening():
        assert eventually(caught_up)
        away.set()
        spool.push("kept for later")
        assert spool.waited(lambda: spool.connections >= 3)
        assert Listener.objects.get().place == {"next": 0}
        away.clear()
        assert comes("kept for later")


def test_neither_words_nor_tokens_are_logged(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    spool.texts = ["a private word"]
    spool_hook(f"{spool.url}?token=a-secret-token")
    with caplog.at_level(logging.DEBUG), listening():
        assert comes("a private word")
        assert eventually(caught_up)
        spool.cut()
        assert spool.waited(lambda: spool.connections == 2)
    assert "Caught up" in caplog.text
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("notifier"))
    assert "private word" not in ours
    assert "a-secret-token" not in ours


def test_pauses_grow_from_a_second_to_a_minute_with_some_chance() -> None:
    for attempt, longest in enumerate([1, 2, 4, 8, 16, 32, 60, 60]):
        assert all(longest / 2 <= pause(attempt) <= longest for _ in range(20))


def test_pings_are_answered_while_we_are_busy(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.impatient = 0.2
    real, busy = inbox.accept, threading.Event()

    def accept_slowly(*args: Any) -> None:
        busy.set()
        time.sleep(1)
        real(*args)

    monkeypatch.setattr(inbox, "accept", accept_slowly)
    spool_hook(spool.url)
    with listening():
        assert eventually(caught_up)
        texts = [f"text {number}" for number in range(40)]
        spool.push(texts[0])
        assert busy.wait(5)
        for text in texts[1:]:
            spool.push(text)
        assert comes(*texts)
        spool.push("and one more")
        assert comes(*texts, "and one more")
    assert spool.connections == 1


def test_a_configuration_with_something_missing_is_refused_with_its_remedy(spool: Spool) -> None:
    spool_hook("")
    with listening():
        assert eventually(lambda: (found := row()) and found.error == NO_URL)
    assert spool.connections == 0
