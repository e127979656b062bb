"""Our numbers in step with the vendor's, listed side by side, and grouped in a messaging service."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from smsbridge.models import Number, NumberOrder, Pool, VendorAccount
from smsbridge.services import number_stock
from smsbridge.services.number_sync import sync
from smsbridge.services.vendor_calls import Calls, CannotDo
from smsbridge.simulator.models import Number as Theirs
from smsbridge.simulator.models import Service
from tests import factories
from tests.smsbridge.number_shop import INBOUND, Shop, account_at, empty_pool, number
from tests.smsbridge.test_organisations import organisation

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _public_url(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://sms.example.com"


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop(number(0), number(1)) as shop:
        yield shop


@pytest.fixture
def account(shop: Shop, db: None) -> VendorAccount:
    """It knows the first number of the shop."""
    account = account_at(shop)
    Number.objects.create(e164=number(0), account=account)
    return account


def run(command: str, *words: str) -> str:
    out = StringIO()
    call_command(command, *words, stdout=out, stderr=out)
    return out.getvalue()


def test_what_is_new_goes_into_the_pool_and_its_texts_come_here(shop: Shop, account: VendorAccount) -> None:
    pool = empty_pool()
    sync(account, pool=pool, dry_run=False, calls=Calls())
    row = Number.objects.get(e164=number(1))
    assert (row.pool, row.account, row.active) == (pool, account, True)
    assert shop.owned == {number(0): INBOUND, number(1): INBOUND}


def test_without_a_pool_what_is_new_is_left_alone(shop: Shop, account: VendorAccount) -> None:
    told = sync(account, pool=None, dry_run=False, calls=Calls())
    assert "+1415•••1001 is not known here; it is left alone." in told.done[0]
    assert (Number.objects.count(), told.failed) == (1, [])


def test_what_the_vendor_does_not_have_any_more_is_put_to_rest_and_told(shop: Shop, account: VendorAccount) -> None:
    del shop.owned[number(0)]
    told = sync(account, pool=None, dry_run=False, calls=Calls(), sure=True)
    assert "+1415•••1000 is not at the vendor any more: it was put to rest." in told.failed[0]
    assert (Number.objects.get().active, Number.objects.get().rests_for) == (False, "gone")
    shop.owned[number(0)] = ""
    sync(account, pool=None, dry_run=False, calls=Calls())
    assert (Number.objects.get().active, Number.objects.get().rests_for) == (True, "")


def test_nothing_is_put_to_rest_unless_somebody_says_so(shop: Shop, account: VendorAccount) -> None:
    Number.objects.create(e164=number(5), account=account)
    told = sync(account, pool=None, dry_run=False, calls=Calls())
    assert (told.missing, Number.objects.filter(active=True).count()) == (["+1415•••1005"], 2)
    assert "still in use, until you confirm it" in told.failed[0]
    with pytest.raises(CommandError, match="Nobody can be asked here"):
        run("sync_numbers", "shop")
    with pytest.raises(CommandError, match="Not all is in step"):
        run("sync_numbers", "shop", "--yes")
    assert Number.objects.get(active=True).e164 == number(0)


def test_a_list_of_another_account_changes_nothing_here_or_there(shop: Shop, account: VendorAccount) -> None:
    for serial in (5, 6):
        Number.objects.create(e164=number(serial), account=account)
    with pytest.raises(CannotDo, match="only 1 of the 3"):
        sync(account, pool=empty_pool(), dry_run=False, calls=Calls())
    assert (Number.objects.filter(active=True).count(), set(shop.owned.values())) == (3, {""})
    with pytest.raises(CommandError, match="Nobody can be asked here"):
        run("sync_numbers", "shop", "--pool=main")
    sync(account, pool=None, dry_run=False, calls=Calls(), sure=True)
    assert Number.objects.get(active=True).e164 == number(0)


def test_one_that_was_released_a_moment_ago_is_not_taken_in_again(shop: Shop, account: VendorAccount) -> None:
    """The list may be late."""
    Number.objects.create(e164=number(1), account=account, active=False, released_at=timezone.now())
    NumberOrder.objects.create(
        account=account, action="release", e164=number(1), state="done", settled_at=timezone.now()
    )
    told = sync(account, pool=empty_pool(), dry_run=False, calls=Calls())
    assert "released a moment ago" in told.done[0]
    assert not Number.objects.get(e164=number(1)).active
    NumberOrder.objects.update(settled_at=timezone.now() - number_stock.GRACE - timedelta(seconds=1))
    sync(account, pool=Pool.objects.get(), dry_run=False, calls=Calls())
    assert Number.objects.get(e164=number(1)).active


def test_a_pool_of_another_organisation_takes_nothing_in(shop: Shop) -> None:
    red, blue = organisation("Red"), organisation("Blue")
    VendorAccount.objects.filter(pk=red.account.pk).update(options={"url": shop.url})
    red.account.refresh_from_db()
    before = Number.objects.count()
    with pytest.raises(CannotDo, match="cannot hold numbers of the vendor account"):
        sync(red.account, pool=blue.bridge.pool, dry_run=False, calls=Calls(), sure=True)
    assert (Number.objects.count(), set(shop.owned.values())) == (before, {""})


def test_one_that_was_bought_a_moment_ago_may_not_be_listed_yet(shop: Shop, account: VendorAccount) -> None:
    del shop.owned[number(0)]
    NumberOrder.objects.create(
        account=account, action="buy", e164=number(0), state="done", settled_at="2099-01-01T00:00Z"
    )
    sync(account, pool=None, dry_run=False, calls=Calls())
    assert Number.objects.get().active


def test_a_vendor_that_lists_nothing_at_all_stops_nothing(shop: Shop, account: VendorAccount) -> None:
    shop.lists_nothing = True
    with pytest.raises(CannotDo, match="not a single number"):
        sync(account, pool=None, dry_run=False, calls=Calls())
    assert Number.objects.get().active


def test_a_dry_run_only_tells(shop: Shop, account: VendorAccount) -> None:
    del shop.owned[number(0)]
    told = sync(account, pool=empty_pool(), dry_run=True, calls=Calls())
    assert (Number.objects.count(), Number.objects.get().active) == (1, True)
    assert "would be put to rest" in told.failed[0]
    assert "would be taken into main" in told.done[0]


def test_a_number_of_another_account_here_is_told(shop: Shop, account: VendorAccount) -> None:
    Number.objects.create(e164=number(1), account=factories.vendor_account())
    with pytest.raises(CommandError, match="Not all is in step"):
        run("sync_numbers", "shop")


def test_open_orders_are_settled_on_the_way(shop: Shop, account: VendorAccount) -> None:
    pool = empty_pool()
    NumberOrder.objects.create(account=account, action="buy", e164=number(1), pool=pool, state="uncertain")
    assert "Buying +1415•••1001: done." in run("sync_numbers", "shop")
    assert pool.numbers.get().e164 == number(1)


def test_the_list_shows_both_sides(shop: Shop, account: VendorAccount) -> None:
    Number.objects.create(e164=number(5), account=account, active=False)
    shop.owned[number(0)] = INBOUND
    said = run("list_numbers", "shop", "--whole")
    (first, second, third) = [line.split("|") for line in said.splitlines() if "+1415" in line]
    assert [cell.strip() for cell in first[1:-1]] == [number(0), "none", "active", "0", "yes", "here"]
    assert [cell.strip() for cell in second[1:-1]] == [number(1), "none", "not known here", "0", "yes", "nowhere"]
    assert [cell.strip() for cell in third[1:-1]] == [number(5), "none", "at rest", "0", "no", "nowhere"]
    assert number(0) not in run("list_numbers", "shop")


def test_the_search_shows_what_is_on_offer(shop: Shop, account: VendorAccount) -> None:
    assert number(3) in run("search_numbers", "shop", "--country=US", "--area=415", "--limit=4")
    with pytest.raises(CommandError, match="Nothing is on offer"):
        run("search_numbers", "shop", "--country=US", "--area=212")
    with pytest.raises(CommandError, match="ISO code"):
        run("search_numbers", "shop", "--country=Narnia")


@pytest.mark.django_db(transaction=True)
def test_a_messaging_service_from_its_making_to_its_end(live_server: LiveServer, settings: Settings) -> None:
    """At the simulator, over sockets."""
    settings.SIMULATOR_DELIVER = False
    account = factories.vendor_account(
        "shop",
        options={"url": f"{live_server.url}/simulator/fake"},
        secrets={"token": "fake-token", "signing_secret": "a secret"},
    )
    Number.objects.create(e164=number(0), account=account)
    Theirs.objects.create(e164=number(0))
    Theirs.objects.create(e164=number(1))
    with pytest.raises(CommandError, match="messaging_service shop create"):
        run("messaging_service", "shop", "add")
    others = Service.objects.create(name="Orders", inbound_url="https://others.example.com/in")
    with pytest.raises(CommandError, match="whose texts go elsewhere"):
        run("messaging_service", "shop", "create", "--name=Orders")
    others.delete()
    run("messaging_service", "shop", "create", "--name=Orders")
    service = Service.objects.get()
    assert (service.name, service.inbound_url) == ("Orders", INBOUND)
    VendorAccount.objects.update(
        options={"url": VendorAccount.objects.get().options["url"]}
    )  # as if its process had ended before it was kept
    run("messaging_service", "shop", "create", "--name=Orders")
    assert VendorAccount.objects.get().options["messaging_service"] == str(service.uid)
    assert "+1415•••1000 was put into it." in run("messaging_service", "shop", "add")
    assert "+1415•••1000 is in it already." in run("messaging_service", "shop", "add")
    assert "+1415•••1000" in run("messaging_service", "shop", "list")
    assert [one.e164 for one in service.numbers.all()] == [number(0)]
    run("messaging_service", "shop", "remove", "--numbers", number(0))
    assert not service.numbers.exists()
    run("messaging_service", "shop", "add")
    run("messaging_service", "shop", "clear", "--yes")
    assert not service.numbers.exists()
    with pytest.raises(CommandError, match="Nobody can be asked"):
        run("messaging_service", "shop", "delete")
    run("messaging_service", "shop", "delete", "--yes")
    assert (Service.objects.count(), VendorAccount.objects.get().options.get("messaging_service")) == (0, None)
