"""Numbers at the vendor, in the admin: bought and given back after a page that says what it means, in bounded time."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from smsbridge.admin import vendor_calls
from smsbridge.models import Number, NumberOrder, Pool, VendorAccount
from smsbridge.services.roles import ADMINISTRATORS, OPERATORS, make_roles
from tests import factories
from tests.admin_pages import Pages, html
from tests.notifier import servers
from tests.operators import looker
from tests.smsbridge.number_shop import INBOUND, Shop, account_at, empty_pool, number

pytestmark = pytest.mark.django_db

pages = Pages("smsbridge")
url, run_action = pages.url, pages.run_action


@pytest.fixture
def shop(settings: Settings) -> Iterator[Shop]:
    settings.PUBLIC_URL = "https://sms.example.com"
    with Shop(number(6)) as shop:
        yield shop


@pytest.fixture
def account(shop: Shop, db: None) -> VendorAccount:
    return account_at(shop)


@pytest.fixture
def pool(db: None) -> Pool:
    return empty_pool()


@pytest.fixture
def ours(account: VendorAccount, pool: Pool) -> Number:
    return Number.objects.create(e164=number(6), account=account, pool=pool)


def typed(pool: Pool, **changes: str) -> dict[str, str]:
    return {"pool": str(pool.pk), "country": "US", "area": "415", "total": "2", **changes}


AGREED = "1.15 USD,1.15 USD"


def agreed(pool: Pool) -> dict[str, str]:
    return typed(pool, confirmed="yes", prices=AGREED)


def page(account: VendorAccount) -> str:
    return url("vendoraccount", account.pk, "numbers")


def confirm(client: Client, action: str, rows: list[Number]) -> str:
    values = {"action": action, "_selected_action": [row.pk for row in rows], "confirmed": "yes"}
    return client.post(url("number"), values, follow=True).content.decode()


def test_the_account_leads_to_its_numbers_at_the_vendor(admin_client: Client, account: VendorAccount) -> None:
    assert page(account) in html(admin_client, url("vendoraccount", account.pk, "change"))
    assert "at most 20" in html(admin_client, page(account))


def test_a_page_says_what_would_be_bought_before_it_is(
    admin_client: Client, shop: Shop, account: VendorAccount, pool: Pool
) -> None:
    said = admin_client.post(page(account), typed(pool)).content.decode()
    assert "Buy 2?" in said
    assert "2.30 USD a month" in said
    assert number(0) in said
    assert (shop.paid_calls, NumberOrder.objects.count()) == (0, 0)


def test_confirmed_it_is_bought_and_written_down(
    admin_client: Client, shop: Shop, account: VendorAccount, pool: Pool
) -> None:
    said = admin_client.post(page(account), agreed(pool), follow=True).content.decode()
    assert "Buying +1415•••1000: done." in said
    assert (len(shop.sold), pool.numbers.count(), NumberOrder.objects.all()[0].by) == (2, 2, "admin")
    assert LogEntry.objects.get().change_message == "Bought numbers: 2."
    admin_client.post(page(account), agreed(pool))
    assert len(shop.sold) == 2


def test_nothing_is_bought_at_another_price_than_the_page_showed(
    admin_client: Client, shop: Shop, account: VendorAccount, pool: Pool
) -> None:
    assert f'name="prices" value="{AGREED}"' in admin_client.post(page(account), typed(pool)).content.decode()
    shop.price = "95.00"
    said = admin_client.post(page(account), agreed(pool), follow=True).content.decode()
    assert "cost more by now than what was shown" in said
    assert (shop.paid_calls, NumberOrder.objects.count()) == (0, 0)
    shop.price = "1.10"
    admin_client.post(page(account), agreed(pool))
    assert len(shop.sold) == 2


@pytest.mark.parametrize("prices", ["", "cheap", "NaN USD", "1.15"])
def test_who_sends_back_no_prices_is_shown_them_again(
    admin_client: Client, shop: Shop, account: VendorAccount, pool: Pool, prices: str
) -> None:
    said = admin_client.post(page(account), agreed(pool) | {"prices": prices}).content.decode()
    assert "Buy 2?" in said
    assert shop.paid_calls == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"country": "XX"}, "no such country"),
        ({"area": "212"}, "Nothing is on offer"),
        ({"total": "0"}, "greater than"),
    ],
)
def test_what_cannot_be_bought_is_told_at_the_form(
    admin_client: Client, account: VendorAccount, pool: Pool, change: dict[str, str], why: str
) -> None:
    assert why in admin_client.post(page(account), typed(pool, **change)).content.decode()


def test_a_vendor_that_dribbles_does_not_hold_the_page(
    admin_client: Client, pool: Pool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HTTP_TIMEOUT_SECONDS = 0.2
    monkeypatch.setattr(vendor_calls, "SECONDS", 0.1)
    with servers.Server(servers.hang) as server:
        account = factories.vendor_account("shop", options={"url": server.url})
        said = admin_client.post(page(account), typed(pool)).content.decode()
    assert "did not answer" in said


def test_numbers_are_given_back_after_a_question(admin_client: Client, shop: Shop, ours: Number) -> None:
    assert "Give these numbers back to the vendor?" in run_action(admin_client, "number", "release_at_vendor", [ours])
    assert shop.paid_calls == 0
    assert "Releasing +1415•••1006: done." in confirm(admin_client, "release_at_vendor", [ours])
    assert shop.taken_back == [number(6)]
    assert LogEntry.objects.get().object_id == str(ours.pk)
    assert "released" in html(admin_client, url("number"))


def test_one_that_stands_for_a_conversation_is_kept(admin_client: Client, shop: Shop, ours: Number) -> None:
    factories.lease(ours, factories.conversation(factories.chat_app()))
    assert "is kept: it stands for conversations" in confirm(admin_client, "release_at_vendor", [ours])
    assert shop.paid_calls == 0


def test_one_that_was_given_back_is_not_used_again(admin_client: Client, ours: Number, account: VendorAccount) -> None:
    Number.objects.update(active=False, pool=None, released_at=timezone.now())
    run_action(admin_client, "number", "activate", [ours])
    form = {"e164": ours.e164, "account": account.pk, "active": "on"}
    said = admin_client.post(url("number", ours.pk, "change"), form).content.decode()
    assert "It was given back to the vendor" in said
    assert not Number.objects.get().active


def test_texts_to_a_number_are_brought_here(admin_client: Client, shop: Shop, ours: Number) -> None:
    run_action(admin_client, "number", "point_here", [ours])
    assert shop.owned == {number(6): INBOUND}


def test_both_sides_are_brought_in_step(admin_client: Client, shop: Shop, account: VendorAccount, ours: Number) -> None:
    shop.owned = {number(7): ""}
    asked = run_action(admin_client, "vendoraccount", "bring_in_step", [ours.account])
    assert "Put these numbers to rest? In all: 1." in asked
    assert "may be the wrong account" in asked
    assert Number.objects.get().active
    values = {"action": "bring_in_step", "_selected_action": [account.pk], "confirmed": "yes"}
    said = admin_client.post(url("vendoraccount"), values, follow=True).content.decode()
    assert "is not at the vendor any more" in said
    assert "is not known here" in said
    assert not Number.objects.get().active
    assert "the vendor does not list it any more" in html(admin_client, url("number"))


@pytest.mark.parametrize("way", ["action", "form"])
def test_what_an_operator_says_of_a_numbers_use_counts(admin_client: Client, ours: Number, way: str) -> None:
    Number.objects.update(active=False, rests_for="gone")
    if way == "action":
        run_action(admin_client, "number", "activate", [ours])
    else:
        form = {"e164": ours.e164, "account": ours.account_id, "pool": ours.pool_id, "active": "on"}
        admin_client.post(url("number", ours.pk, "change"), form)
    assert (Number.objects.get().active, Number.objects.get().rests_for) == (True, "")


def test_the_vendor_is_asked_again_about_open_orders(admin_client: Client, shop: Shop, account: VendorAccount) -> None:
    def order(e164: str, state: str) -> NumberOrder:
        return NumberOrder.objects.create(account=account, action="buy", e164=e164, state=state)

    orders = [order(number(6), "uncertain"), order(number(5), "uncertain"), order(number(4), "done")]
    NumberOrder.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    said = run_action(admin_client, "numberorder", "ask_again", orders)
    assert "Settled: 1. Left alone, as it does not apply to them: 2." in said
    assert [one.state for one in NumberOrder.objects.order_by("pk")] == ["done", "uncertain", "done"]
    assert Number.objects.get().e164 == number(6)


# Who may


def member(client: Client, role: str) -> None:
    make_roles()
    user = User.objects.create_user("somebody", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)


@pytest.mark.parametrize(("role", "may"), [(OPERATORS, False), (ADMINISTRATORS, True)])
def test_only_administrators_spend_money(
    client: Client, shop: Shop, account: VendorAccount, pool: Pool, ours: Number, role: str, may: bool
) -> None:
    member(client, role)
    answered = client.post(page(account), agreed(pool))
    confirm(client, "release_at_vendor", [ours])
    assert (answered.status_code == 403) is not may
    assert bool(shop.paid_calls) is may


def test_operators_see_orders_and_ask_again(client: Client, account: VendorAccount) -> None:
    member(client, OPERATORS)
    one = NumberOrder.objects.create(account=account, action="buy", e164=number(6), state="uncertain")
    html(client, url("numberorder", one.pk, "change"))
    run_action(client, "numberorder", "ask_again", [one])
    assert NumberOrder.objects.get().state == "done"


def test_who_may_only_look_asks_nobody(client: Client, shop: Shop, account: VendorAccount) -> None:
    client.force_login(looker())
    one = NumberOrder.objects.create(account=account, action="buy", e164=number(6), state="uncertain")
    run_action(client, "numberorder", "ask_again", [one])
    assert NumberOrder.objects.get().state == "uncertain"
