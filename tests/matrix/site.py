"""The program beside a genuine homeserver: web and worker, set up by its own commands, and an imitated SMS vendor."""

import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import requests
from django.utils import timezone

from notifier.models import Conversation, Message, Participant, ReceiptCheck, Watermark
from smsbridge.models import Notice, OutboundSms
from smsbridge.vendors.fake_inbound import signature
from tests import factories
from tests.flows.town import Town, awaited, finished
from tests.matrix.people import TIMEOUT_SECONDS, Person
from tests.matrix.synapse import SERVER_NAME, Synapse
from tests.processes import Processes, Program, started
from tests.smsbridge.upstreams import Network

DELAY_SECONDS = 5
AS_TOKEN, HS_TOKEN = "the-application-services-token", "the-homeservers-token"
SIGNING_SECRET = "a-signing-secret-for-tests"
SETTLED = ("sent", "delivered", "withdrawn", "dead", "uncertain")

_serial = count(1)


def environment(homeserver: Synapse, vendor: Network) -> dict[str, str]:
    """What an operator would set."""
    return {
        "CHAT_PLATFORM": "matrix",
        "MATRIX_HOMESERVER_URL": homeserver.url,
        "MATRIX_SERVER_NAME": SERVER_NAME,
        "MATRIX_AS_TOKEN": AS_TOKEN,
        "MATRIX_HS_TOKEN": HS_TOKEN,
        "SMS_VENDOR": "fake",
        "FAKE_URL": vendor.url,
        "FAKE_TOKEN": "a-token-for-tests",
        "FAKE_SIGNING_SECRET": SIGNING_SECRET,
        "SMS_NUMBERS": "+14152000101,+14152000102",
        "NOTIFY_DELAY": f"{DELAY_SECONDS} seconds",
        "IDENTITY_CACHE": "0",
        "CLAIM_SECONDS": "2",
        "SWEEP_SECONDS": "0.3",
    }


@dataclass(frozen=True)
class Pair:
    """Ann and Ben, who share a room. Ben has a phone."""

    ann: Person
    ben: Person
    room: str


class Site:
    """A running deployment, whose programs a test may stop and start."""

    def __init__(self, processes: Processes, homeserver: Synapse, vendor: Network) -> None:
        self.homeserver, self.vendor = homeserver, vendor
        self.town = Town(processes)
        self.url, self._processes = processes.url, processes
        self._web: Program | None = None
        self._worker: Program | None = None

    # Its programs

    def start_web(self) -> None:
        self._web = self._processes.web()

    def start(self) -> None:
        """Web and worker."""
        with ThreadPoolExecutor() as pool:
            worker = pool.submit(self._processes.worker)
            self.start_web()
            self._worker = worker.result()

    @contextmanager
    def web_away(self) -> Iterator[None]:
        """SIGKILL: what it had answered counts, what it had not comes again."""
        self.kill_web()
        try:
            yield
        finally:
            self.start_web()

    @contextmanager
    def away(self) -> Iterator[None]:
        """SIGKILL to both."""
        self.kill_web()
        assert self._worker is not None
        self._worker.kill()
        try:
            yield
        finally:
            self.start()

    def kill_web(self) -> None:
        assert self._web is not None
        self._web.kill()

    # Its people

    def person(self, name: str) -> Person:
        """Somebody with a phone."""
        return self.homeserver.person(name, factories.phone(next(_serial)))

    def pair(self) -> Pair:
        ann, ben = self.homeserver.person("Ann"), self.person("Ben")
        return Pair(ann, ben, ann.room("Tea", ben))

    # What it knows

    def knows(self, *events: str) -> None:
        """Wait until these messages are stored."""
        awaited(lambda: Message.objects.filter(key__in=events).count() == len(events), "the messages to be stored")

    def knows_read(self, person: Person, room: str) -> None:
        """Wait until a receipt of this person in this room is stored."""
        awaited(lambda: Watermark.objects.filter(conversation__key=room, user_id=person.id), "the receipt")

    def takes_part(self, person: Person, room: str) -> bool:
        return Participant.objects.filter(conversation__key=room, user_id=person.id).exists()

    def in_order(self, room: str) -> list[str]:
        """The messages of a room, as it places them."""
        known = Message.objects.filter(conversation__key=room, position__isnull=False)
        return list(known.order_by("position").values_list("key", flat=True))

    def said_by(self, person: Person, room: str) -> list[str]:
        return list(Message.objects.filter(conversation__key=room, sender_id=person.id).values_list("key", flat=True))

    def conversation(self, room: str) -> Conversation:
        return Conversation.objects.get(key=room)

    # What it does

    def time_is_up(self, *events: str) -> None:
        """The delay of these messages is over now: nobody waits for it, and nothing else comes to be due."""
        self.knows(*events)
        ReceiptCheck.objects.filter(message__key__in=events).update(due_at=timezone.now())

    def fate(self, event: str, person: Person) -> str:
        """What becomes of a message for somebody, when that is settled.

        "not reported", or why he is not texted, or the state of the SMS that tells of it.
        """
        self.knows(event)
        awaited(lambda: not ReceiptCheck.objects.filter(message__key=event).exists(), "its check")
        return awaited(lambda: _fate(event, person), "its notice to be settled")

    def texts(self, person: Person) -> list[str]:
        """What was texted to him so far."""
        return [one["text"] for one in self.vendor.requests if one["to"] == person.phone]

    def text(self, person: Person, count: int = 1) -> str:
        """The last of so many texts to him. Waits for it."""
        told = awaited(lambda: (found := self.texts(person))[count - 1 :] and found, f"{count} texts")
        assert len(told) == count, told
        return told[-1]

    def answers(self, person: Person, text: str) -> None:
        """He texts back to the number that texted him last."""
        number = next(one["from"] for one in reversed(self.vendor.requests) if one["to"] == person.phone)
        told = {"id": uuid.uuid4().hex, "from": person.phone, "to": number, "text": text}
        body, stamp = json.dumps(told).encode(), str(int(time.time()))
        headers = {"X-Fake-Signature": f"t={stamp},v1={signature(SIGNING_SECRET, stamp, body)}"}
        url = f"{self.url}/webhooks/sms/fake/inbound/"
        requests.post(url, data=body, headers=headers, timeout=TIMEOUT_SECONDS).raise_for_status()


def _fate(event: str, person: Person) -> str:
    notice = Notice.objects.filter(message__key=event, user_id=person.id).first()
    if notice is None:
        return "not reported"
    if notice.state != Notice.State.IN_SMS:
        return str(notice.reason)
    sms = OutboundSms.objects.get(notices=notice)
    return str(sms.state) if sms.state in SETTLED else ""


@contextmanager
def opened(python: Path, folder: Path, database_url: str, redis_url: str) -> Iterator[Site]:
    """A site, ready. The homeserver's registration file is what the program itself prints."""
    with ExitStack() as stack:
        vendor = stack.enter_context(Network())
        processes = stack.enter_context(started(database_url, redis_url))
        homeserver = Synapse(python, folder)
        stack.callback(homeserver.stop)
        processes.environment |= environment(homeserver, vendor)
        site = Site(processes, homeserver, vendor)
        setting_up = site.town.manages("setup")
        with ThreadPoolExecutor() as pool:
            starting = pool.submit(site.start)
            finished(setting_up)
            homeserver.start(registration(site))
            starting.result()
        assert "reaches us" in site.town.registers("register_webhooks")
        yield site


def registration(site: Site) -> str:
    """The application service's registration file, cut out of what the command tells the operator."""
    return site.town.registers("register_webhooks", "--dry-run").split("----------\n")[1]
