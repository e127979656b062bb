"""`setup` for each chat platform: the rows that it makes fit what the platform is able to do."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from notifier.models import ChatApp, Hook, Rule
from notifier.services.hooks import live_hook
from notifier.services.rules import for_app
from notifier.services.validation import problems_of
from smsbridge.models import Bridge
from smsbridge.services.setting_up import Refused, set_up
from tests.smsbridge.environments import Environment, environment

pytestmark = pytest.mark.django_db

WANTED: dict[str, dict[str, Any]] = {
    "matrix": {
        "MATRIX_HOMESERVER_URL": "http://127.0.0.1:9",
        "MATRIX_SERVER_NAME": "example.org",
        "MATRIX_AS_TOKEN": "as-token-of-our-own-1234567890",
        "MATRIX_HS_TOKEN": "hs-token-of-its-own-1234567890",
    },
    "privmx": {
        "PRIVMX_API_URL": "http://127.0.0.1:9",
        "PRIVMX_API_KEY_ID": "6a0b1c2d3e4f5a6b7c8d9e0f",
        "PRIVMX_API_KEY_SECRET": "b3c1e5f70a92d84c6b1e0f3a5d7c9e21",
        "PRIVMX_CHANNELS": "thread",
    },
    "generic": {
        "GENERIC_WEBHOOK_SECRET": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "GENERIC_API_URL": "http://127.0.0.1:9",
    },
}
PHONES = ["+1 202 555 0100", "12025550101"]


@pytest.fixture
def env(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Environment:
    return environment(settings, monkeypatch)


@pytest.fixture
def privmx(env: Environment) -> Environment:
    env(CHAT_PLATFORM="privmx", **WANTED["privmx"])
    return env


def told() -> dict[str, str]:
    return {change.what: change.how for change in set_up()}


@pytest.mark.parametrize("key", WANTED)
def test_each_platform_is_set_up_from_its_variables_alone(env: Environment, key: str) -> None:
    env(CHAT_PLATFORM=key, **WANTED[key])
    assert set(told().values()) == {"created"}
    app, hook = ChatApp.objects.get(slug=key), Hook.objects.get(slug=key)
    assert (app.platform, hook.chat_app, Bridge.objects.get().hook) == (key, app, hook)
    assert problems_of(app) == problems_of(hook) == {}
    assert live_hook(key) is not None
    assert "created" not in told().values()


@pytest.mark.parametrize(
    ("key", "kind", "identities"),
    [("matrix", "receipts", "platform"), ("generic", "receipts", "platform"), ("privmx", "notify", "directory")],
)
def test_the_hook_asks_for_what_the_platform_can(env: Environment, key: str, kind: str, identities: str) -> None:
    env(CHAT_PLATFORM=key, **WANTED[key])
    set_up()
    hook = Hook.objects.get()
    assert (hook.kind, hook.identities) == (kind, identities)


def test_what_was_chosen_in_the_admin_stays(env: Environment) -> None:
    env(CHAT_PLATFORM="generic", **WANTED["generic"])
    set_up()
    Hook.objects.update(kind="notify", identities="off")
    set_up()
    assert Hook.objects.values_list("kind", "identities").get() == ("notify", "off")


def test_a_hook_that_nobody_calls_needs_no_secret(privmx: Environment) -> None:
    set_up()
    assert Hook.objects.get().secrets == []


def test_a_status_that_never_comes_is_refused_with_the_variable(env: Environment) -> None:
    env(CHAT_PLATFORM="matrix", **WANTED["matrix"], REPORT_FOR_STATUS=["delivered"])
    with pytest.raises(Refused, match="REPORT_FOR_STATUS: Matrix cannot say to whom a message was delivered"):
        set_up()


def test_what_comes_over_a_connection_is_told(privmx: Environment) -> None:
    out = StringIO()
    call_command("setup", stdout=out)
    assert "manage.py listen" in out.getvalue()
    assert "/webhooks/chat/" not in out.getvalue()


class TestTheRule:
    def test_without_its_variables_there_is_none(self, privmx: Environment) -> None:
        set_up()
        assert not Rule.objects.exists()

    def test_phones_are_told_whoever_is_in_the_container(self, privmx: Environment) -> None:
        privmx(PRIVMX_NOTIFY_PHONES=PHONES, PRIVMX_CONTEXTS=["c1"])
        assert told()["rule setup"] == "created"
        rule = Rule.objects.get()
        assert (rule.name, rule.chat_app.slug, rule.recipients) == ("setup", "privmx", "phones")
        assert (rule.phones, rule.contexts) == (["+12025550100", "+12025550101"], ["c1"])

    def test_contexts_alone_choose_what_the_users_are_told_of(self, privmx: Environment) -> None:
        privmx(PRIVMX_CONTEXTS=["c1", "c2"])
        set_up()
        rule = Rule.objects.get()
        assert (rule.recipients, rule.phones, rule.contexts) == ("users", [], ["c1", "c2"])

    def test_a_change_is_told_by_its_fields_and_never_by_a_phone(self, privmx: Environment) -> None:
        privmx(PRIVMX_NOTIFY_PHONES=PHONES)
        set_up()
        privmx(PRIVMX_NOTIFY_PHONES=PHONES[:1], PRIVMX_CONTEXTS=["c1"])
        out = StringIO()
        call_command("setup", stdout=out)
        assert "rule setup: changed: contexts, phones" in out.getvalue()
        assert "555010" not in "".join(line for line in out.getvalue().splitlines() if line.startswith("rule"))

    def test_it_is_in_force_at_once(self, privmx: Environment) -> None:
        set_up()
        app = ChatApp.objects.get()
        assert not for_app(app.pk)
        privmx(PRIVMX_NOTIFY_PHONES=PHONES)
        set_up()
        (rule,) = for_app(app.pk)
        assert rule.phones == ("+12025550100", "+12025550101")

    def test_a_variable_that_is_taken_away_leaves_it_alone(self, privmx: Environment, settings: Settings) -> None:
        privmx(PRIVMX_NOTIFY_PHONES=PHONES, PRIVMX_CONTEXTS=["c1"])
        set_up()
        privmx(PRIVMX_NOTIFY_PHONES=None)
        settings.PRIVMX_NOTIFY_PHONES = []
        assert told()["rule setup"] == "unchanged"
        assert Rule.objects.get().recipients == "phones"

    def test_a_wrong_phone_is_refused_by_its_place(self, privmx: Environment) -> None:
        privmx(PRIVMX_NOTIFY_PHONES=[PHONES[0], "555-12"])
        with pytest.raises(Refused) as refused:
            set_up()
        (sentence,) = refused.value.sentences
        assert sentence.startswith("PRIVMX_NOTIFY_PHONES: number 2 of 2 is no valid phone number")
        assert "555-12" not in sentence
        assert not ChatApp.objects.exists()

    def test_other_platforms_have_no_such_variables(self, privmx: Environment) -> None:
        privmx(PRIVMX_NOTIFY_PHONES=PHONES, CHAT_PLATFORM="generic", **WANTED["generic"])
        set_up()
        assert not Rule.objects.exists()
