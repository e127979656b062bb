"""Which hooks are listened to, and by whom: hooks that come, change and go, and the lease between processes."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from notifier import websocket
from notifier.models import Hook, Listener
from notifier.services import listeners, listening_posts
from notifier.services.hooks import forget_hooks
from tests import factories
from tests.notifier.servers import Server, hang
from tests.notifier.socket_ground import caught_up, comes, listening, quick, row
from tests.notifier.socket_platform import spool_hook
from tests.notifier.socket_server import Spool
from tests.threads import times
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)


@pytest.fixture
def spool() -> Iterator[Spool]:
    with Spool() as server:
        yield server


# Hooks that come, change and go


def test_a_hook_that_is_made_while_it_runs_is_listened_to(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    spool.texts = ["one"]
    with caplog.at_level(logging.INFO), listening() as posts:
        posts.stopping.wait(0.3)
        spool_hook(spool.url)
        assert comes("one")
    assert caplog.text.count("no enabled hook") == 1


def test_a_hook_that_is_disabled_is_left_in_good_order(spool: Spool) -> None:
    spool_hook(spool.url)
    with listening():
        assert eventually(caught_up)
        Hook.objects.update(enabled=False)
        forget_hooks()
        assert spool.waited(lambda: spool.goodbyes == 1 and not spool.open)
        assert eventually(lambda: Listener.objects.get().holder is None)
        Hook.objects.update(enabled=True)
        forget_hooks()
        assert spool.waited(lambda: spool.open == 1)


def test_a_hook_of_a_platform_that_calls_us_is_not_listened_to(spool: Spool) -> None:
    factories.receipts_hook()
    with listening() as posts:
        posts.stopping.wait(0.3)
    assert row() is None


# The lease


@pytest.mark.postgres
def test_of_many_who_want_the_lease_at_once_one_gets_it() -> None:
    hook = spool_hook("ws://127.0.0.1:9/")
    assert sorted(times(8, lambda: listeners.Lease(hook.pk, uuid4()).take())) == [False] * 7 + [True]


@pytest.mark.postgres
def test_of_two_listeners_one_is_connected_and_the_other_takes_over_when_it_ends(spool: Spool) -> None:
    spool_hook(spool.url)
    with listening() as first:
        assert eventually(caught_up)
        with listening():
            first.stopping.wait(0.5)
            assert (spool.connections, spool.most_at_once) == (1, 1)
            first.stopping.set()
            assert spool.waited(lambda: spool.connections == 2)
            spool.push("told to the second")
            assert comes("told to the second")
    assert spool.most_at_once == 1


def test_a_lease_that_ran_out_is_taken_over_and_its_old_holder_hangs_up(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "RENEW_SECONDS", 0.1)
    spool_hook(spool.url)
    with listening():
        assert eventually(caught_up)
        mine = Listener.objects.get().holder
        # As if another had waited until it ran out: this one stood still.
        Listener.objects.update(holder="00000000-0000-4000-8000-000000000001")
        assert spool.waited(lambda: not spool.open)
        assert spool.connections == 1
        Listener.objects.update(held_until="2000-01-01T00:00:00Z")
        assert spool.waited(lambda: spool.connections == 2)
        assert eventually(lambda: Listener.objects.get().holder == mine)


def test_who_lost_the_lease_moves_no_place(spool: Spool) -> None:
    hook = spool_hook(spool.url)
    lease = listeners.Lease(hook.pk, uuid4())
    assert lease.take()
    Listener.objects.update(held_until="2000-01-01T00:00:00Z")
    assert listeners.Lease(hook.pk, uuid4()).take()
    assert not lease.take()
    changes: list[Callable[[], None]] = [
        lambda: lease.remember({"next": 9}),
        lease.renew,
        lease.connected,
        lambda: lease.caught_up(True),
        lambda: lease.ended("It fell over."),
    ]
    for change in changes:
        with pytest.raises(listeners.LostError):
            change()
    lease.release()
    found = Listener.objects.get()
    assert (found.place, found.holder is not None) == ({}, True)


def test_it_ends_at_once_also_while_it_tries_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "OPEN_SECONDS", 2.0)
    monkeypatch.setattr(listening_posts, "_GOODBYE_SECONDS", 0.2)
    with Server(hang) as server:
        spool_hook(server.url.replace("http", "ws"))
        with listening():
            server.wait_for(1)
            assert Listener.objects.get().holder
            begun = time.monotonic()
        assert time.monotonic() - begun < 1.5
        assert Listener.objects.get().holder is None
    assert eventually(lambda: not [one for one in threading.enumerate() if one.name.startswith("listen ")])


def test_when_it_is_told_to_end_it_says_goodbye_and_frees_the_lease(spool: Spool) -> None:
    spool_hook(spool.url)
    with listening():
        assert eventually(caught_up)
        found = Listener.objects.get()
        assert None not in (found.heard_at, found.connected_at, found.held_until)
    assert spool.goodbyes == 1
    found = Listener.objects.get()
    assert (found.holder, found.connected_at, found.caught_up_at) == (None, None, None)
