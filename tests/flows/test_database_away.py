"""The line to Postgres is cut: callers are asked to repeat, the worker lives through it, no text is repeated."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.db import connections

from smsbridge.demo.services import Redis
from smsbridge.models import OutboundSms
from tests import databases
from tests.flows.deployment import Deployment, deployed
from tests.flows.line import Line
from tests.flows.town import awaited
from tests.notifier.servers import Peer, Received
from tests.waiting import eventually

pytestmark = pytest.mark.postgres

FAILED = "send: the database failed"


@dataclass(frozen=True)
class Behind(Deployment):
    """A deployment whose database is behind a line."""

    line: Line


@pytest.fixture(scope="module")
def place(db: None, database_url: str, redis_server: Redis) -> Iterator[Behind]:
    settings = connections["default"].settings_dict
    line = Line(settings["HOST"], settings["PORT"])
    with deployed(databases.url_of(line.leading_to(settings)), redis_server.url) as there:
        yield Behind(**vars(there), line=line)
    line.close()


def test_a_platform_is_asked_to_repeat_and_its_repetition_is_taken(place: Behind) -> None:
    assert place.deliver("Before") == 204
    assert awaited(lambda: place.vendor.texts == ["Ann: Before"], "the first text")
    with place.line.cut():
        assert place.deliver("Meanwhile") == 503
    assert eventually(lambda: place.deliver("Afterwards") == 204)
    assert awaited(lambda: "Ann: Afterwards" in place.vendor.texts, "the text after it")
    assert "Ann: Meanwhile" not in place.vendor.texts
    assert place.worker.process.poll() is None


def test_the_vendors_answer_is_kept_until_the_database_is_back(place: Behind) -> None:
    asked, cut = threading.Event(), threading.Event()

    def accept_once_cut(peer: Peer, received: Received) -> None:
        asked.set()
        cut.wait(20)
        place.vendor.accept(peer, received)

    place.vendor.script.append(accept_once_cut)
    assert place.deliver("Once") == 204
    assert asked.wait(20)
    with place.line.cut():
        noticed = place.worker.output.count(FAILED)
        cut.set()
        assert awaited(lambda: place.worker.output.count(FAILED) > noticed, "the worker to notice")
    sms = OutboundSms.objects.filter(text="Ann: Once")
    assert awaited(lambda: sms.get().state == "sent", "the answer to be stored")
    assert place.vendor.texts.count("Ann: Once") == 1
