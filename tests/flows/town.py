"""A whole deployment with the simulator as its world: web, worker, a chat and phones, set up by its own commands."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import StringIO
from itertools import count
from typing import Any, TypeVar

import requests
from django.core.management import call_command
from django.test import override_settings

from smsbridge.demo.environment import vendors
from smsbridge.demo.stage import have_numbers
from smsbridge.demo.world import ChatMessage, Text, World
from smsbridge.models import OutboundSms
from tests.processes import ROOT, Processes, Program, started
from tests.waiting import eventually

NUMBERS = ("+14152000101", "+14152000102", "+14152000103")
DELAY_SECONDS = 0.3
TITLE = "Tea"
INTRODUCTION = 'This is "<%= conversation.title %>".'

T = TypeVar("T")

_serial = count(1)


def environment(url: str) -> dict[str, str]:
    """The variables of a deployment whose platform and vendors are the simulator that it serves itself."""
    return {
        "LAYER_API_URL": f"{url}/simulator/layer",
        "LAYER_APP_ID": "00000000-0000-4000-8000-00000000000a",
        "LAYER_BEARER_TOKEN": "a-token-for-tests",
        "LAYER_WEBHOOK_SECRET": "a-webhook-secret-for-tests",
        **vendors(url),
        "SMS_NUMBERS": ",".join(NUMBERS),
        "SMS_INTRODUCTION": INTRODUCTION,
        "NOTIFY_DELAY": str(int(DELAY_SECONDS * 1000)),
        "IDENTITY_CACHE": "0",
        "SIMULATOR_RETRY_UNIT": "50",
        "SWEEP_SECONDS": "1",
    }


class Town:
    """A running deployment. Each test has people and conversations of its own, for they share everything else."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self.world = World(processes.url)

    @property
    def url(self) -> str:
        return self.processes.url

    def manage(self, *arguments: str, **variables: str) -> str:
        """Run `manage.py` to its end; what it said. Raises RuntimeError unless its exit status is 0."""
        return finished(self.manages(*arguments, **variables))

    def registers(self, command: str, *arguments: str) -> str:
        """Run a command in this process, which knows nothing of the deployment but its database and public URL.

        Not from several threads: settings are changed meanwhile.
        """
        said = StringIO()
        with override_settings(PUBLIC_URL=self.url):
            call_command(command, *arguments, stdout=said)
        return said.getvalue()

    def manages(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        """Run `manage.py` beside whatever else goes on."""
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**self.processes.environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def simulator(self, path: str, **content: object) -> Any:
        """What the simulator's people API answers: to a POST of the content, or to a GET without any."""
        url = f"{self.url}/simulator/{path}"
        answer = requests.request(
            "POST" if content else "GET", url, json=content or None, headers={"X-Simulator": "1"}, timeout=20
        )
        answer.raise_for_status()
        return answer.json()

    def person(self, name: str, *, phone: bool = True) -> tuple[str, str]:
        """A new person: user id and phone."""
        serial = next(_serial)
        user, number = f"{name.lower()}-{serial}", f"+1202555{1000 + serial:04}" if phone else ""
        self.world.add_person(user, name, number)
        return user, number

    def pair(self) -> "Pair":
        """Anna and Ben, who talk; Ben has a phone."""
        anna, _ = self.person("Anna", phone=False)
        ben, phone = self.person("Ben")
        return Pair(self, anna, ben, phone, self.world.start_conversation(TITLE, anna, ben))


class Pair:
    """Anna, Ben with his phone, and one conversation of theirs."""

    def __init__(self, town: Town, anna: str, ben: str, phone: str, conversation: str) -> None:
        self._world = town.world
        self.anna, self.ben, self.phone, self.conversation = anna, ben, phone, conversation

    def anna_writes(self, text: str) -> str:
        return self._world.send(self.conversation, self.anna, text)

    def ben_texts(self, number: str, text: str) -> None:
        self._world.text(self.phone, number, text)

    def received(self) -> list[Text]:
        """The texts on Ben's phone."""
        return [text for text in self._world.texts(self.phone) if text.received]

    def sms(self, ending: str) -> Text:
        """The one text on Ben's phone that ends so. Waits for it."""
        found = awaited(lambda: [text for text in self.received() if text.text.endswith(ending)], f"an SMS {ending!r}")
        assert len(found) == 1, found
        return found[0]

    def said_by_ben(self) -> list[str]:
        return [message.text for message in self._messages() if message.sender == self.ben]

    def has_read(self, message: str) -> bool:
        return any(one.id == message and one.statuses[self.ben] == "read" for one in self._messages())

    def outbound(self) -> OutboundSms:
        """The newest text to Ben's phone, as the database has it now."""
        return OutboundSms.objects.filter(phone=self.phone).latest("created_at")

    def _messages(self) -> list[ChatMessage]:
        return self._world.messages(self.conversation)


def finished(command: "subprocess.Popen[str]") -> str:
    """What a command said until its end. Raises RuntimeError unless its exit status is 0."""
    said, _ = command.communicate(timeout=60)
    if command.returncode:
        raise RuntimeError(f"{command.args!r} ended with {command.returncode} and said:\n{said}")
    return said


def awaited(question: Callable[[], T], what: str, seconds: float = 20.0) -> T:
    """The first true answer; a failure that names what was waited for, and what was there instead."""
    answer = eventually(question, seconds, every=0.05)
    assert answer, f"waited in vain for {what}; the last answer was {answer!r}"
    return answer


@contextmanager
def town(
    database_url: str, redis_url: str, *, before_registration: Callable[[], object] = lambda: None, **variables: str
) -> Iterator[tuple[Town, Program]]:
    """A town and its worker, set up and ready; its rows go with it. The variables are further ones of the environment.

    `before_registration` is called when the rows are there, for changes to them.
    """
    try:
        with started(database_url, redis_url) as processes:
            processes.environment |= environment(processes.url) | variables
            here = Town(processes)
            setting_up = here.manages("setup")
            processes.web()
            finished(setting_up)
            before_registration()
            with ThreadPoolExecutor() as pool:
                worker = pool.submit(processes.worker)
                have_numbers(processes.url)
                for command in ("register_webhooks", "register_numbers"):
                    here.registers(command)
            yield here, worker.result()
    finally:
        call_command("flush", verbosity=0, interactive=False)
