"""`manage.py listen --once`, and what doctor and /metrics tell of listeners."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from notifier.models import Hook, InboxEvent, Listener
from notifier.services import listener_states
from notifier.services.findings import Finding, Level
from notifier.services.listener_states import listener_findings
from notifier.services.metrics import exposition
from tests import factories
from tests.notifier.socket_platform import registered, spool_hook
from tests.notifier.socket_server import Spool

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    registered(monkeypatch)


@pytest.fixture
def spool() -> Iterator[Spool]:
    with Spool("one", "two", "three") as server:
        yield server


@pytest.fixture
def hook(spool: Spool) -> Hook:
    return spool_hook(spool.url)


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("listen", *arguments, stdout=out)
    return out.getvalue()


# --once


def test_once_catches_up_says_goodbye_and_ends(hook: Hook, spool: Spool) -> None:
    assert said("--once") == f"{hook.slug}: caught up.\n"
    assert InboxEvent.objects.count() == 3
    listener = Listener.objects.get()
    assert (listener.place, listener.holder, listener.error) == ({"next": 3}, None, "")
    assert spool.waited(lambda: spool.goodbyes == 1)


def test_once_goes_on_from_the_last_time(hook: Hook, spool: Spool) -> None:
    said("--once")
    spool.push("four")
    said("--once")
    assert InboxEvent.objects.count() == 4
    assert [frame["from"] for _, frame in spool.said if "from" in frame] == [0, 2, 3]


def test_once_leaves_a_hook_to_whoever_listens_to_it(hook: Hook, spool: Spool) -> None:
    Listener.objects.create(hook=hook, holder=uuid4(), held_until=timezone.now() + timedelta(seconds=10))
    assert said("--once") == f"{hook.slug}: another process listens to it.\n"
    assert spool.connections == 0


def test_once_fails_with_the_reason(hook: Hook, spool: Spool) -> None:
    spool.refused = "The key has no scope: add solution:* to it."
    with pytest.raises(CommandError, match=f"{hook.slug}: The key has no scope"):
        said("--once")
    assert Listener.objects.get().error == spool.refused
    spool.refused, spool.mute = "", True
    with pytest.raises(CommandError, match="No answer came"):
        said("--once")


def test_one_hook_that_fails_does_not_keep_another_from_catching_up(hook: Hook, spool: Spool) -> None:
    spool_hook("ws://127.0.0.1:9/", slug="a-first-one")
    with pytest.raises(CommandError, match="a-first-one: Nobody listens at the platform's address"):
        said("--once")
    assert InboxEvent.objects.filter(hook=hook).count() == 3


def test_only_hooks_that_can_be_listened_to_may_be_named(hook: Hook, spool: Spool) -> None:
    other = factories.receipts_hook()
    with pytest.raises(CommandError, match="by webhook"):
        said("--once", other.slug)
    with pytest.raises(CommandError, match="There is no hook nowhere"):
        said("--once", "nowhere")
    assert said("--once", hook.slug) == f"{hook.slug}: caught up.\n"


# Watching


def holds(hook: Hook, *, connected: float | None = None, caught_up: bool = False, error: str = "") -> None:
    """As if some process listened, connected for so many seconds."""
    now = timezone.now()
    Listener.objects.create(
        hook=hook,
        holder=uuid4(),
        held_until=now + timedelta(seconds=10),
        connected_at=None if connected is None else now - timedelta(seconds=connected),
        caught_up_at=now if caught_up else None,
        error=error,
    )


def found(hook: Hook) -> Finding:
    (finding,) = listener_findings(hook)
    return finding


def test_a_hook_to_which_nobody_listens_is_wrong(hook: Hook) -> None:
    assert found(hook).level is Level.WRONG
    assert "manage.py listen" in found(hook).remedy
    holds(hook, connected=5, caught_up=True)
    Listener.objects.update(held_until=timezone.now() - timedelta(seconds=1), error="It fell over.")
    assert "Nobody listens" in found(hook).what
    assert "It fell over." in found(hook).what


def test_a_listener_without_a_connection_is_wrong_and_says_why(hook: Hook) -> None:
    holds(hook, error="The key has no scope.")
    assert found(hook).level is Level.WRONG
    assert "The key has no scope." in found(hook).what


@pytest.mark.parametrize(("seconds", "level"), [(10, Level.NOTE), (400, Level.WRONG)])
def test_catching_up_is_worth_knowing_and_wrong_when_it_takes_long(hook: Hook, seconds: float, level: Level) -> None:
    holds(hook, connected=seconds)
    assert found(hook).level is level


def test_a_listener_that_has_caught_up_is_good(hook: Hook) -> None:
    holds(hook, connected=400, caught_up=True)
    assert found(hook).level is Level.GOOD


def test_nothing_is_said_of_hooks_that_need_no_listener(hook: Hook) -> None:
    assert list(listener_findings(factories.receipts_hook())) == []
    Hook.objects.update(enabled=False)
    factories.forget()
    assert list(listener_findings(hook)) == []


def test_doctor_tells_of_listeners(hook: Hook) -> None:
    from notifier.services.chat_findings import chat_findings

    assert f"Nobody listens to {hook.slug}" in " ".join(finding.what for finding in chat_findings(offline=True))


def test_metrics_tell_who_is_connected_and_who_has_caught_up(hook: Hook) -> None:
    other = spool_hook("ws://127.0.0.1:9/")
    holds(hook, connected=5, caught_up=True)
    holds(other, connected=5)
    nobody = spool_hook("ws://127.0.0.1:9/")
    families = text_string_to_metric_families(exposition(listener_states.families()).decode())
    told = {family.name: {sample.labels["hook"]: sample.value for sample in family.samples} for family in families}
    assert told["smsbridge_listener_connected"] == {hook.slug: 1, other.slug: 1, nobody.slug: 0}
    assert told["smsbridge_listener_caught_up"] == {hook.slug: 1, other.slug: 0, nobody.slug: 0}
