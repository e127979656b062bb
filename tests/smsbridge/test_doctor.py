"""`doctor` names what is not configured or not reachable, each with its remedy, and fails when something is wrong."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from types import SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.utils import timezone
from kombu import Connection
from pytest_django import Settings

from notifier.models import ChatApp, Hook, InboxEvent, ReceiptCheck
from notifier.services import infrastructure, registration
from notifier.services.findings import Finding, Level
from notifier.sql import run
from smsbridge.models import Bridge, InboundSms, Number, NumberOrder, OutboundSms, VendorAccount
from smsbridge.services import checkup as checkups
from smsbridge.services.checkup import checkup
from smsbridge.services.setting_up import set_up
from tests.notifier.layer_webhooks import LayerWebhooks
from tests.notifier.servers import Server, answer, refusing_url
from tests.smsbridge.environments import Environment, environment
from tests.smsbridge.fake_network import FakeNetwork

HEALTHY = answer(200, b"ok\n")


@pytest.fixture
def env(db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setattr(registration, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(infrastructure, "_PING_SECONDS", 0.05)
    settings.DEBUG = True  # a loopback address is no fault
    return environment(settings, monkeypatch)


@pytest.fixture
def installed(env: Environment) -> None:
    """Everything as `setup` makes it; whoever is called is not there."""
    env(PUBLIC_URL="https://sms.example.com", LAYER_API_URL=refusing_url(), FAKE_URL=refusing_url())
    set_up()


@pytest.fixture
def reachable(env: Environment) -> Iterator[LayerWebhooks]:
    """Everything as `setup` makes it, and a platform, a vendor and a web process that answer."""
    with Server(HEALTHY) as web, LayerWebhooks() as layer, FakeNetwork() as network:
        env(PUBLIC_URL=web.url, LAYER_API_URL=layer.url, FAKE_URL=network.url)
        url = f"{web.url}/webhooks/sms/fake/inbound/"
        network.numbers = {"+12025550100": url, "+12025550101": url}
        set_up()
        yield layer


def wrong(*, offline: bool = True) -> list[Finding]:
    return [finding for finding in checkup(offline=offline) if finding.level is Level.WRONG]


def notes() -> str:
    return "\n".join(finding.what for finding in checkup(offline=True) if finding.level is Level.NOTE)


def test_an_empty_database_needs_setup(env: Environment) -> None:
    found = wrong()
    assert [finding.what.split(",")[0] for finding in found] == [
        "There is no chat app.",
        "There is no vendor account.",
        "There is no bridge",
    ]
    assert all("setup" in finding.remedy for finding in found)


def test_after_setup_nothing_is_wrong(installed: None) -> None:
    assert wrong() == []
    out = StringIO()
    call_command("doctor", offline=True, stdout=out)
    assert out.getvalue().endswith("Nothing is wrong.\n")


def test_whatever_is_wrong_has_a_remedy(installed: None) -> None:
    Number.objects.update(active=False)
    ChatApp.objects.update(options={})
    assert all(finding.remedy for finding in wrong(offline=False))


def test_the_exit_status_tells(env: Environment) -> None:
    with pytest.raises(CommandError, match="3 things are wrong"):
        call_command("doctor", offline=True, stdout=StringIO())


def test_offline_calls_nobody(installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("called")

    monkeypatch.setattr("notifier.transport.call", refuse)
    monkeypatch.setattr(checkups, "broker_findings", refuse)
    assert wrong() == []


class TestOnline:
    def test_nothing_is_wrong_once_all_is_registered(self, reachable: LayerWebhooks) -> None:
        call_command("register_webhooks", stdout=StringIO())
        assert wrong(offline=False) == []

    def test_an_unregistered_webhook_is_wrong(self, reachable: LayerWebhooks) -> None:
        (finding,) = wrong(offline=False)
        assert "is not registered" in finding.what
        assert finding.remedy == "Run `manage.py register_webhooks layer`."

    def test_an_inactive_webhook_is_wrong_and_its_reason_told(self, reachable: LayerWebhooks) -> None:
        call_command("register_webhooks", stdout=StringIO())
        (webhook,) = reachable.webhooks.values()
        webhook |= {"status": "inactive", "status_reason": "retries used up"}
        (finding,) = wrong(offline=False)
        assert "inactive (retries used up)" in finding.what

    def test_refused_credentials_of_the_platform_are_wrong(self, reachable: LayerWebhooks) -> None:
        ChatApp.objects.update(secrets={"bearer_token": "wrong"})
        (finding,) = wrong(offline=False)
        assert "LAYER_BEARER_TOKEN" in finding.what

    def test_a_number_that_brings_its_replies_elsewhere_is_wrong(self, reachable: LayerWebhooks) -> None:
        call_command("register_webhooks", stdout=StringIO())
        VendorAccount.objects.update(slug="other")
        assert [finding.remedy for finding in wrong(offline=False)] == ["Run `manage.py register_numbers other`."] * 2

    def test_who_cannot_be_reached_is_wrong(self, installed: None) -> None:
        assert [finding.what.partition(" did not")[0] for finding in wrong(offline=False)] == ["Layer", "Fake vendor"]

    def test_no_worker_is_a_note(self, reachable: LayerWebhooks) -> None:
        found = [finding.what for finding in checkup(offline=False) if finding.level is Level.NOTE]
        assert any(what.startswith("No worker answered") for what in found)

    def test_a_broker_that_is_away_is_wrong_and_its_password_not_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        dead = refusing_url().replace("http://", "redis://:a-password@")
        celery = SimpleNamespace(connection_for_write=lambda **options: Connection(dead, **options))
        monkeypatch.setattr(infrastructure, "current_app", celery)
        (finding,) = infrastructure.broker_findings()
        assert finding.level is Level.WRONG
        assert "REDIS_URL" in finding.remedy
        assert "a-password" not in finding.what


class TestConfiguration:
    def test_a_stored_row_that_would_be_refused_now_is_wrong(self, installed: None) -> None:
        Bridge.objects.update(template="<%= sendr.name %>")
        Hook.objects.update(events=["message.reed"])
        assert [finding.what.partition(" is not")[0] for finding in wrong()] == ["The hook layer", "The bridge layer"]

    def test_a_pool_without_an_active_number_is_wrong(self, installed: None) -> None:
        Number.objects.update(active=False)
        (finding,) = wrong()
        assert "SMS_NUMBERS" in finding.remedy

    def test_what_was_paused_is_a_note(self, installed: None) -> None:
        ChatApp.objects.update(paused=True)
        Bridge.objects.update(paused=True, dry_run=True)
        VendorAccount.objects.update(paused=True)
        Hook.objects.update(enabled=False)
        assert wrong() == []
        assert notes().count("paused") == 3
        assert "dry run" in notes()
        assert "switched off" in notes()

    def test_a_setting_that_is_wrong_is_told_and_the_rest_too(self, installed: None, settings: Settings) -> None:
        settings.SMS_TEMPLATE = "<%"
        Number.objects.update(active=False)
        assert [finding.what[:13] for finding in wrong()] == ["SMS_TEMPLATE,", "The pool fake"]

    def test_a_secret_that_cannot_be_decrypted_is_told(self, installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
        def chat_findings(*, offline: bool) -> list[Finding]:
            raise ImproperlyConfigured("A stored secret cannot be decrypted")

        monkeypatch.setattr(checkups, "chat_findings", chat_findings)
        assert [finding.what for finding in wrong()] == ["A stored secret cannot be decrypted"]

    @pytest.mark.parametrize(
        ("url", "words"),
        [("http://sms.example.com", "not https"), ("https://10.0.0.1", "only this machine"), ("https://web", "only")],
    )
    def test_an_address_that_nobody_else_can_call_is_wrong_in_production(
        self, installed: None, settings: Settings, url: str, words: str
    ) -> None:
        settings.DEBUG, settings.PUBLIC_URL = False, url
        assert any(words in finding.what for finding in wrong())


class TestBacklog:
    def test_what_waits_for_a_decision_is_counted_in_notes(self, installed: None) -> None:
        account, hook = VendorAccount.objects.get(), Hook.objects.get()
        InboxEvent.objects.create(hook=hook, key="a", state=InboxEvent.State.FAILED, body=b"{}")
        InboundSms.objects.create(account=account, vendor_id="a", text="", state=InboundSms.State.UNROUTED)
        for state in (OutboundSms.State.DEAD, OutboundSms.State.UNCERTAIN, OutboundSms.State.UNCERTAIN):
            _text(state)
        assert wrong() == []
        assert "Events that could not be read: 1." in notes()
        assert "Texts given up: 1." in notes()
        assert "Texts perhaps sent: 2." in notes()
        assert "Replies of unknown conversations: 1." in notes()

    def test_an_event_that_nobody_took_is_wrong(self, installed: None) -> None:
        InboxEvent.objects.create(hook=Hook.objects.get(), key="a", body=b"{}")
        assert wrong() == []
        run("update notifier_inboxevent set received_at = {now+ago}", ago=-600)
        (finding,) = wrong()
        assert finding.what == "Events wait since 10 minutes."
        assert "worker" in finding.remedy

    def test_a_text_that_nobody_sent_is_wrong_unless_it_is_held_back(self, installed: None) -> None:
        _text(OutboundSms.State.READY)
        assert [finding.what for finding in wrong()] == ["Texts wait since 3 hours."]
        VendorAccount.objects.update(paused=True)
        assert wrong() == []

    def test_an_order_of_a_number_that_stays_open_is_a_note(self, installed: None) -> None:
        order = NumberOrder.objects.create(
            account=VendorAccount.objects.get(), action="buy", e164="+12025550199", state="uncertain"
        )
        assert "+1202" not in notes()
        NumberOrder.objects.filter(pk=order.pk).update(created_at=timezone.now() - timedelta(minutes=11))
        assert wrong() == []
        assert "Buying +1202•••0199: perhaps done, for 11 minutes now." in notes()

    def test_a_check_that_was_given_up_is_not_overdue(self, installed: None) -> None:
        run("insert into notifier_conversation (id, chat_app_id, key) select 1, id, 'c' from notifier_chatapp")
        run(
            "insert into notifier_message (id, chat_app_id, conversation_id, key, text)"
            " select 1, id, 1, 'm', '' from notifier_chatapp"
        )
        ReceiptCheck.objects.create(hook=Hook.objects.get(), message_id=1, due_at=None, error="why")
        assert wrong() == []
        assert "Checks that were given up: 1." in notes()
        (remedy,) = [finding.remedy for finding in checkup(offline=True) if finding.what.startswith("Checks that")]
        assert "manage.py retry_checks" in remedy


def _text(state: str) -> None:
    long_ago = timezone.now() - timedelta(hours=3)
    OutboundSms.objects.create(
        account=VendorAccount.objects.get(),
        number=Number.objects.all()[0],
        phone="+12025550199",
        text="",
        segments=1,
        unicode=False,
        due_at=long_ago,
        next_at=long_ago,
        state=state,
    )
