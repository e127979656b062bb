"""Registering webhooks: once, with our events and secret, active, and nobody else's touched."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from pytest_django import Settings

from notifier.models import ChatApp, Hook
from notifier.platforms.layer_events import EVENT_TYPES
from notifier.services import exclusive, registration
from notifier.services.registration import RegistrationError, register
from notifier.sql import run
from tests.notifier.layer_webhooks import APP_ID, TOKEN, LayerWebhooks
from tests.notifier.servers import refusing_url

URL = "https://sms.example.com/webhooks/chat/layer/"


@pytest.fixture
def layer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[LayerWebhooks]:
    settings.PUBLIC_URL = "https://sms.example.com"
    monkeypatch.setattr(registration, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(exclusive, "_LOOK_EVERY", 0.01)
    with LayerWebhooks() as layer:
        yield layer


def new_hook(layer: LayerWebhooks) -> Hook:
    options, secrets = {"app_id": APP_ID, "api_url": layer.url}, {"bearer_token": TOKEN}
    app = ChatApp.objects.create(slug="layer", name="Layer", platform="layer", options=options, secrets=secrets)
    return Hook.objects.create(
        chat_app=app, slug="layer", name="smsbridge", delay=timedelta(minutes=10), secret="new secret, old secret"
    )


@pytest.fixture
def hook(db: None, layer: LayerWebhooks) -> Hook:
    return new_hook(layer)


def change(hook: Hook, **values: object) -> None:
    for name, value in values.items():
        setattr(hook, name, value)
    hook.save()


def ours(**changes: object) -> dict[str, object]:
    return {"target_url": URL, "config": {"name": "smsbridge"}, "events": list(EVENT_TYPES), **changes}


def test_it_registers_the_hooks_url_name_events_and_first_secret(hook: Hook, layer: LayerWebhooks) -> None:
    register(hook, dry_run=False)
    (webhook,) = layer.webhooks.values()
    assert webhook["target_url"] == URL
    assert webhook["config"] == {"name": "smsbridge"}
    assert webhook["events"] == list(EVENT_TYPES)
    assert webhook["secret"] == "new secret"


def test_it_waits_until_the_webhook_is_active(hook: Hook, layer: LayerWebhooks) -> None:
    layer.looks_to_verify = 3
    assert register(hook, dry_run=False) == [f"Registered {URL}."]
    (webhook,) = layer.webhooks.values()
    assert webhook["status"] == "active"


def test_it_leaves_what_is_right_as_it_is(hook: Hook, layer: LayerWebhooks) -> None:
    register(hook, dry_run=False)
    layer.log.clear()
    assert register(hook, dry_run=False) == [f"{URL} is registered and active: nothing to do."]
    assert layer.changes() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("secret", "changed secret"), ("events", ["message.sent", "message.read"]), ("name", "other name")],
)
def test_a_change_is_registered_anew_before_the_old_one_goes(
    hook: Hook, layer: LayerWebhooks, field: str, value: object
) -> None:
    register(hook, dry_run=False)
    (old,) = layer.webhooks
    layer.log.clear()
    change(hook, **{field: value})
    register(hook, dry_run=False)
    assert layer.changes() == ["POST /webhooks", f"DELETE /webhooks/{old}"]
    (webhook,) = layer.webhooks.values()
    assert webhook["secret"] == hook.secrets[0]
    assert webhook["events"] == (hook.events or list(EVENT_TYPES))
    assert webhook["config"] == {"name": hook.name}


def test_the_old_one_stays_while_the_new_one_cannot_be_verified(hook: Hook, layer: LayerWebhooks) -> None:
    register(hook, dry_run=False)
    (old,) = layer.webhooks
    change(hook, secret="changed secret")
    layer.verdict = "inactive"
    with pytest.raises(RegistrationError):
        register(hook, dry_run=False)
    assert layer.webhooks[old]["status"] == "active"


def test_a_run_that_ended_half_way_is_continued_without_a_further_webhook(hook: Hook, layer: LayerWebhooks) -> None:
    layer.verdict = "inactive"
    with pytest.raises(RegistrationError):
        register(hook, dry_run=False)
    layer.verdict = "active"
    assert register(hook, dry_run=False) == [f"Activated {URL}."]
    assert [webhook["status"] for webhook in layer.webhooks.values()] == ["active"]


def test_a_webhook_of_ours_whose_secret_nobody_knows_is_replaced(hook: Hook, layer: LayerWebhooks) -> None:
    unknown = layer.add(**ours())
    register(hook, dry_run=False)
    assert unknown not in layer.webhooks
    assert len(layer.webhooks) == 1


def test_duplicates_of_ours_are_removed(hook: Hook, layer: LayerWebhooks) -> None:
    register(hook, dry_run=False)
    (kept,) = layer.webhooks
    layer.add(**ours())
    layer.add(**ours(status="inactive"))
    register(hook, dry_run=False)
    assert list(layer.webhooks) == [kept]


def test_others_are_left_alone_and_named_when_they_could_be_ours(hook: Hook, layer: LayerWebhooks) -> None:
    stranger = layer.add(target_url="https://elsewhere.example/hook", config={"name": "theirs"})
    neighbour = layer.add(target_url=URL, config={"name": "theirs"})
    namesake = layer.add(target_url="https://staging.example.com/webhooks/chat/layer/", config={"name": "smsbridge"})
    told = register(hook, dry_run=False)
    assert {stranger, neighbour, namesake} < set(layer.webhooks)
    left_alone = [sentence for sentence in told if sentence.startswith("Left alone")]
    assert len(left_alone) == 2
    assert stranger not in " ".join(left_alone)


def test_the_webhooks_of_our_other_hooks_are_not_mentioned(hook: Hook, layer: LayerWebhooks) -> None:
    layer.add(target_url="https://sms.example.com/webhooks/chat/analytics/", config={"name": "smsbridge"})
    assert register(hook, dry_run=False) == [f"Registered {URL}."]


def test_an_inactive_webhook_is_activated(hook: Hook, layer: LayerWebhooks) -> None:
    register(hook, dry_run=False)
    (webhook,) = layer.webhooks.values()
    webhook["status"] = "inactive"
    assert register(hook, dry_run=False) == [f"Activated {URL}."]
    assert webhook["status"] == "active"


def test_it_says_why_the_platform_does_not_verify_us(hook: Hook, layer: LayerWebhooks) -> None:
    layer.verdict, layer.reason = "inactive", "handshake got\x1b[31m status 502"
    with pytest.raises(RegistrationError, match=r"handshake got\[31m status 502.*web process must be running"):
        register(hook, dry_run=False)


def test_it_does_not_wait_for_ever(hook: Hook, layer: LayerWebhooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "DEADLINE_SECONDS", 0.3)
    layer.looks_to_verify = 10**6
    with pytest.raises(RegistrationError, match="its status is unverified"):
        register(hook, dry_run=False)


def test_a_dry_run_only_looks(hook: Hook, layer: LayerWebhooks) -> None:
    old = layer.add(**ours())
    told = register(hook, dry_run=True)
    assert told == [f"Would register {URL}.", f"Would remove webhook {old}, an older one or a duplicate of ours."]
    assert layer.log == ["GET /webhooks"]
    hook.refresh_from_db()
    assert hook.registered_as == ""


def test_the_secret_cannot_be_read_off_the_row(hook: Hook, layer: LayerWebhooks, settings: Settings) -> None:
    register(hook, dry_run=False)
    hook.refresh_from_db()
    first = hook.registered_as
    settings.SECRET_KEY = "another key"  # the same content, another digest: it cannot be tried out without the key
    layer.webhooks.clear()
    register(hook, dry_run=False)
    assert hook.registered_as != first


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_refusal_of_the_platform_is_told(hook: Hook, layer: LayerWebhooks, status: int) -> None:
    layer.refuse["GET /webhooks"] = status
    with pytest.raises(RegistrationError, match=f"did not list its webhooks.*{status}"):
        register(hook, dry_run=False)


def test_an_unreachable_platform_is_told(hook: Hook) -> None:
    hook.chat_app.options["api_url"] = refusing_url()
    hook.chat_app.save()
    with pytest.raises(RegistrationError, match="refused"):
        register(hook, dry_run=False)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"secret": ""}, "no signing secret"), ({"enabled": False}, "switched off")],
)
def test_a_hook_that_cannot_be_registered_is_refused_before_any_call(
    hook: Hook, layer: LayerWebhooks, change: dict[str, object], words: str
) -> None:
    Hook.objects.filter(pk=hook.pk).update(**change)
    with pytest.raises(RegistrationError, match=words):
        register(hook, dry_run=False)
    assert layer.log == []


def test_after_an_error_the_next_one_need_not_wait(hook: Hook, layer: LayerWebhooks) -> None:
    layer.refuse["GET /webhooks"] = 401
    with pytest.raises(RegistrationError):
        register(hook, dry_run=False)
    hook.refresh_from_db()
    assert hook.registering_until is None


def test_a_holder_that_died_is_waited_for_only_until_its_lease_ends(hook: Hook, layer: LayerWebhooks) -> None:
    run("update notifier_hook set registering_until = {now+soon} where id = %(id)s", soon=0.2, id=hook.pk)
    waited: list[int] = []
    register(hook, dry_run=False, tick=lambda: waited.append(1))
    assert len(layer.webhooks) == 1
    assert len(waited) > 3


@pytest.mark.postgres
def test_two_that_start_at_once_register_one_webhook(transactional_db: None, layer: LayerWebhooks) -> None:
    hook, together, failed = new_hook(layer), threading.Barrier(4), list[Exception]()
    layer.looks_to_verify = 5

    def start() -> None:
        try:
            together.wait(10)
            register(Hook.objects.get(pk=hook.pk), dry_run=False)
        except Exception as error:  # shown by the test's own thread
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    assert layer.changes() == ["POST /webhooks"]


def test_the_command_registers_every_enabled_hook(hook: Hook, layer: LayerWebhooks) -> None:
    Hook.objects.create(chat_app=hook.chat_app, slug="off", name="off", delay=timedelta(0), enabled=False)
    out = StringIO()
    call_command("register_webhooks", stdout=out)
    assert out.getvalue() == f"layer: Registered {URL}.\n"


def test_the_command_names_the_hooks_when_one_is_unknown(hook: Hook, layer: LayerWebhooks) -> None:
    with pytest.raises(CommandError, match="no hook lyer: known are layer"):
        call_command("register_webhooks", "lyer")


def test_the_command_says_so_when_there_is_nothing_to_register(db: None) -> None:
    with pytest.raises(CommandError, match=r"manage\.py setup"):
        call_command("register_webhooks")


def test_the_command_fails_when_a_hook_does(hook: Hook, layer: LayerWebhooks) -> None:
    layer.refuse["GET /webhooks"] = 401
    errors = StringIO()
    with pytest.raises(CommandError, match="Not registered: layer"):
        call_command("register_webhooks", stderr=errors)
    assert "LAYER_BEARER_TOKEN" in errors.getvalue()
