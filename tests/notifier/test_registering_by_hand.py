"""A platform that has no call to register with: what a person has to do is told, and whether it came to work."""

import json
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from notifier import waker
from notifier.models import ChatApp, Hook
from notifier.services.chat_findings import chat_findings
from notifier.services.findings import Level
from notifier.services.hooks import forget_hooks
from notifier.services.reaching import Waker
from tests.notifier.servers import Peer, Received, Server, answer

AS_TOKEN, HS_TOKEN = "the-as-token", "the-hs-token"
PING = "/_matrix/client/v1/appservice/smsbridge/ping"


class Homeserver:
    """Answers pings; with `error`, that it cannot reach us."""

    def __init__(self) -> None:
        self.error = ""
        self.server = Server(self._serve)

    @property
    def pings(self) -> int:
        return sum(one.path == PING for one in self.server.requests)

    def _serve(self, peer: Peer, received: Received) -> None:
        told = {"errcode": self.error} if self.error else {"duration_ms": 3}
        answer(502 if self.error else 200, json.dumps(told).encode())(peer, received)


@pytest.fixture
def homeserver(settings: Settings) -> Iterator[Homeserver]:
    settings.PUBLIC_URL = "https://sms.example.com"
    found = Homeserver()
    with found.server:
        yield found


@pytest.fixture
def hook(db: None, homeserver: Homeserver) -> Hook:
    options = {"homeserver_url": homeserver.server.url, "server_name": "chat.test"}
    app = ChatApp.objects.create(
        slug="matrix", name="Matrix", platform="matrix", options=options, secrets={"as_token": AS_TOKEN}
    )
    made = Hook.objects.create(
        chat_app=app, slug="matrix", name="smsbridge", delay=timedelta(minutes=10), secret=HS_TOKEN
    )
    forget_hooks()
    return made


def registering(*arguments: str) -> tuple[str, str]:
    """What the command writes, and what it complains of."""
    out, errors = StringIO(), StringIO()
    try:
        call_command("register_webhooks", *arguments, stdout=out, stderr=errors)
    except CommandError as error:
        errors.write(str(error))
    return out.getvalue(), errors.getvalue()


def test_the_command_prints_the_registration_and_has_the_homeserver_call_us(hook: Hook, homeserver: Homeserver) -> None:
    out, errors = registering()
    assert errors == ""
    assert 'url: "https://sms.example.com/webhooks/chat/matrix"' in out
    assert AS_TOKEN in out
    assert HS_TOKEN in out
    assert out.endswith("matrix: The homeserver reaches us, and both tokens fit. It took 3 ms.\n")
    (request,) = homeserver.server.requests
    assert (request.method, request.path) == ("POST", PING)
    assert request.headers["authorization"] == f"Bearer {AS_TOKEN}"


def test_its_tokens_are_in_no_log(hook: Hook, homeserver: Homeserver, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        homeserver.error = "M_CONNECTION_FAILED"
        registering()
        Waker().round()
    assert AS_TOKEN not in caplog.text
    assert HS_TOKEN not in caplog.text


def test_the_command_fails_with_the_remedy_when_the_homeserver_does_not_reach_us(
    hook: Hook, homeserver: Homeserver
) -> None:
    homeserver.error = "M_CONNECTION_FAILED"
    out, errors = registering()
    assert AS_TOKEN in out
    assert "the web process must be running" in errors
    assert "Not registered: matrix." in errors


def test_nothing_is_called_in_a_dry_run(hook: Hook, homeserver: Homeserver) -> None:
    out, errors = registering("--dry-run")
    assert errors == ""
    assert out.endswith("Would have Matrix call https://sms.example.com/webhooks/chat/matrix/, to see that it can.\n")
    assert homeserver.pings == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"secret": ""}, "has no signing secret"),
        ({"enabled": False}, "is switched off"),
    ],
)
def test_nothing_is_printed_of_a_hook_that_cannot_be_used(
    hook: Hook, homeserver: Homeserver, change: dict[str, object], reason: str
) -> None:
    Hook.objects.update(**change)
    out, errors = registering("matrix")
    assert reason in errors
    assert out == ""
    assert homeserver.pings == 0


def test_to_a_platform_that_we_connect_to_nothing_is_registered(hook: Hook) -> None:
    ChatApp.objects.update(platform="privmx")
    out, errors = registering()
    assert errors == ""
    assert "run `manage.py listen`" in out


def findings() -> list[tuple[Level, str]]:
    return [(one.level, one.what) for one in chat_findings(offline=False)]


def test_the_doctor_has_the_homeserver_call_us(hook: Hook, homeserver: Homeserver) -> None:
    assert findings() == [(Level.GOOD, "The homeserver reaches us, and both tokens fit. It took 3 ms.")]
    homeserver.error = "M_CONNECTION_TIMEOUT"
    ((level, what),) = findings()
    assert level is Level.WRONG
    assert "no answer from us in time" in what


def test_a_change_in_being_reached_is_logged_once(
    hook: Hook, homeserver: Homeserver, caplog: pytest.LogCaptureFixture
) -> None:
    waker_ = Waker()
    with caplog.at_level(logging.INFO, logger="notifier.services.reaching"):
        for error in ("", "M_CONNECTION_FAILED", "M_CONNECTION_FAILED", "", ""):
            homeserver.error = error
            waker_.round()
    down, up = (record.getMessage() for record in caplog.records)
    assert down.startswith("Matrix does not reach the hook matrix: ")
    assert up == "Matrix reaches the hook matrix again."
    assert homeserver.pings == 5


@pytest.mark.parametrize("change", [{"secret": ""}, {"enabled": False}])
def test_who_could_not_be_answered_is_not_asked_to_call(
    hook: Hook, homeserver: Homeserver, change: dict[str, object]
) -> None:
    Hook.objects.update(**change)
    forget_hooks()
    Waker().round()
    assert homeserver.pings == 0


def test_a_worker_asks_at_its_start_and_again_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    stop, rounds = threading.Event(), []

    def fail(_: Waker) -> None:
        rounds.append(1)
        if len(rounds) == 3:
            stop.set()
        raise RuntimeError("the database is away")

    monkeypatch.setattr(Waker, "round", fail)
    waker.wake_for_ever(stop, 0.001)
    assert len(rounds) == 3
