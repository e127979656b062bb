"""docs/hooks.md: every example on the page is run as it stands there."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from notifier.models import Hook
from notifier.platforms.base import Done, Identity
from notifier.services.hooks import live_hook
from notifier.services.identities import identities
from notifier.services.standing import hook_url
from notifier.signals import event_received, message_unread
from notifier.transport import Exchange
from smsbridge.services.wording import word
from tests.factories import (
    bridge,
    chat_app,
    deliver,
    drain,
    forget,
    layer_event,
    listening_hook,
    receipts_hook,
    run_stage,
)
from tests.processes import ROOT

pytestmark = pytest.mark.django_db

PAGE = (ROOT / "docs" / "hooks.md").read_text()
EXAMPLES = {
    path: f"# {path}\n{code}" for path, code in re.findall(r"```python\n# (shop/\w+\.py)\n(.*?)```", PAGE, re.DOTALL)
}


class Table:
    """Stands in for a model of the shop: what was put in, and what is found."""

    def __init__(self, *rows: Any) -> None:
        self.rows, self.objects = list(rows), self

    def __call__(self, **fields: Any) -> Any:
        return SimpleNamespace(**fields)

    def bulk_create(self, rows: Any) -> None:
        self.rows += rows

    def get_or_create(self, *, key: str, defaults: dict[str, Any]) -> None:
        if not any(row.key == key for row in self.rows):
            self.rows.append(SimpleNamespace(key=key, **defaults))

    def filter(self, *, user_id__in: list[str]) -> list[Any]:
        return [row for row in self.rows if row.user_id in user_id__in]


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The shop's models; its other modules are made of the page by `example`."""
    models = ModuleType("shop.models")
    ben = SimpleNamespace(user_id="ben", name="Ben", phone="+15550001111", city="Bern")
    vars(models).update(Reminder=Table(), Order=Table(), Customer=Table(ben))
    package = ModuleType("shop")
    package.__path__ = []
    monkeypatch.setitem(sys.modules, "shop", package)
    monkeypatch.setitem(sys.modules, "shop.models", models)
    before = [(signal, list(signal.receivers)) for signal in (message_unread, event_received)]
    yield models
    for signal, receivers in before:
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


def example(path: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    name = path.removesuffix(".py").replace("/", ".")
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(EXAMPLES[path], path, "exec"), vars(module))  # noqa: S102 (our own page)
    return module


def test_the_page_has_the_examples_that_are_tested_here() -> None:
    assert sorted(EXAMPLES) == [
        f"shop/{name}.py" for name in ("apps", "orders", "people", "receivers", "setup", "texts")
    ]


def test_a_receiver_of_unread_messages(shop: Any, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    module = example("shop/receivers.py", monkeypatch)
    hook = receipts_hook(delay=0)
    deliver(client, hook, layer_event(text="Are you there?"))
    drain()
    run_stage("check")
    assert callable(module.remind)
    assert [(row.user, row.text) for row in shop.Reminder.rows] == [("ben", "Are you there?")]


def test_a_listening_hook_made_in_code(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    chat_app("layer")
    example("shop/setup.py", monkeypatch).listen("a long random text")
    hook = Hook.objects.get()
    assert (hook.kind, hook.secrets) == ("listen", ["a long random text"])
    assert hook_url(hook).endswith("/webhooks/chat/orders/")


def test_a_receiver_of_events(shop: Any, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    module = example("shop/orders.py", monkeypatch)
    hook, event = listening_hook(slug="orders"), layer_event("conversation.created", metadata={"order": "7"})
    for one in (event, event, layer_event("message.sent")):
        deliver(client, hook, one)
    drain()
    run_stage("listen")
    assert callable(module.take)
    assert [(row.key, row.metadata) for row in shop.Order.rows] == [(event["event"]["id"], {"order": "7"})]


def test_an_identity_function(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    example("shop/people.py", monkeypatch)
    made = receipts_hook(identities=Hook.Identities.FUNCTION, identity_function="shop.people.identities")
    hook = live_hook(made.slug)
    assert hook
    found = identities(hook, ["ben", "zoe"], Exchange(), deadline=time.monotonic() + 60)
    ben = Identity(user_id="ben", name="Ben", phone="+15550001111", custom={"city": "Bern"})
    assert found == {"ben": Done(ben), "zoe": Done(None)}


def test_an_introduction_function(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from smsbridge.services.accounts import live_bridges
    from smsbridge.services.contacts import Person
    from smsbridge.services.wording import Said

    example("shop/texts.py", monkeypatch)
    made = bridge(introduction_function="shop.texts.introduction")
    forget()
    said = Said(
        message_key="m",
        conversation_key="c",
        title="",
        app_name="Acme",
        parts=[("text/plain", "Hi")],
        sent_at=None,
        sender=Person("ann", "Ann"),
    )
    wording = word(live_bridges()[made.pk], [said], Person("ben", "Ben"), introduce=True)
    assert wording
    assert wording.text == "Ann writes to you in Acme.\nAnn: Hi"


def test_an_app_of_ones_own_is_loaded(tmp_path: Path) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "apps.py").write_text(EXAMPLES["shop/apps.py"])
    (package / "receivers.py").write_text(EXAMPLES["shop/receivers.py"])
    (package / "models.py").write_text(
        "from django.db import models\n\n\nclass Reminder(models.Model):\n"
        "    user = models.TextField()\n    text = models.TextField()\n"
    )
    told = re.search(r"^EXTRA_APPS=(.+)$", PAGE, re.MULTILINE)
    assert told
    environment = {**os.environ, "EXTRA_APPS": told[1], "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    question = (
        "import django; django.setup()\n"
        "from notifier.signals import message_unread\nfrom shop.receivers import remind\n"
        "assert remind in message_unread._live_receivers(None)[0]"
    )
    ended = subprocess.run(
        [sys.executable, "-c", question], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
