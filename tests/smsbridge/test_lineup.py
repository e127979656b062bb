"""Which numbers come first: those near the phone, and those of accounts that send."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbridge.phones import area_of, country_of
from smsbridge.services import lineup
from smsbridge.services.breaker import Outage
from smsbridge.services.choosing import pick
from smsbridge.services.lineup import LiveNumber, Off, Places, line_up

SAN_FRANCISCO, NEW_YORK, LONDON, ZURICH = "+14155550101", "+12125550101", "+442079460101", "+41446681800"
NOBODYS = "+883510001234"


def numbers(*e164: str, account: int = 1, one_way: bool = False) -> list[LiveNumber]:
    return [LiveNumber(100 * account + index, number, account, one_way) for index, number in enumerate(e164)]


def near(phone: str, *e164: str) -> list[list[str]]:
    rows = numbers(*e164)
    names = {row.id: row.e164 for row in rows}
    return [[names[id_] for id_ in ids] for ids in Places(rows).near(phone)]


@pytest.mark.parametrize(("phone", "area"), [(SAN_FRANCISCO, "415"), (LONDON, "20"), (ZURICH, "44"), ("ACME", "")])
def test_an_area_is_the_national_destination_code(phone: str, area: str) -> None:
    assert area_of(phone) == area


def test_the_phones_own_area_comes_first_then_its_country_then_any() -> None:
    ours = ("+442079460999", "+12125550999", "+14155550999")
    assert near(SAN_FRANCISCO, *ours) == [["+14155550999"], ["+12125550999", "+14155550999"], [*ours]]


@pytest.mark.parametrize("phone", [ZURICH, NOBODYS])
def test_to_a_phone_of_another_country_all_are_alike(phone: str) -> None:
    assert near(phone, "+442079460999", "+12125550999") == [["+442079460999", "+12125550999"]]


def test_where_all_numbers_are_alike_the_area_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    alike = Places(numbers("+14155550998", "+14155550999"))
    monkeypatch.setattr(lineup, "area_of", None)
    assert alike.near(NEW_YORK) == (alike.ids,)


ANY = st.sampled_from([SAN_FRANCISCO, NEW_YORK, LONDON, ZURICH, NOBODYS, "+15550000001"])


@given(phone=ANY, ours=st.lists(ANY, max_size=6))
def test_each_class_holds_more_than_the_one_before_and_the_last_one_every_number(phone: str, ours: list[str]) -> None:
    places = Places(numbers(*ours))
    *nearer, all_ = map(set, places.near(phone))
    assert all_ == set(places.ids)
    assert all(one < next_ for one, next_ in pairwise([*nearer, all_]))


def test_a_pool_of_many_areas_costs_next_to_nothing_to_look_through() -> None:
    """3,000 numbers in 300 areas, which are read anew every five seconds; working out classes by area took minutes."""
    areas = [area for area in range(201, 990) if area_of(f"+1{area}5550123") == str(area)][:300]
    ours = [f"+1{areas[index % 300]}{2220000 + index}" for index in range(3000)]
    phones = [f"+1{area}5559123" for area in areas]
    rows = numbers(*ours)
    for phone in (*ours, *phones):
        area_of(phone), country_of(phone)  # read once, whatever the pool is like
    began = time.perf_counter()
    places = Places(rows)
    for phone in phones:
        pick(phone, places.near(phone), {})
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize("count", [2, 3, 7, 100])
def test_phones_are_spread_over_the_numbers_and_each_gets_the_same_again(count: int) -> None:
    ours = range(count)
    given = Counter(pick(f"+1202555{serial:04}", [ours], {}) for serial in range(100 * count))
    assert given == Counter(pick(f"+1202555{serial:04}", [ours], {}) for serial in range(100 * count))
    assert len(given) == count
    assert max(given.values()) < 150


def test_a_number_of_the_own_area_is_taken_over_before_one_from_far_away_is_used() -> None:
    """What is nearer counts more than that the phone never had the number."""
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    assert pick(SAN_FRANCISCO, [[1], [2]], {1: long_ago}) == 1
    assert pick(SAN_FRANCISCO, [[1], [2]], {1: None}) == 2


# Which accounts count

ONE, OTHER = numbers("+14155550998", account=1), numbers("+14155550999", account=2)
NAME = numbers("ACME", account=3, one_way=True)


def ids(rows: list[LiveNumber]) -> tuple[int, ...]:
    return tuple(row.id for row in rows)


def test_while_all_accounts_send_nothing_is_passed_over() -> None:
    made = line_up([*ONE, *OTHER, *NAME], [], failover=True, one_way=True)
    assert (made.preferred.ids, made.senders.ids, made.down) == (ids([*ONE, *OTHER]), ids(NAME), frozenset())
    assert made.working is None


def test_numbers_of_accounts_that_do_not_send_are_passed_over() -> None:
    made = line_up([*ONE, *OTHER], [1], failover=True, one_way=False)
    assert (made.preferred.ids, made.numbers.ids, made.down) == (ids(OTHER), ids([*ONE, *OTHER]), frozenset({1}))


@pytest.mark.parametrize(("down", "failover"), [([1, 2], True), ([1], False), ([7], True)])
def test_nothing_changes_where_all_fail_or_failover_is_off_or_others_fail(down: list[int], failover: bool) -> None:
    made = line_up([*ONE, *OTHER], down, failover=failover, one_way=False)
    assert (made.working, made.preferred.ids) == (None, ids([*ONE, *OTHER]))


def test_one_way_senders_are_there_only_if_the_bridge_uses_them_and_stand_for_no_conversation() -> None:
    assert line_up([*ONE, *NAME], [], failover=False, one_way=False).senders.ids == ()
    made = line_up([*ONE, *NAME], [], failover=False, one_way=True)
    assert (made.numbers.ids, made.senders.ids) == (ids(ONE), ids(NAME))


def test_a_one_way_sender_takes_over_too() -> None:
    made = line_up([*ONE, *NAME], [1], failover=True, one_way=True)
    assert (made.preferred.ids, made.senders.ids) == ((), ids(NAME))


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("outage", "down"),
    [
        (Outage(1, 6 * MINUTE, to_be_tried=False), {1}),
        (Outage(1, 4 * MINUTE, to_be_tried=False), set()),
        (Outage(1, 6 * MINUTE, to_be_tried=True), set()),
    ],
    ids=["for long", "not for long", "to be tried"],
)
def test_a_breaker_counts_once_it_is_open_for_long_unless_it_is_time_to_try(outage: Outage, down: set[int]) -> None:
    assert Off(frozenset({9}), (outage,)).for_longer_than(5 * MINUTE) == {9} | down
