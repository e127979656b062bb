"""Giving numbers back: only what nobody needs, looked at again after it was put to rest, and once."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from django.utils import timezone

from smsbridge.models import Bridge, InboundSms, Lease, Number, NumberOrder, OutboundSms, VendorAccount
from smsbridge.services import number_life, number_orders, number_stock, releasing
from smsbridge.services.releasing import Released, release
from smsbridge.services.vendor_calls import Calls, CannotDo
from smsbridge.vendors.base import VendorError
from tests import factories
from tests.crashing import lives
from tests.notifier import servers
from tests.smsbridge.number_shop import Shop, account_at, empty_pool, number, refused

pytestmark = pytest.mark.django_db

LONG_AGO = timezone.now() - timedelta(days=90)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop(number(0), number(1)) as shop:
        yield shop


@pytest.fixture
def account(shop: Shop, db: None) -> VendorAccount:
    return account_at(shop)


@pytest.fixture
def of(account: VendorAccount) -> Bridge:
    """A bridge whose pool has the shop's first number."""
    pool = empty_pool()
    Number.objects.create(e164=number(0), account=account, pool=pool)
    return factories.bridge(numbers=pool)


def ours() -> Number:
    return Number.objects.get(e164=number(0))


def releases(account: VendorAccount, unused_for: timedelta | None = None) -> Released:
    return release(account, [ours()], unused_for=unused_for, by="ann", calls=Calls())


def expired(of: Bridge, **fields: Any) -> Lease:
    return factories.lease(ours(), factories.conversation(of.hook.chat_app), lasts=-1, **fields)


def states() -> list[str]:
    return list(NumberOrder.objects.order_by("pk").values_list("state", flat=True))


def a_while_later() -> None:
    late = number_orders.GRACE + timedelta(seconds=1)
    NumberOrder.objects.update(created_at=F("created_at") - late, absent_at=F("absent_at") - late)


def test_a_number_that_nobody_needs_is_given_back(shop: Shop, account: VendorAccount, of: Bridge) -> None:
    expired(of, last_used_at=LONG_AGO)
    releases(account)
    assert (shop.taken_back, states()) == ([number(0)], ["done"])
    row = ours()
    assert (row.active, row.pool, row.released_at is None) == (False, None, False)
    assert not Lease.objects.exists()
    assert NumberOrder.objects.get().by == "ann"


NEEDED: dict[str, Callable[[Bridge], object]] = {
    "it stands for conversations": lambda of: factories.lease(
        ours(), factories.conversation(of.hook.chat_app), last_used_at=LONG_AGO
    ),
    "texts from it are under way": lambda of: factories.outbound(of, state="uncertain", created_at=LONG_AGO),
    "replies to it wait": lambda of: factories.inbound(ours(), received_at=LONG_AGO),
    "an order for it is open": lambda of: NumberOrder.objects.create(
        account=ours().account, action="release", e164=number(0), state="uncertain"
    ),
}
LATELY: dict[str, Callable[[Bridge], object]] = {
    "linked": expired,
    "texted from": lambda of: factories.outbound(of, state="delivered"),
    "texted to": lambda of: factories.inbound(ours(), state="posted"),
    "bought": lambda of: NumberOrder.objects.create(
        account=ours().account, action="buy", e164=number(0), state="done", settled_at=timezone.now()
    ),
}


@pytest.mark.parametrize("why", NEEDED)
def test_a_number_that_is_needed_is_kept(shop: Shop, account: VendorAccount, of: Bridge, why: str) -> None:
    NEEDED[why](of)
    released = releases(account, timedelta(0))
    assert (shop.paid_calls, ours().active, len(released.left)) == (0, True, 1)
    assert why in released.left[0]


