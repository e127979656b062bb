"""A burst for two workers at once: each message one text, each conversation its number, each answer its place."""

import hashlib
import hmac
import json
import re
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from notifier.models import Hook
from smsbridge.demo.services import Redis
from smsbridge.models import InboundSms, OutboundSms
from tests import factories
from tests.flows.town import awaited
from tests.notifier.servers import Received
from tests.processes import Processes, started
from tests.smsbridge.upstreams import Chat, Network

PEOPLE = 60
MESSAGES = 300
VENDOR_SECRET = "a-vendor-secret"
POSTERS = 4


class Rooms(Chat):
    """A chat that also knows into which conversation each post went."""

    def __init__(self) -> None:
        super().__init__()
        self.rooms: dict[str, str] = {}

    def post(self, received: Received) -> bytes:
        key = received.headers["if-none-match"].strip('"')
        self.rooms[key] = re.findall(r"/conversations/([^/]+)/messages$", received.path)[0]
        return super().post(received)

    @property
    def posted(self) -> list[tuple[str, str, str]]:
        """Conversation, author and text of each message that stands in the chat."""
        return [(self.rooms[key], *said) for key, said in self.posts.items()]


@dataclass(frozen=True)
class Message:
    user: str
    phone: str
    conversation: str
    text: str

    @property
    def event(self) -> bytes:
        told = {"conversation": self.conversation, "recipients": {self.user: "sent"}}
        return factories.body_of(factories.layer_event(text=self.text, **told))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Burst:
    messages: list[Message]
    chat: Rooms
    vendor: Network


def conversations() -> list[Message]:
    """The messages: each person has two conversations and some messages in each."""
    rooms = {(person, number): str(uuid.uuid4()) for person in range(PEOPLE) for number in (0, 1)}
    made = []
    for serial in range(MESSAGES):
        person, number = serial % PEOPLE, serial // PEOPLE % 2
        room = rooms[person, number]
        made.append(Message(f"person-{person}", factories.phone(person), room, f"{room} {serial}"))
    return made


@pytest.fixture(scope="module")
def burst(db: None, database_url: str, redis_server: Redis) -> Iterator[Burst]:
    """All of it sent, and answered, through one web process and two workers."""
    messages = conversations()
    with Rooms() as chat, Network() as vendor, started(database_url, redis_server.url) as processes:
        chat.identities = {one.user: {"display_name": one.user, "phone_number": one.phone} for one in messages}
        chat.identities[factories.ANN] = {"display_name": "Ann", "phone_number": None}
        hook = rows(chat, vendor)
        start(processes)
        url = processes.url
        post(url, hook, messages)
        awaited(lambda: len(vendor.accepted) >= MESSAGES, "all texts", 60)
        answer(url, vendor)
        awaited(lambda: not InboundSms.objects.filter(state="waiting").exists(), "all answers to be posted", 60)
        yield Burst(messages, chat, vendor)


def rows(chat: Rooms, vendor: Network) -> Hook:
    app = factories.chat_app(options={"app_id": str(uuid.uuid4()), "api_url": chat.url})
    hook = factories.receipts_hook(app, delay=500)
    secrets = {"token": "token", "signing_secret": VENDOR_SECRET}
    account = factories.vendor_account("fake", options={"url": vendor.url}, secrets=secrets)
    factories.bridge(hook, factories.pool(2, account=account), digest=False, template="<%= text %>")
    return hook


def start(processes: Processes) -> None:
    settings = {"COMPOSE_BATCH": "20", "CHECK_BATCH": "20", "DRAIN_BATCH": "20", "SWEEP_SECONDS": "1"}
    with ThreadPoolExecutor() as pool:  # each says when it is ready
        workers = [pool.submit(processes.worker, **settings) for _ in range(2)]
        processes.web()
    for worker in workers:
        worker.result()


def post(url: str, hook: Hook, messages: list[Message]) -> None:
    """Every message, some repeated as by a platform that did not hear the answer."""

    def deliver(message: Message) -> None:
        body = message.event
        headers = {"Content-Type": "application/json", "layer-webhook-signature": factories.signature(body)}
        for _ in range(times(message.text)):
            answer = requests.post(f"{url}/webhooks/chat/{hook.slug}/", data=body, headers=headers, timeout=20)
            assert answer.status_code == 204

    in_parallel(deliver, messages)


def answer(url: str, vendor: Network) -> None:
    """Each person answers each text, to the number that it came from, and the vendor tells some twice."""

    def tell(serial_and_sms: tuple[int, dict[str, Any]]) -> None:
        serial, sms = serial_and_sms
        content = {"id": f"in-{serial}", "from": sms["to"], "to": sms["from"], "text": f"re: {sms['text']}", "at": ""}
        body = json.dumps(content).encode()
        for _ in range(times(sms["text"])):
            stamp = str(int(time.time()))
            signed = hmac.new(VENDOR_SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
            headers = {"Content-Type": "application/json", "X-Fake-Signature": f"t={stamp},v1={signed}"}
            given = requests.post(f"{url}/webhooks/sms/fake/inbound/", data=body, headers=headers, timeout=20)
            assert given.ok

    in_parallel(tell, list(enumerate(vendor.accepted)))


def times(text: str) -> int:
    return 2 if text.endswith("0") else 1


def in_parallel(act: Any, over: list[Any]) -> None:
    with ThreadPoolExecutor(POSTERS) as pool:
        for _ in pool.map(act, over):
            pass


def test_each_message_is_one_text_to_its_reader(burst: Burst) -> None:
    came = Counter((sms["to"], sms["text"]) for sms in burst.vendor.accepted)
    assert came == Counter((one.phone, one.text) for one in burst.messages)
    assert Counter(OutboundSms.objects.values_list("state", flat=True)) == {"sent": MESSAGES}


def test_on_each_phone_a_number_stands_for_one_conversation_and_back(burst: Burst) -> None:
    rooms: dict[tuple[str, str], set[str]] = defaultdict(set)
    numbers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for sms in burst.vendor.accepted:
        room = sms["text"].partition(" ")[0]
        rooms[sms["to"], sms["from"]].add(room)
        numbers[sms["to"], room].add(sms["from"])
    assert len(rooms) == len(numbers) == 2 * PEOPLE
    assert {len(found) for found in [*rooms.values(), *numbers.values()]} == {1}


def test_each_answer_stands_once_in_its_conversation_by_its_author(burst: Burst) -> None:
    assert Counter(burst.chat.posted) == Counter(
        (one.conversation, one.user, f"re: {one.text}") for one in burst.messages
    )
    assert Counter(InboundSms.objects.values_list("state", flat=True)) == {"posted": MESSAGES}
