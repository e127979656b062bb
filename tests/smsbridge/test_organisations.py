"""Organisations share an installation, and nothing else: accounts, numbers and replies are each one's own."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from notifier.models import ChatApp
from notifier.services import validation as chat_validation
from smsbridge.models import Bridge, InboundSms, Number, VendorAccount
from smsbridge.services.setting_up import Refused, set_up
from smsbridge.services.validation import problems_of
from tests import factories
from tests.admin_pages import Pages, html
from tests.factories import BENS_PHONE, conversation, lease, texted
from tests.smsbridge.calls import text_to
from tests.smsbridge.environments import Environment, environment
from tests.smsbridge.stages import reply
from tests.smsbridge.test_admin_configuration import bridge_form
from tests.smsbridge.upstreams import Chat

pytestmark = pytest.mark.django_db
pages = Pages("smsbridge")


@dataclass
class Organisation:
    """One organisation's own installation."""

    app: ChatApp
    account: VendorAccount
    bridge: Bridge

    @property
    def number(self) -> Number:
        return self.bridge.pool.numbers.order_by("pk")[0]


def organisation(name: str, **app: Any) -> Organisation:
    account = factories.vendor_account(organisation=name, name=f"account of {name}")
    chat_app = factories.chat_app(organisation=name, name=f"chat of {name}", **app)
    bridge = factories.bridge(factories.receipts_hook(chat_app), factories.pool(1, account=account))
    return Organisation(chat_app, account, bridge)


@pytest.fixture
def red() -> Organisation:
    return organisation("Red")


@pytest.fixture
def blue() -> Organisation:
    return organisation("Blue")


def test_replies_of_the_same_phone_go_only_to_the_organisation_whose_number_was_texted() -> None:
    with Chat() as red_chat, Chat() as blue_chat:
        red, blue = (
            organisation(name, options={"app_id": "a", "api_url": chat.url})
            for name, chat in (("Red", red_chat), ("Blue", blue_chat))
        )
        for one in (red, blue):
            texted(lease(one.number, conversation(one.app), factories.BEN, BENS_PHONE))
        text_to(red.number, "to red")
        text_to(blue.number, "to blue")
        reply()
        assert red_chat.said == [("ben", "to red")]
        assert blue_chat.said == [("ben", "to blue")]


def test_nobody_answers_into_another_organisations_chat_by_naming_its_number(
    red: Organisation, blue: Organisation
) -> None:
    """An account's calls are signed with its own secret, but what they say is the caller's to choose."""
    texted(lease(blue.number, conversation(blue.app), factories.BEN, BENS_PHONE))
    forged = Number(e164=blue.number.e164, account=red.account)
    assert text_to(forged).status_code == 200
    reply()
    assert InboundSms.objects.get().state == "unrouted"


# What is not saved


def test_a_bridge_takes_no_pool_of_another_organisation(red: Organisation, blue: Organisation) -> None:
    red.bridge.pool = blue.bridge.pool
    (told,) = problems_of(red.bridge)["pool"]
    assert "chat of Red of Red" in told
    assert "account of Blue of Blue" in told
    assert told.endswith("Choose a pool of Red, or take those numbers out of this one.")


def test_a_number_is_not_put_into_a_pool_of_another_organisation(red: Organisation, blue: Organisation) -> None:
    number = blue.number
    number.pool = red.bridge.pool
    (told,) = problems_of(number)["pool"]
    assert told.endswith("Put it into a pool of Blue.")


def test_an_account_in_use_does_not_go_to_another_organisation(red: Organisation) -> None:
    red.account.organisation = "Blue"
    (told,) = problems_of(red.account)["organisation"]
    assert told.endswith("Take its numbers out of that pool first.")


def test_a_chat_app_in_use_does_not_go_to_another_organisation(red: Organisation) -> None:
    red.app.organisation = "Blue"
    (told,) = chat_validation.problems_of(red.app)["organisation"]
    assert "of Blue, so it cannot hold numbers of the vendor account account of Red of Red." in told


def test_what_is_of_no_organisation_is_everybodys(red: Organisation, blue: Organisation) -> None:
    VendorAccount.objects.filter(pk=blue.account.pk).update(organisation="")
    shared = Number.objects.get(pk=blue.number.pk)
    shared.pool = red.bridge.pool
    assert "pool" not in problems_of(shared)
    shared.save()
    assert problems_of(red.bridge) == chat_validation.problems_of(red.app) == {}
    ChatApp.objects.filter(pk=blue.app.pk).update(organisation="")
    for row in (red.bridge, Bridge.objects.get(pk=blue.bridge.pk), red.account):
        assert problems_of(row) == {}


@pytest.fixture
def env(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Environment:
    return environment(settings, monkeypatch)


def test_setup_leaves_organisations_alone_and_mixes_none(env: Environment) -> None:
    env()
    set_up()
    ChatApp.objects.update(organisation="Red")
    VendorAccount.objects.update(organisation="Red")
    set_up()
    assert VendorAccount.objects.get().organisation == ChatApp.objects.get().organisation == "Red"
    VendorAccount.objects.update(organisation="Blue")
    Number.objects.all().delete()
    with pytest.raises(Refused, match="of Red, so it cannot hold numbers of the vendor account Fake vendor of Blue"):
        set_up()
    assert not Number.objects.exists()


# The admin


def test_the_admin_refuses_it_and_says_why(admin_client: Client, red: Organisation, blue: Organisation) -> None:
    form = bridge_form(red.bridge, pool=blue.bridge.pool_id)
    answer = admin_client.post(pages.url("bridge", red.bridge.pk, "change"), form)
    assert "cannot hold numbers of the vendor account account of Blue of Blue" in answer.content.decode()
    red.bridge.refresh_from_db()
    assert red.bridge.pool != blue.bridge.pool


@pytest.mark.parametrize(("app", "page"), [("smsbridge", "vendoraccount"), ("notifier", "chatapp")])
def test_lists_show_and_filter_organisations_once_there_are_any(admin_client: Client, app: str, page: str) -> None:
    plain = organisation("")
    url = Pages(app).url(page)
    assert "column-organisation" not in html(admin_client, url)
    organisation("Red")
    assert "column-organisation" in html(admin_client, url)
    (row,) = admin_client.get(f"{url}?organisation=Red").context["cl"].result_list
    assert row.organisation == "Red"
    assert row not in (plain.app, plain.account)
