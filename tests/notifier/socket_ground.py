"""Listening in threads of the test's own process, as `manage.py listen` does it, but with short pauses."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections

from notifier.models import InboxEvent, Listener
from notifier.services import listening_posts
from notifier.services.listening_posts import Posts
from tests.notifier.socket_platform import registered
from tests.waiting import eventually


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' platform is known, and nobody waits for long."""
    registered(monkeypatch)
    for name, value in {"LOOK_SECONDS": 0.05, "STANDBY_SECONDS": 0.05, "pause": lambda attempt: 0.02}.items():
        monkeypatch.setattr(listening_posts, name, value)


@contextmanager
def listening() -> Iterator[Posts]:
    """Another process, so to speak, that listens for the length of a block."""
    posts = Posts()

    def run() -> None:
        try:
            posts.run()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield posts
    finally:
        posts.stopping.set()
        thread.join(10)
        assert not thread.is_alive()


def stored() -> list[str]:
    """The bodies of all events, in the order in which they were accepted."""
    return [bytes(body).decode() for body in InboxEvent.objects.order_by("id").values_list("body", flat=True)]


def comes(*texts: str) -> bool:
    """Whether these are stored in the end, in this order, each once, and nothing else."""
    return eventually(lambda: stored() == list(texts))


def row() -> Listener | None:
    return Listener.objects.first()


def caught_up() -> bool:
    found = row()
    return bool(found and found.holder and found.caught_up_at)
