"""`manage.py listen` as a process of its own: it ends in good order, and lives through a database that is away."""

import time
from collections.abc import Iterator

import pytest
from django.db import connections

from notifier.models import Hook, InboxEvent, Listener
from smsbridge.demo.services import Redis
from tests import databases
from tests.flows.line import Line
from tests.flows.town import awaited
from tests.notifier.socket_platform import registered, spool_hook
from tests.notifier.socket_server import Spool
from tests.processes import Processes, Program, started

pytestmark = pytest.mark.django_db(transaction=True)

APP = {"EXTRA_APPS": "tests.flows.listening_project"}


@pytest.fixture
def spool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spool]:
    registered(monkeypatch)
    with Spool("one") as server:
        yield server


@pytest.fixture
def hook(spool: Spool) -> Hook:
    return spool_hook(spool.url)


def listen(processes: Processes) -> Program:
    return processes.manage("listen", ready="Caught up with", **APP)


def stored() -> list[str]:
    return [bytes(body).decode() for body in InboxEvent.objects.order_by("id").values_list("body", flat=True)]


def test_sigterm_ends_it_in_good_order_and_another_takes_over(
    transactional_db: None, processes: Processes, spool: Spool, hook: Hook
) -> None:
    first = listen(processes)
    assert stored() == ["one"]
    first.ask_to_end()
    begun = time.monotonic()
    assert first.stop() == 0
    assert time.monotonic() - begun < 3
    assert spool.waited(lambda: spool.goodbyes == 1)
    assert Listener.objects.get().holder is None
    spool.push("two")
    listen(processes)
    assert stored() == ["one", "two"]


def test_one_that_is_killed_is_replaced_when_its_lease_runs_out(
    transactional_db: None, processes: Processes, spool: Spool, hook: Hook
) -> None:
    first = listen(processes)
    second = processes.manage("listen", ready="this one stands by", **APP)
    first.kill()
    Listener.objects.update(held_until="2000-01-01T00:00:00Z")  # instead of a wait of 15 s
    assert second.said("Caught up with")
    assert spool.most_at_once == 1


@pytest.mark.postgres
def test_while_the_line_to_the_database_is_cut_nothing_is_lost(
    transactional_db: None, redis_server: Redis, spool: Spool, hook: Hook
) -> None:
    settings = connections["default"].settings_dict
    line = Line(settings["HOST"], settings["PORT"])
    with started(databases.url_of(line.leading_to(settings)), redis_server.url) as processes:
        listener = listen(processes)
        with line.cut():
            spool.push("meanwhile")
            assert listener.said("The database failed")
            spool.push("and more")
        assert awaited(lambda: stored() == ["one", "meanwhile", "and more"], "what happened meanwhile")
        assert listener.stop() == 0
    line.close()
