"""What the flows share: a database that stays open for a whole module, as its processes do, and a Redis to kill."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from smsbridge.demo.services import ServiceError

if TYPE_CHECKING:
    from tests.flows.broker import Away, Broker


@pytest.fixture(scope="module")
def db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The tests' database for all tests of a module, emptied after it: ask for it before the processes.

    In place of pytest-django's own, whose tests each have a transaction that no other process could see.
    """
    from django.core.management import call_command

    with django_db_blocker.unblock():
        yield
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A Redis of the module's own, which it may kill and freeze."""
    from tests.flows.broker import Broker

    try:
        broker = Broker(tmp_path_factory.mktemp("redis"))
    except ServiceError as error:
        pytest.skip(str(error))
    yield broker
    broker.stop()


@pytest.fixture(params=["killed", "frozen"])
def away(request: pytest.FixtureRequest, broker: Broker) -> Away:
    """Begins a block in which Redis is killed, or stands still."""
    outage: Away = getattr(broker, request.param)
    return outage
