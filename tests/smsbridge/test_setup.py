"""`setup` writes the environment into the database, as often as it is run, and only when all of it is good."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from notifier.models import ChatApp, Hook
from notifier.services.hooks import forget_hooks, live_hook
from smsbridge.models import Bridge, Number, NumberOrder, Pool, VendorAccount
from smsbridge.services.accounts import forget_accounts, live_bridges
from smsbridge.services.setting_up import Refused, set_up
from smsbridge.vendors import registry
from tests import factories
from tests.notifier.layer_webhooks import APP_ID, TOKEN
from tests.smsbridge.environments import Environment, environment


@pytest.fixture
def env(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Environment:
    return environment(settings, monkeypatch)


@pytest.fixture
def empty(db: None) -> Iterator[None]:
    """An empty database, of which nothing is kept in memory before and after."""
    forget_hooks()
    forget_accounts()
    yield
    forget_hooks()
    forget_accounts()


def told() -> dict[str, str]:
    return {change.what: change.how for change in set_up()}


def introduction(values: object) -> str:
    return "Hello."


@pytest.mark.usefixtures("empty")
class TestTheFirstTime:
    def test_it_makes_a_row_of_each_kind_named_after_the_adapters(self, env: Environment) -> None:
        assert set(told().values()) == {"created"}
        bridge = Bridge.objects.get()
        assert bridge.hook.slug == bridge.hook.chat_app.slug == "layer"
        assert bridge.hook.kind == Hook.Kind.RECEIPTS
        assert bridge.pool.name == VendorAccount.objects.get().slug == "fake"

    def test_it_fills_them_from_the_environment(self, env: Environment) -> None:
        env(NOTIFY_DELAY=timedelta(minutes=5), REPORT_FOR_STATUS=["sent"], SMS_TEMPLATE="<%= text %>", SMS_DIGEST=False)
        env(NUMBER_EXPIRATION_TIME=timedelta(days=3), SMS_INTRODUCTION="This is <%= sender.name %>.")
        set_up()
        app, hook, account, bridge = _rows()
        assert (app.options["app_id"], app.secrets) == (APP_ID, {"bearer_token": TOKEN})
        assert (hook.delay, hook.report_for_status) == (timedelta(minutes=5), ["sent"])
        assert hook.secret == "the webhook secret"
        assert account.options == {"url": "http://127.0.0.1:8000/simulator/fake"}
        assert account.secrets == {"token": "the token", "signing_secret": "the signing secret"}
        assert (bridge.template, bridge.introduction) == ("<%= text %>", "This is <%= sender.name %>.")
        assert (bridge.lease_lifetime, bridge.digest) == (timedelta(days=3), False)

    def test_it_brings_the_numbers_into_their_normal_form(self, env: Environment) -> None:
        set_up()
        assert list(Number.objects.order_by("e164").values_list("e164", flat=True)) == ["+12025550100", "+12025550101"]

    def test_it_fills_vonage_by_its_own_variables(self, env: Environment) -> None:
        env(SMS_VENDOR="vonage", VONAGE_API_KEY="key", VONAGE_API_SECRET="s", VONAGE_SIGNATURE_SECRET="t")
        set_up()
        account = VendorAccount.objects.get()
        assert account.secrets == {"api_secret": "s", "signature_secret": "t"}
        assert account.options["api_key"] == "key"
        assert account.options["signature_method"] == "sha256"

    def test_it_makes_up_a_webhook_secret_when_there_is_none(self, env: Environment) -> None:
        env(LAYER_WEBHOOK_SECRET=None)
        set_up()
        secret = Hook.objects.get().secrets[0]
        assert len(secret) > 40
        set_up()
        assert Hook.objects.get().secrets == [secret]

    def test_an_introduction_may_be_a_function(self, env: Environment) -> None:
        env(SMS_INTRODUCTION=f"{__name__}.introduction")
        set_up()
        bridge = Bridge.objects.get()
        assert (bridge.introduction, bridge.introduction_function) == ("", f"{__name__}.introduction")

    def test_functions_of_the_project_are_named_by_the_environment(self, env: Environment) -> None:
        env(SMS_BEFORE_SENDING=f"{__name__}.introduction", SMS_AFTER_RECEIVING=f"{__name__}.introduction")
        set_up()
        bridge = Bridge.objects.get()
        assert (bridge.before_sending, bridge.after_receiving) == (f"{__name__}.introduction",) * 2

    def test_one_way_senders_of_the_admin_stay(self, env: Environment) -> None:
        set_up()
        account, pool = VendorAccount.objects.get(), Pool.objects.get()
        sender = Number.objects.create(e164="ACME", account=account, pool=pool, one_way=True)
        set_up()
        sender.refresh_from_db()
        assert sender.active

    def test_what_is_in_memory_is_forgotten(self, env: Environment) -> None:
        assert live_hook("layer") is None
        assert live_bridges() == {}
        set_up()
        assert live_hook("layer") is not None
        assert len(live_bridges()) == 1

    def test_a_dry_run_writes_nothing(self, env: Environment) -> None:
        out = StringIO()
        call_command("setup", dry_run=True, stdout=out)
        assert "bridge layer: created" in out.getvalue()
        assert not ChatApp.objects.exists()
        assert not Pool.objects.exists()


@pytest.mark.usefixtures("empty")
class TestRepeated:
    def test_it_changes_nothing(self, env: Environment) -> None:
        set_up()
        assert set(told().values()) == {"unchanged"}

    def test_it_says_what_changed_but_not_the_secret(self, env: Environment) -> None:
        set_up()
        env(LAYER_BEARER_TOKEN="a-new-token", SMS_TEMPLATE="<%= text %>")
        changes = told()
        assert changes["chat app layer"] == "changed: secrets"
        assert changes["bridge layer"] == "changed: template"
        assert ChatApp.objects.get().secrets == {"bearer_token": "a-new-token"}

    def test_what_the_environment_does_not_say_stays_as_the_admin_made_it(self, env: Environment) -> None:
        set_up()
        Bridge.objects.update(template="Mine: <%= text %>", max_segments=2, paused=True)
        Hook.objects.update(delay=timedelta(hours=1))
        assert set(told().values()) == {"unchanged"}
        assert Bridge.objects.get().template == "Mine: <%= text %>"

    def test_nobody_waits_for_a_budget_that_was_raised(self, env: Environment) -> None:
        env(SMS_DAILY_BUDGET=10)
        set_up()
        tomorrow = timezone.now() + timedelta(days=1)
        one = factories.notice(Bridge.objects.get(), next_at=tomorrow)
        told()
        one.refresh_from_db()
        assert one.next_at == tomorrow
        env(SMS_DAILY_BUDGET=50)
        assert told()["bridge layer"] == "changed: daily_budget"
        one.refresh_from_db()
        assert one.next_at < tomorrow

    def test_a_number_that_is_no_longer_named_becomes_inactive(self, env: Environment) -> None:
        set_up()
        env(SMS_NUMBERS=["+12025550101"])
        assert told()["number +1202•••0100"] == "no longer active, as it is not in SMS_NUMBERS"
        assert Number.objects.get(e164="+12025550100").active is False
        env(SMS_NUMBERS=["+12025550100", "+12025550101"])
        assert told()["number +1202•••0100"] == "changed: active"

    def test_numbers_that_were_bought_stay_and_those_given_back_are_left_alone(self, env: Environment) -> None:
        set_up()
        bought = Number.objects.get(e164="+12025550101")
        Number.objects.filter(e164="+12025550100").update(active=False, pool=None, released_at=timezone.now())
        NumberOrder.objects.create(account=bought.account, action="buy", e164=bought.e164, state="done")
        env(SMS_NUMBERS=["+12025550100"])
        assert "number +1202•••0101" not in told()
        assert told()["number +1202•••0100"].startswith("left alone, as it was given back")
        assert [one.e164 for one in Number.objects.filter(active=True)] == [bought.e164]

    def test_what_rests_by_itself_is_left_alone(self, env: Environment) -> None:
        """As the vendor does not list it any more, or while an order for it is open."""
        set_up()
        gone, ordered = Number.objects.order_by("e164")
        Number.objects.filter(pk=gone.pk).update(active=False, rests_for="gone")
        Number.objects.filter(pk=ordered.pk).update(active=False)
        NumberOrder.objects.create(account=ordered.account, action="release", e164=ordered.e164, state="uncertain")
        changes = told()
        assert changes["number +1202•••0100"].startswith(
            "left alone, as it rests: the vendor does not list it any more"
        )
        assert changes["number +1202•••0101"].startswith("left alone, as an order for it is open")
        assert not Number.objects.filter(active=True).exists()

    def test_it_puts_no_number_into_a_pool_of_another_organisation(self, env: Environment) -> None:
        set_up()
        VendorAccount.objects.update(organisation="Initech")
        Number.objects.update(pool=None, active=False)
        factories.bridge(factories.receipts_hook(factories.chat_app(organisation="Globex")), Pool.objects.get())
        with pytest.raises(Refused, match=r"(?s)^number \+1202•••0100, pool: The pool .* of Initech"):
            set_up()
        assert not Number.objects.filter(active=True).exists()

    def test_without_numbers_in_the_environment_those_of_the_admin_stay(self, env: Environment) -> None:
        set_up()
        env(SMS_NUMBERS=None)
        assert told()["numbers"] == "unchanged, as SMS_NUMBERS is empty"
        assert Number.objects.filter(active=True).count() == 2

    def test_another_vendor_takes_over_the_numbers_and_the_one_bridge(self, env: Environment) -> None:
        set_up()
        env(SMS_VENDOR="vonage", VONAGE_API_KEY="key", VONAGE_API_SECRET="s", VONAGE_SIGNATURE_SECRET="t")
        assert told()["bridge layer"] == "changed: pool"
        assert Bridge.objects.get().pool.name == "vonage"
        assert {number.account.slug for number in Number.objects.all()} == {"vonage"}

    def test_a_pool_that_the_operator_chose_is_kept(self, env: Environment) -> None:
        set_up()
        Bridge.objects.update(pool=Pool.objects.create(name="Numbers of Ohio"))
        assert told()["bridge layer"] == "unchanged"

    @pytest.mark.postgres
    def test_two_at_once_do_the_same_as_one(self, env: Environment, transactional_db: None) -> None:
        together, failed = threading.Barrier(3), list[Exception]()

        def start() -> None:
            try:
                together.wait(10)
                set_up()
            except Exception as error:  # shown by the test's own thread
                failed.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=start) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert failed == []
        assert [model.objects.count() for model in (ChatApp, Hook, VendorAccount, Pool, Bridge)] == [1] * 5


@pytest.mark.usefixtures("empty")
class TestRefusal:
    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"CHAT_PLATFORM": "lyer"}, "CHAT_PLATFORM: There is no chat platform 'lyer'"),
            ({"SMS_VENDOR": "vonnage"}, "SMS_VENDOR: There is no SMS vendor 'vonnage'"),
            ({"LAYER_APP_ID": None}, "LAYER_APP_ID"),
            ({"LAYER_BEARER_TOKEN": None}, "LAYER_BEARER_TOKEN"),
            ({"FAKE_URL": None}, "url comes from FAKE_URL"),
            ({"FAKE_SIGNING_SECRET": None}, "signing_secret comes from FAKE_SIGNING_SECRET"),
            ({"SMS_VENDOR": "vonage"}, "VONAGE_API_KEY"),
            ({"SMS_TEMPLATE": "<%= sendr.name %>"}, "SMS_TEMPLATE: line 1, column 5"),
            ({"SMS_INTRODUCTION": "nowhere.introduction"}, "SMS_INTRODUCTION: nowhere.introduction cannot be imported"),
            ({"SMS_BEFORE_SENDING": "nowhere.guard"}, "SMS_BEFORE_SENDING: nowhere.guard cannot be imported"),
            ({"SMS_AFTER_RECEIVING": "nowhere.guard"}, "SMS_AFTER_RECEIVING: nowhere.guard cannot be imported"),
            ({"SMS_NUMBERS": ["+12025550100", "x"]}, "SMS_NUMBERS: number 2 of 2"),
        ],
    )
    def test_it_names_the_variable_and_writes_nothing(
        self, env: Environment, wrong: dict[str, Any], words: str
    ) -> None:
        env(**wrong)
        with pytest.raises(Refused) as refused:
            set_up()
        assert words in str(refused.value)
        assert not ChatApp.objects.exists()

    def test_it_tells_everything_at_once(self, env: Environment) -> None:
        env(LAYER_APP_ID=None, FAKE_TOKEN=None, SMS_TEMPLATE="<%")
        with pytest.raises(Refused) as refused:
            set_up()
        assert len(refused.value.sentences) == 3

    def test_the_command_fails_with_it(self, env: Environment) -> None:
        env(LAYER_APP_ID=None)
        with pytest.raises(CommandError, match="Nothing was written"):
            call_command("setup")

    def test_every_vendor_and_setting_has_a_variable(self) -> None:
        from smsbridge.services.environment import VENDORS

        assert VENDORS.keys() == registry.VENDORS.keys()
        for key, table in VENDORS.items():
            vendor = registry.vendor_class(key)
            assert table.secrets.keys() == vendor.secret_help.keys()
            assert table.options.keys() <= vendor.option_help.keys()


def _rows() -> tuple[ChatApp, Hook, VendorAccount, Bridge]:
    return ChatApp.objects.get(), Hook.objects.get(), VendorAccount.objects.get(), Bridge.objects.get()
