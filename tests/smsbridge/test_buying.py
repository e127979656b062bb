"""Buying numbers: until there are enough, never twice, never beyond a cap, whatever ends in the middle of it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from smsbridge.models import Bridge, Number, NumberOrder, Pool, VendorAccount
from smsbridge.services import buying, number_orders
from smsbridge.services.buying import Bought, buy
from smsbridge.services.order_findings import resting_findings
from smsbridge.services.shopping import Goal, goal_of, plan
from smsbridge.services.vendor_calls import Calls, CannotDo
from smsbridge.simulator.models import Number as Theirs
from smsbridge.tasks import resolve_number_orders
from smsbridge.vendors.base import PaidStep, VendorError
from smsbridge.vendors.fake import Fake
from tests import factories
from tests.crashing import lives
from tests.notifier import servers
from tests.smsbridge.number_shop import INBOUND, Shop, account_at, empty_pool, number, refused
from tests.smsbridge.racing import together
from tests.smsbridge.test_organisations import organisation

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quick(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PUBLIC_URL = "https://sms.example.com"
    monkeypatch.setattr(buying, "PAUSE", 0.0)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as shop:
        yield shop


@pytest.fixture
def account(shop: Shop, db: None) -> VendorAccount:
    return account_at(shop)


@pytest.fixture
def pool(db: None) -> Pool:
    return empty_pool()


def shopping(account: VendorAccount, pool: Pool, total: int, **more: Any) -> Bought:
    goal = goal_of(account, pool, country=more.pop("country", "US"), total=total, **more)
    return buy(plan(goal, Calls(), dry_run=False), by="ann", calls=Calls())


def states() -> list[str]:
    return list(NumberOrder.objects.order_by("pk").values_list("state", flat=True))


def a_while_later() -> None:
    late = number_orders.GRACE + timedelta(seconds=1)
    NumberOrder.objects.update(created_at=F("created_at") - late, absent_at=F("absent_at") - late)


def test_it_buys_until_the_pool_has_so_many(shop: Shop, account: VendorAccount, pool: Pool) -> None:
    bought = shopping(account, pool, 3)
    assert (len(shop.sold), bought.missing, bought.failed) == (3, 0, [])
    assert sorted(pool.numbers.filter(active=True).values_list("e164", flat=True)) == sorted(shop.sold)
    assert set(shop.owned.values()) == {INBOUND}
    order = NumberOrder.objects.all()[0]
    assert (order.state, order.by, str(order.price), order.currency) == ("done", "ann", "1.15000", "USD")


def test_to_repeat_it_buys_only_what_is_missing(shop: Shop, account: VendorAccount, pool: Pool) -> None:
    shopping(account, pool, 2)
    shopping(account, pool, 2)
    assert len(shop.sold) == 2
    shopping(account, pool, 3)
    assert len(shop.sold) == 3


def test_numbers_of_elsewhere_do_not_count_nor_are_they_bought(shop: Shop, account: VendorAccount, pool: Pool) -> None:
    Number.objects.create(e164="+12125550100", account=account, pool=pool)
    shop.on_offer = ["+12125550101", "+16045550100", *shop.on_offer]
    shopping(account, pool, 1, area="415")
    assert shop.sold == [number(0)]


@pytest.mark.parametrize(("limit", "most", "sold"), [(3, 10, 1), (20, 2, 2)])
def test_it_keeps_to_the_accounts_limit_and_to_what_it_may_buy_at_once(
    shop: Shop, account: VendorAccount, pool: Pool, limit: int, most: int, sold: int
) -> None:
    """One number is ours elsewhere, another one is only known to the vendor."""
    Number.objects.create(e164="+12125550100", account=account)
    shop.owned["+12125550109"] = ""
    VendorAccount.objects.update(number_limit=limit)
    account.refresh_from_db()
    bought = shopping(account, pool, 4, most=most)
    assert (len(shop.sold), bought.missing) == (sold, 4 - sold)


@pytest.mark.parametrize(
    "wrong", [{"country": "USA"}, {"country": "us1"}, {"area": "4a5"}, {"total": 0}, {"most": 0}], ids=str
)
def test_a_goal_that_makes_no_sense_is_refused(account: VendorAccount, pool: Pool, wrong: dict[str, Any]) -> None:
    with pytest.raises(CannotDo, match=r"ISO code|digits|1 or more"):
        shopping(account, pool, **{"total": 1, **wrong})


# What the vendor may answer


def test_a_number_that_is_gone_meanwhile_is_passed_over(shop: Shop, account: VendorAccount, pool: Pool) -> None:
    shop.script = [refused("21422")]
    assert shopping(account, pool, 2).missing == 0
    assert states() == ["refused", "done", "done"]


def test_after_some_refusals_in_a_row_it_stops(shop: Shop, account: VendorAccount, pool: Pool) -> None:
    shop.script = [refused("20402", 402)] * 5
    bought = shopping(account, pool, 5)
    assert (shop.paid_calls, bought.missing) == (buying.MOST_FAILURES, 5)


def test_a_lost_answer_is_settled_by_the_list(shop: Shop, account: VendorAccount, pool: Pool) -> None:
    shop.script = [shop.lose]
    assert shopping(account, pool, 1).missing == 0
    assert (states(), shop.paid_calls) == (["done"], 1)


@pytest.mark.parametrize("step", [servers.close, servers.reset, servers.answer(503), servers.answer(201, b"yes")])
def test_what_may_have_been_bought_counts_until_the_list_is_sure(
    shop: Shop, account: VendorAccount, pool: Pool, step: servers.Step
) -> None:
    shop.script = [step]
    bought = shopping(account, pool, 1)
    assert (states(), [order.state for order in bought.open], bought.missing) == (["uncertain"], ["uncertain"], 0)
    shopping(account, pool, 1)
    assert (shop.paid_calls, pool.numbers.count()) == (1, 0)
    a_while_later()
    shopping(account, pool, 1)
    assert (states(), len(shop.sold), pool.numbers.count()) == (["not done", "done"], 1, 1)


def test_an_uncertain_order_blocks_nothing_else(shop: Shop, account: VendorAccount, pool: Pool) -> None:
    shop.script = [servers.close]
    shopping(account, pool, 3)
    assert states() == ["uncertain", "done", "done"]


def test_an_order_that_the_vendor_works_on_is_waited_for(shop: Shop, account: VendorAccount, pool: Pool) -> None:
    shop.script = [shop.order]
    assert (shopping(account, pool, 1).missing, states()) == (0, ["pending"])
    a_while_later()
    assert (shopping(account, pool, 1).missing, states()) == (0, ["pending"])
    shop.fulfil()
    made = plan(goal_of(account, pool, country="US", total=1), Calls(), dry_run=False)
    assert (made.missing, states(), pool.numbers.count()) == (0, ["done"], 1)


def test_open_orders_are_settled_without_anybody_asking(shop: Shop, account: VendorAccount, pool: Pool) -> None:
    shop.script = [shop.order]
    shopping(account, pool, 1)
    assert (resolve_number_orders(), states()) == (0, ["pending"])
    shop.fulfil()
    assert (resolve_number_orders(), states()) == (1, ["done"])
    assert pool.numbers.filter(active=True).count() == 1


def test_an_account_that_cannot_be_asked_keeps_no_other_waiting(shop: Shop, account: VendorAccount, pool: Pool) -> None:
    shop.script = [shop.order]
    shopping(account, pool, 1)
    shop.fulfil()
    first = factories.vendor_account("first", pk=-1, options={"url": servers.refusing_url()})
    NumberOrder.objects.create(account=first, action="buy", e164="+12025550999", state="uncertain")
    assert (resolve_number_orders(), sorted(states())) == (1, ["done", "uncertain"])


def test_it_waits_as_long_as_it_is_told_to(shop: Shop, account: VendorAccount, pool: Pool) -> None:
    def ordered(peer: servers.Peer, received: servers.Received) -> None:
        shop.order(peer, received)
        shop.fulfil()

    shop.script = [ordered]
    made = plan(goal_of(account, pool, country="US", total=1), Calls(), dry_run=False)
    bought = buy(made, by="ann", calls=Calls(), patience=5.0)
    assert (len(bought.numbers), bought.open, set(shop.owned.values())) == (1, [], {INBOUND})


def test_nothing_is_begun_when_the_time_is_over(shop: Shop, account: VendorAccount, pool: Pool) -> None:
    made = plan(goal_of(account, pool, country="US", total=2), Calls(), dry_run=False)
    bought = buy(made, by="ann", calls=Calls(seconds=0.0))
    assert (shop.paid_calls, states(), len(bought.failed)) == (0, [], 1)


def test_a_number_that_was_released_once_is_taken_in_again(shop: Shop, account: VendorAccount, pool: Pool) -> None:
    Number.objects.create(e164=number(0), account=account, active=False, released_at="2026-01-01T00:00Z")
    shopping(account, pool, 1)
    assert (pool.numbers.get().active, pool.numbers.get().released_at) == (True, None)


# What is settled later


def test_a_number_that_is_settled_later_is_in_use_once_its_texts_come_here(
    shop: Shop, account: VendorAccount, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*args: Any) -> None:
        raise VendorError("it is not set")

    shop.script = [shop.order]
    shopping(account, pool, 1)
    shop.fulfil()
    with monkeypatch.context() as patch:
        patch.setattr(Fake, "inbound_url_set", refusing)
        assert resolve_number_orders() == 1
    assert (pool.numbers.get().active, pool.numbers.get().rests_for) == (False, "pointing")
    NumberOrder.objects.update(settled_at=F("settled_at") - timedelta(hours=1))
    (finding,) = resting_findings()
    assert "rests: the texts to it do not come here yet" in finding.what
    resolve_number_orders()
    assert (pool.numbers.get().active, set(shop.owned.values())) == (True, {INBOUND})


def test_what_a_run_bought_before_it_was_ended_is_in_use_after_the_next_one(
    shop: Shop, account: VendorAccount, pool: Pool
) -> None:
    class Ended(Calls):
        def pay(self, request: Any, read: Any) -> PaidStep:
            super().pay(request, read)
            raise KeyboardInterrupt

    made = plan(goal_of(account, pool, country="US", total=1), Calls(), dry_run=False)
    with pytest.raises(KeyboardInterrupt):
        buy(made, by="ann", calls=Ended())
    shopping(account, pool, 1)
    assert (len(shop.sold), pool.numbers.get().active, set(shop.owned.values())) == (1, True, {INBOUND})


def test_an_empty_list_settles_nothing_while_numbers_are_in_use(shop: Shop, account: VendorAccount, pool: Pool) -> None:
    shopping(account, pool, 1)
    NumberOrder.objects.create(account=account, action="buy", e164=number(1), pool=pool)
    shop.lists_nothing = True
    for _ in range(3):
        a_while_later()
        NumberOrder.objects.update(settled_at=F("settled_at") - timedelta(hours=1))
        assert resolve_number_orders() == 0
    assert states() == ["done", "started"]


def test_one_that_was_found_not_to_be_done_is_taken_in_when_it_is_listed_after_all(
    shop: Shop, account: VendorAccount, pool: Pool
) -> None:
    shop.script = [servers.close]
    shopping(account, pool, 1)
    a_while_later()
    resolve_number_orders()
    assert states() == ["not done"]
    shop.owned[number(0)] = ""
    assert (resolve_number_orders(), states()) == (1, ["done"])
    assert (pool.numbers.get().active, shop.owned) == (True, {number(0): INBOUND})
    assert resolve_number_orders() == 0


# What it keeps to


def test_numbers_that_could_not_be_answered_once_count_when_they_are_bought_again(
    shop: Shop, account: VendorAccount, pool: Pool
) -> None:
    for serial in range(8):
        Number.objects.create(
            e164=number(serial), account=account, one_way=True, active=False, released_at="2026-01-01T00:00Z"
        )
    for _ in range(2):
        shopping(account, pool, 1)
    assert (len(shop.sold), pool.numbers.get().one_way) == (1, False)


def test_a_run_buys_no_more_than_its_plan(
    shop: Shop, account: VendorAccount, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buying, "there", lambda goal: 0)
    shopping(account, pool, 2)
    assert len(shop.sold) == 2


def test_a_pool_of_another_organisation_gets_no_number(shop: Shop) -> None:
    red, blue = organisation("Red"), organisation("Blue")
    VendorAccount.objects.filter(pk=red.account.pk).update(options={"url": shop.url})
    red.account.refresh_from_db()
    with pytest.raises(CannotDo, match="cannot hold numbers of the vendor account"):
        shopping(red.account, blue.bridge.pool, 3)
    none = empty_pool()
    made = plan(goal_of(red.account, none, country="US", total=1), Calls(), dry_run=False)
    Bridge.objects.filter(pk=blue.bridge.pk).update(pool=none)
    bought = buy(made, by="ann", calls=Calls())
    assert "cannot hold numbers of the vendor account" in bought.failed[0]
    assert shop.paid_calls == 0


def test_a_spare_one_that_costs_more_than_the_plan_said_is_not_bought(
    shop: Shop, account: VendorAccount, pool: Pool
) -> None:
    made = plan(goal_of(account, pool, country="US", total=1), Calls(), dry_run=False)
    dear = [replace(one, price=Decimal(95)) for one in made.offers[1:]]
    shop.script = [refused("21422")]
    bought = buy(replace(made, offers=[made.offers[0], *dear]), by="ann", calls=Calls())
    assert (shop.sold, states(), bought.missing) == ([], ["refused"], 1)
    assert "cost more by now" in bought.failed[-1]


@pytest.mark.parametrize(("told", "kept"), [("250000", "99999.99999"), ("0.000001", "0.00000")])
def test_whatever_a_price_is_the_order_is_written(
    shop: Shop, account: VendorAccount, pool: Pool, told: str, kept: str
) -> None:
    shop.price = told
    shopping(account, pool, 1)
    assert (str(NumberOrder.objects.get().price), states()) == (kept, ["done"])


# Two at once, and the end of a process anywhere


def at_once(monkeypatch: pytest.MonkeyPatch, *goals: Goal) -> None:
    """Each wants other numbers than the others, and whoever has counted waits a moment for the others to have, too."""
    plans = [plan(goal, Calls(), dry_run=False) for goal in goals]
    counted, order = threading.Barrier(len(plans)), buying._order

    def meet(*args: Any) -> NumberOrder:
        with suppress(threading.BrokenBarrierError):
            counted.wait(0.3)
        return order(*args)

    monkeypatch.setattr(buying, "_order", meet)
    apart = [replace(one, offers=one.offers[shift:]) for shift, one in enumerate(plans)]
    together([partial(buy, one, by="ann", calls=Calls()) for one in apart])


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_at_once_buy_no_more_for_a_pool_than_one(
    shop: Shop, account: VendorAccount, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if they buy at different accounts."""
    accounts = (account, account_at(shop, "other"), account)
    at_once(monkeypatch, *[goal_of(one, pool, country="US", total=1) for one in accounts])
    assert (len(shop.sold), shop.paid_calls, pool.numbers.count(), states()) == (1, 1, 1, ["done"])


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_at_once_keep_to_the_limit_of_their_account(
    shop: Shop, account: VendorAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if they buy for different pools."""
    VendorAccount.objects.update(number_limit=1)
    account.refresh_from_db()
    pools = (empty_pool("main"), empty_pool("other"))
    at_once(monkeypatch, *[goal_of(account, one, country="US", total=1) for one in pools])
    assert (len(shop.sold), shop.paid_calls, states()) == (1, 1, ["done"])


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
def test_wherever_it_ends_the_next_run_buys_what_is_missing(shop: Shop, account: VendorAccount, pool: Pool) -> None:
    made = plan(goal_of(account, pool, country="US", total=1), Calls(), dry_run=False)

    def begin() -> None:
        NumberOrder.objects.all().delete()
        Number.objects.all().delete()
        shop.owned.clear()
        shop.sold.clear()
        shop.on_offer = [number(serial) for serial in range(8)]

    seen = set()
    for life in lives(begin, lambda: buy(made, by="ann", calls=Calls()), reads=False):
        seen.add((len(shop.sold), *states()))
        for _ in range(2):  # what a list does not show is believed when two say so
            a_while_later()
            shopping(account, pool, 1)
        assert len(shop.sold) == 1, life
        assert sorted(pool.numbers.values_list("e164", flat=True)) == sorted(shop.sold), life
        assert not set(states()) & set(number_orders.OPEN), life
        assert (pool.numbers.get().active, *shop.owned.values()) == (True, INBOUND), life
    assert seen == {(0,), (0, "started"), (1, "started"), (1, "done")}


# The command


def command(*words: str, **options: Any) -> str:
    out = StringIO()
    call_command("buy_numbers", "shop", "--pool=main", "--country=us", *words, stdout=out, stderr=out, **options)
    return out.getvalue()


def test_the_plan_comes_first_with_its_price_and_a_dry_run_ends_there(shop: Shop, account: VendorAccount) -> None:
    empty_pool()
    said = command("--total=2", "--dry-run")
    for words in (
        "has 0 of 2 numbers of US",
        "holds 0 of at most 20",
        "+1415•••1000",
        "1.15",
        "In all 2.30 USD a month",
    ):
        assert words in said
    assert number(0) not in said
    assert shop.paid_calls == 0


def test_it_asks_unless_it_is_told_not_to(shop: Shop, account: VendorAccount) -> None:
    empty_pool()
    with pytest.raises(CommandError, match="Nobody can be asked here"):
        command("--total=1")
    assert shop.paid_calls == 0
    assert "Bought: 1." in command("--total=1", "--yes")
    assert "Nothing is to be bought." in command("--total=1", "--yes")


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        (lambda shop: shop.on_offer.clear(), "Nothing is on offer there"),
        (lambda shop: VendorAccount.objects.update(number_limit=0), "raise its number limit"),
        (lambda shop: VendorAccount.objects.update(options={}), "URL is missing"),
        (lambda shop: shop.script.extend([refused("20402", 402)] * 3), "Still missing: 1"),
    ],
    ids=["nothing on offer", "no room", "not configured", "refused"],
)
def test_it_fails_with_a_remedy(
    shop: Shop, account: VendorAccount, change: Callable[[Shop], object], remedy: str
) -> None:
    empty_pool()
    change(shop)
    with pytest.raises(CommandError, match=remedy):
        command("--total=1", "--yes")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("area", ["415", "503", "808"])
def test_the_simulator_sells_loses_an_answer_and_takes_an_order(
    live_server: LiveServer, settings: Settings, area: str
) -> None:
    settings.SIMULATOR_DELIVER = False
    factories.vendor_account(
        "shop",
        options={"url": f"{live_server.url}/simulator/fake"},
        secrets={"token": "fake-token", "signing_secret": "a secret"},
    )
    empty_pool()
    assert "Bought: 1." in command("--total=1", f"--area={area}", "--yes")
    assert Number.objects.get().e164 == Theirs.objects.get().e164
    assert Theirs.objects.get().inbound_url == INBOUND


def test_it_tells_of_numbers_that_are_paid_for_already(shop: Shop, account: VendorAccount) -> None:
    empty_pool()
    shop.owned[number(0)] = ""
    assert "sync_numbers shop --pool main" in command("--total=1", "--dry-run")


def test_it_says_when_the_account_may_be_the_wrong_one(shop: Shop, account: VendorAccount) -> None:
    Number.objects.create(e164=number(7), account=account, pool=empty_pool())
    assert "this may be the wrong account: correct its credentials" in command("--total=2", "--dry-run")
