"""Postgres goes away and comes back: callers are asked to repeat, the worker lives through it, no text is repeated."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
from django.db import connections

from notifier.models import Hook
from smsbridge.demo.services import Redis
from smsbridge.models import OutboundSms
from tests import databases, factories
from tests.flows.line import Line
from tests.flows.town import awaited
from tests.notifier.servers import Peer, Received
from tests.processes import Program, started
from tests.smsbridge.upstreams import Network
from tests.waiting import eventually

pytestmark = pytest.mark.postgres

FAILED = "send: the database failed"


@dataclass(frozen=True)
class Place:
    """A deployment whose database is behind a line."""

    url: str
    line: Line
    vendor: Network
    hook: Hook
    worker: Program

    def deliver(self, text: str) -> int:
        """The answer to the event of a message to Ben."""
        body = factories.body_of(factories.layer_event(text=text))
        headers = {"Content-Type": "application/json", "layer-webhook-signature": factories.signature(body)}
        url = f"{self.url}/webhooks/chat/{self.hook.slug}/"
        return requests.post(url, data=body, headers=headers, timeout=30).status_code


@pytest.fixture(scope="module")
def place(db: None, database_url: str, redis_server: Redis) -> Iterator[Place]:
    settings = connections["default"].settings_dict
    line = Line(settings["HOST"], settings["PORT"])
    with Network() as vendor, started(databases.url_of(line.leading_to(settings)), redis_server.url) as processes:
        account = factories.vendor_account(options={"url": vendor.url})
        hook = factories.receipts_hook(delay=200)
        factories.bridge(hook, factories.pool(9, account=account), digest=False)
        for user in (factories.ANN, factories.BEN):
            factories.contact(hook.chat_app, user)
        processes.web()
        yield Place(processes.url, line, vendor, hook, processes.worker(SWEEP_SECONDS="0.5"))
    line.close()


def test_a_platform_is_asked_to_repeat_and_its_repetition_is_taken(place: Place) -> None:
    assert place.deliver("Before") == 204
    assert awaited(lambda: place.vendor.texts == ["Ann: Before"], "the first text")
    with place.line.cut():
        assert place.deliver("Meanwhile") == 503
    assert eventually(lambda: place.deliver("Afterwards") == 204)
    assert awaited(lambda: "Ann: Afterwards" in place.vendor.texts, "the text after it")
    assert "Ann: Meanwhile" not in place.vendor.texts
    assert place.worker.process.poll() is None


def test_the_vendors_answer_is_kept_until_the_database_is_back(place: Place) -> None:
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
