"""A message and those it is for are merged at the same moment, by two workers: they find each other all the same."""

import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from notifier.models import ChatApp, Conversation, Departure, Participant, Receipt
from notifier.platforms.base import ChatEvent, Platform, Roster
from notifier.services import merging, roster_rows
from notifier.services.conversations import Arrived
from notifier.services.hooks import live_hooks
from notifier.sql import fetch
from tests import factories
from tests.notifier import chats
from tests.notifier.chats import NOW, Orderly, Scattered, came, said, went
from tests.waiting import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

ORDERS = pytest.mark.parametrize("platform", [Orderly, Scattered])


@pytest.fixture(autouse=True)
def both(db: None) -> Iterator[None]:
    with chats.platforms():
        yield


def made(platform: type[Platform]) -> ChatApp:
    app = chats.app(platform)
    factories.receipts_hook(app)
    return app


def merge(app: ChatApp, event: ChatEvent) -> None:
    hooks = [hook for hook in live_hooks().values() if hook.chat_app == app.pk]
    with transaction.atomic():
        merging.merge(app.pk, hooks, [Arrived(NOW, event, 1)])


def meanwhile(first: Callable[[], None], second: Callable[[], None]) -> None:
    """The second begins after the first has done its work, and before that is committed."""
    other = threading.Thread(target=_alone, args=(second,))
    with transaction.atomic():
        first()
        other.start()
        assert eventually(lambda: not other.is_alive() or _waits())
    other.join(10)


def _alone(job: Callable[[], None]) -> None:
    try:
        job()
    finally:
        connection.close()


def _waits() -> bool:
    return bool(fetch("select 1 from pg_locks where not granted"))


def recipients() -> list[str]:
    return sorted(Receipt.objects.values_list("user_id", flat=True))


@ORDERS
@pytest.mark.parametrize("answer_first", [True, False])
def test_a_message_meets_the_platforms_answer_to_who_takes_part(platform: type[Platform], answer_first: bool) -> None:
    app = made(platform)
    merge(app, said("m1"))
    (asked,) = roster_rows.claim()[1]
    jobs = [lambda: merge(app, said("m2", seconds=1)), lambda: roster_rows.store(asked, Roster(users=["ann", "ben"]))]
    meanwhile(*(jobs[::-1] if answer_first else jobs))
    assert recipients() == ["ben", "ben"]


@pytest.mark.parametrize("message_first", [True, False])
def test_a_message_meets_a_newcomer(message_first: bool) -> None:
    app = made(Scattered)
    merge(app, came("ann"))
    Conversation.objects.update(roster_known=True, roster_due_at=None)
    jobs = [lambda: merge(app, said("m1", seconds=1)), lambda: merge(app, came("ben"))]
    meanwhile(*(jobs if message_first else jobs[::-1]))
    assert recipients() == ["ben"]


@pytest.mark.parametrize("late", [True, False])
def test_somebodys_coming_meets_his_going(late: bool) -> None:
    app = made(Scattered)
    merge(app, came("ann"))
    jobs = [lambda: merge(app, came("ben", seconds=1)), lambda: merge(app, went("ben", seconds=2))]
    meanwhile(*(jobs[::-1] if late else jobs))
    assert list(Participant.objects.values_list("user_id", flat=True)) == ["ann"]
    assert Departure.objects.get().user_id == "ben"


def test_in_order_nothing_is_held_once_it_is_known_who_takes_part() -> None:
    app = made(Orderly)
    with CaptureQueriesContext(connection) as unknown:
        merge(app, said("m1"))
    Conversation.objects.update(roster_known=True, roster_due_at=None)
    with CaptureQueriesContext(connection) as known:
        merge(app, said("m2", seconds=1))
    held = [sum("for no key update" in query["sql"] for query in queries) for queries in (unknown, known)]
    assert held == [1, 0]
