"""A Bridge for each test, with Ann and Ben in a context and a thread of theirs; and a vendor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.privmx.bridge import Bridge

if TYPE_CHECKING:
    from tests.smsbridge.upstreams import Network


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    with Bridge() as running:
        running.world.add_context("C1", ["ann", "ben"])
        yield running


@pytest.fixture
def thread(bridge: Bridge) -> str:
    return bridge.world.create_thread("C1", ["ann", "ben"])


@pytest.fixture
def vendor() -> Iterator[Network]:
    from tests.smsbridge.upstreams import Network

    with Network() as running:
        yield running
