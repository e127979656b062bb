"""The example of docs/generic-platform.md, run as it is: unread in a chat of one's own, told by SMS, answered in it."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from notifier.platforms.generic import GenericPlatform
from smsbridge.demo.services import Redis, free_port
from smsbridge.demo.world import World
from tests.flows.live_contract import LiveContract, PretendPhone
from tests.flows.town import Town, awaited, environment, finished
from tests.platforms.generic_cases import delivery
from tests.processes import ROOT, started
from tests.waiting import eventually

pytestmark = pytest.mark.once  # it is about processes, which are the same on any database

SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
BENS_PHONE = "+12025550177"


class Tiny(PretendPhone):
    """The example, as people use it, and what it leaves out: edits and deletions, told by calls signed as its own."""

    platform = GenericPlatform

    def __init__(self, url: str, hook: str, world: World) -> None:
        super().__init__(world, BENS_PHONE)
        self._url, self._hook = url, hook

    def anna_writes(self, text: str) -> str:
        self.do("say", user="anna", text=text)
        return str(self._messages()[-1]["id"])

    def ben_reads(self, message: str) -> None:
        self.do("read", user="ben")

    def anna_edits(self, message: str, text: str) -> None:
        self._tell("message.edited", {"id": message, "text": text})

    def anna_deletes(self, message: str) -> None:
        self._tell("message.deleted", {"id": message})

    def said_by_ben(self) -> list[str]:
        return [one["text"] for one in self._messages() if one["sender"]["id"] == "ben"]

    def unread_by_ben(self) -> list[str]:
        return [one["text"] for one in self._messages() if "ben" in one["unread_by"]]

    def do(self, what: str, **form: str) -> None:
        requests.post(f"{self._url}/{what}", data=form, timeout=20).raise_for_status()

    def _messages(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = requests.get(f"{self._url}/messages", timeout=20).json()
        return told

    def _tell(self, event: str, message: dict[str, str]) -> None:
        body = json.dumps({"type": event, "data": {"conversation": {"id": "tea"}, "message": message}})
        call = delivery(body.encode(), SECRET, message_id=f"evt_{uuid.uuid4()}")
        requests.post(self._hook, data=call.body, headers=dict(call.headers), timeout=20).raise_for_status()


@pytest.fixture(scope="module")
def opened(db: None, database_url: str, redis_server: Redis) -> Iterator[Callable[[], Tiny]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with started(database_url, redis_server.url) as processes:
        processes.environment |= environment(processes.url) | {
            "CHAT_PLATFORM": "generic",
            "GENERIC_WEBHOOK_SECRET": SECRET,
            "GENERIC_API_URL": url,
            "NOTIFY_DELAY": "1 second",
        }
        here = Town(processes)
        setting_up = here.manages("setup")
        processes.web()
        finished(setting_up)
        processes.worker()
        here.world.add_person("owner", "The owner of the phone", BENS_PHONE)
        hook = f"{processes.url}/webhooks/chat/generic/"
        environ = {**os.environ, "SECRET": SECRET, "PHONE": BENS_PHONE}
        chat = subprocess.Popen([sys.executable, "docs/examples/tiny_chat.py", hook, str(port)], cwd=ROOT, env=environ)
        try:
            assert eventually(lambda: _answers(url), 20)
            yield lambda: Tiny(url, hook, here.world)
        finally:
            chat.terminate()
            chat.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/messages", timeout=5).ok
    except requests.ConnectionError:
        return False


@pytest.fixture
def live(opened: Callable[[], Tiny]) -> Tiny:
    return opened()


class TestTinyChat(LiveContract):
    def test_by_answering_he_has_read_it(self, live: Tiny) -> None:
        live.anna_writes("Tea at four?")
        awaited(live.texts, "an SMS")
        live.ben_texts("I know")
        assert awaited(lambda: not live.unread_by_ben(), "his messages to be read")