@pytest.mark.parametrize("how", LATELY)
def test_a_number_that_was_in_use_lately_is_kept_for_a_lease_lifetime(
    shop: Shop, account: VendorAccount, of: Bridge, how: str
) -> None:
    LATELY[how](of)
    assert "in use lately" in releases(account).left[0]
    Lease.objects.update(last_used_at=timezone.now() - timedelta(days=8))
    OutboundSms.objects.update(created_at=timezone.now() - timedelta(days=8))
    InboundSms.objects.update(received_at=timezone.now() - timedelta(days=8))
    NumberOrder.objects.update(settled_at=timezone.now() - timedelta(days=8))
    assert "in use lately" in releases(account, timedelta(days=9)).left[0]
    Bridge.objects.update(lease_lifetime=timedelta(days=10))
    assert "in use lately" in releases(account).left[0]
    assert shop.paid_calls == 0
    releases(account, timedelta(days=7))
    assert shop.taken_back == [number(0)]


def test_a_lease_that_is_made_while_it_is_put_to_rest_keeps_it_in_use(
    shop: Shop, account: VendorAccount, of: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest = number_life.rest

    def rest_late(one: Number) -> None:
        rest(one)
        factories.lease(one, factories.conversation(of.hook.chat_app))

    monkeypatch.setattr(number_life, "rest", rest_late)
    assert "stands for conversations" in releases(account).left[0]
    assert (shop.paid_calls, states(), ours().active) == (0, [], True)


def test_one_that_is_gone_already_is_released(shop: Shop, account: VendorAccount, of: Bridge) -> None:
    Number.objects.create(e164=number(1), account=account)
    shop.owned.pop(number(0))
    assert releases(account).failed == []
    assert (shop.paid_calls, states(), ours().released_at is None) == (0, ["done"], False)


@pytest.mark.parametrize("listed", [[], [number(5)]], ids=["nothing", "others"])
def test_that_one_is_gone_needs_another_of_ours_on_the_list(
    shop: Shop, account: VendorAccount, of: Bridge, listed: list[str]
) -> None:
    """Else it may be the list of another account."""
    Number.objects.update(active=False)
    shop.owned = dict.fromkeys(listed, "")
    assert "nor is another one of ours" in releases(account, timedelta(0)).failed[0]
    assert (states(), ours().released_at) == ([], None)


def test_fewer_than_half_of_ours_on_the_list_release_nothing(shop: Shop, account: VendorAccount, of: Bridge) -> None:
    for serial in (1, 2):
        Number.objects.create(e164=number(serial), account=account)
    shop.owned = {number(1): ""}
    with pytest.raises(CannotDo, match="only 1 of the 3"):
        releases(account)
    shop.owned[number(2)] = ""
    assert releases(account).done == ["Releasing +1415•••1000: done."]


def test_one_that_a_list_left_out_is_looked_for_again(
    shop: Shop, account: VendorAccount, of: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when another number goes, and the rows move up, between two pages of the list."""
    Number.objects.create(e164=number(1), account=account)
    read, left_out = number_stock.read_stock, [number(0)]

    def changing(*args: Any) -> number_stock.Stock:
        stock, missing = read(*args), left_out.pop() if left_out else ""
        return replace(stock, numbers={e164: one for e164, one in stock.numbers.items() if e164 != missing})

    monkeypatch.setattr(number_stock, "read_stock", changing)
    releases(account)
    assert (shop.taken_back, states()) == ([number(0)], ["done"])


def test_one_that_cannot_be_looked_for_again_is_not_taken_for_gone(
    shop: Shop, account: VendorAccount, of: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    Number.objects.create(e164=number(1), account=account)
    shop.owned.pop(number(0))
    stocks = iter([number_stock.read_stock(number_orders.shop_of(account), Calls())])

    def failing(*args: Any) -> number_stock.Stock:
        for stock in stocks:
            return stock
        raise VendorError("The list is not whole.")

    monkeypatch.setattr(number_stock, "read_stock", failing)
    assert "not whole" in releases(account).failed[0]
    assert (states(), ours().active, ours().released_at) == (["refused"], True, None)


def test_a_release_that_was_perhaps_never_asked_for_is_not_done_because_a_list_lacks_the_number(
    shop: Shop, account: VendorAccount, of: Bridge
) -> None:
    NumberOrder.objects.create(account=account, action="release", e164=number(0))
    Number.objects.update(active=False, rests_for="release")
    shop.owned.pop(number(0))
    assert (number_orders.resolve_all(), states(), ours().released_at) == (0, ["started"], None)
    a_while_later()
    assert (number_orders.resolve_all(), states()) == (1, ["done"])


@pytest.mark.parametrize("action", ["release", "buy"])
def test_nothing_follows_from_a_list_that_shows_none_of_our_other_numbers(
    shop: Shop, account: VendorAccount, of: Bridge, action: str
) -> None:
    Number.objects.create(e164=number(1), account=account)
    NumberOrder.objects.create(account=account, action=action, e164=number(0), state="uncertain")
    shop.owned = {number(5): ""}
    a_while_later()
    assert (number_orders.resolve_all(), states()) == (0, ["uncertain"])
    shop.owned = {number(1): ""}
    number_orders.resolve_all()
    a_while_later()
    assert (number_orders.resolve_all(), states()) == (1, ["done" if action == "release" else "not done"])


@pytest.mark.parametrize("listed", [[], [number(5)]], ids=["nothing", "others"])
def test_an_account_that_seems_to_be_the_wrong_one_releases_nothing(
    shop: Shop, account: VendorAccount, of: Bridge, listed: list[str]
) -> None:
    Number.objects.create(e164=number(1), account=account)
    shop.owned = dict.fromkeys(listed, "")
    with pytest.raises(CannotDo, match="wrong account"):
        releases(account)
    assert (states(), ours().active) == ([], True)


def test_one_that_goes_meanwhile_is_released(shop: Shop, account: VendorAccount, of: Bridge) -> None:
    shop.script = [refused("20404", 404)]
    releases(account)
    assert states() == ["done"]


def test_one_that_the_vendor_keeps_is_in_use_again(shop: Shop, account: VendorAccount, of: Bridge) -> None:
    shop.script = [refused("20403", 403)]
    assert "code 20403" in releases(account).failed[0]
    assert (states(), ours().active, ours().pool) == (["refused"], True, of.pool)


def test_a_lost_answer_is_settled_by_the_list(shop: Shop, account: VendorAccount, of: Bridge) -> None:
    shop.script = [shop.lose]
    releases(account)
    assert (states(), shop.paid_calls) == (["uncertain"], 1)
    a_while_later()
    assert (number_orders.resolve_all(), states(), shop.paid_calls) == (1, ["done"], 1)


def test_what_may_have_been_released_rests_until_the_list_is_sure(
    shop: Shop, account: VendorAccount, of: Bridge
) -> None:
    shop.script = [servers.close]
    releases(account)
    assert (states(), ours().active) == (["uncertain"], False)
    releases(account)
    assert shop.paid_calls == 1
    a_while_later()
    releases(account)
    assert (states(), shop.taken_back) == (["not done", "done"], [number(0)])


def lost(shop: Shop, account: VendorAccount) -> None:
    shop.script = [servers.close]
    releases(account)
    assert (states(), ours().active, ours().rests_for) == (["uncertain"], False, "release")


def test_one_that_was_not_given_back_after_all_is_in_use_again(shop: Shop, account: VendorAccount, of: Bridge) -> None:
    lost(shop, account)
    a_while_later()
    assert (number_orders.resolve_all(), states()) == (1, ["not done"])
    assert (ours().active, ours().rests_for, ours().pool) == (True, "", of.pool)


def test_one_that_was_at_rest_before_stays_so(shop: Shop, account: VendorAccount, of: Bridge) -> None:
    Number.objects.update(active=False)
    shop.script = [refused("20403", 403)]
    releases(account)
    assert (states(), ours().active) == (["refused"], False)


def test_an_order_that_the_vendor_refuses_later_leaves_the_number_in_use(
    shop: Shop, account: VendorAccount, of: Bridge
) -> None:
    Number.objects.update(active=False, rests_for="release")
    NumberOrder.objects.create(account=account, action="release", e164=number(0), state="pending", order="o-1")
    shop.orders["o-1"] = "refused"
    assert (number_orders.resolve_all(), states(), ours().active) == (1, ["refused"], True)


def test_one_that_was_put_to_rest_before_the_process_ended_is_in_use_again(
    shop: Shop, account: VendorAccount, of: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(releasing, "_begin", ended)
        with pytest.raises(KeyboardInterrupt):
            releases(account)
    assert not ours().active
    number_orders.resolve_all()
    assert (ours().active, states()) == (True, [])


def test_an_empty_list_does_not_say_that_it_was_given_back(shop: Shop, account: VendorAccount, of: Bridge) -> None:
    Number.objects.create(e164=number(1), account=account)
    lost(shop, account)
    shop.lists_nothing = True
    for _ in range(3):
        a_while_later()
        assert number_orders.resolve_all() == 0
    assert ours().released_at is None


def test_one_that_moved_to_another_account_meanwhile_is_left_alone(
    shop: Shop, account: VendorAccount, of: Bridge
) -> None:
    lost(shop, account)
    Number.objects.update(account=factories.vendor_account(), active=True, rests_for="")
    factories.lease(ours(), factories.conversation(of.hook.chat_app))
    shop.owned.pop(number(0))
    for _ in range(2):
        a_while_later()
        number_orders.resolve_all()
    assert (states(), ours().active, ours().released_at, Lease.objects.count()) == (["done"], True, None, 1)


def test_a_lease_that_was_being_made_meanwhile_is_deleted_soon(shop: Shop, account: VendorAccount, of: Bridge) -> None:
    releases(account)
    factories.lease(ours(), factories.conversation(of.hook.chat_app))
    number_orders.resolve_all()
    assert not Lease.objects.exists()


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
def test_wherever_it_ends_the_next_run_releases_it(shop: Shop, account: VendorAccount, of: Bridge) -> None:
    def begin() -> None:
        NumberOrder.objects.all().delete()
        Number.objects.update(active=True, rests_for="", pool=of.pool, released_at=None)
        shop.owned[number(0)] = ""
        shop.taken_back.clear()
        Lease.objects.all().delete()
        expired(of, last_used_at=LONG_AGO)

    for life in lives(begin, lambda: releases(account), reads=False):
        assert bool(shop.taken_back) <= (not ours().active), life
        for _ in range(2):  # what a list does not show is believed when two say so
            a_while_later()
            releases(account)
        assert shop.taken_back == [number(0)], life
        assert (ours().released_at is None, Lease.objects.count()) == (False, 0), life
        assert not set(states()) & set(number_orders.OPEN), life


# The command


def command(*words: str) -> str:
    out = StringIO()
    call_command("release_numbers", "shop", *words, stdout=out, stderr=out)
    return out.getvalue()


def test_the_plan_comes_first_and_a_dry_run_ends_there(shop: Shop, of: Bridge, account: VendorAccount) -> None:
    factories.lease(ours(), factories.conversation(of.hook.chat_app))
    Number.objects.create(e164=number(1), account=account)
    said = command("--unused-for=30 days", "--dry-run")
    assert "needed for nothing: 1 of 2" in said
    assert "+1415•••1001" in said
    assert "stands for conversations" in command("--numbers", number(0), "--dry-run")
    assert shop.paid_calls == 0


def test_it_releases_as_many_as_it_may_at_once(shop: Shop, of: Bridge, account: VendorAccount) -> None:
    Number.objects.create(e164=number(1), account=account)
    with pytest.raises(CommandError, match="Nobody can be asked here"):
        command("--unused-for=1 day")
    command("--unused-for=1 day", "--most=1", "--yes")
    assert shop.taken_back == [number(0)]


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ([], "Say which"),
        (["--unused-for=soon"], "not a duration"),
        (["--numbers", "ACME"], "country code"),
        (["--numbers", "+1 202 555 0199"], "Not among the numbers of shop"),
    ],
    ids=str,
)
def test_it_says_what_it_needs(of: Bridge, words: list[str], remedy: str) -> None:
    with pytest.raises(CommandError, match=remedy):
        command(*words)
