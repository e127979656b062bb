from __future__ import annotations  # pytest reads this file before Django is ready for the classes named here

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.notifier.listeners import Rings, Told


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> Rings:
    """No test of this folder reaches a broker: what would have been rung is in here."""
    from notifier import doorbell
    from tests.notifier.listeners import Rings

    silent = Rings()
    monkeypatch.setattr(doorbell, "bell", silent)
    return silent


@pytest.fixture
def told() -> Iterator[Told]:
    from notifier.signals import event_received, message_unread
    from tests.notifier.listeners import Told

    listener = Told()
    message_unread.connect(listener.message_unread)
    event_received.connect(listener.event_received)
    yield listener
    message_unread.disconnect(listener.message_unread)
    event_received.disconnect(listener.event_received)
