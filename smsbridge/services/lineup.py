"""What a bridge texts from: near numbers before far ones, and of the accounts of its pool those that send.

Worked out when the configuration is read, so that choosing costs a text next to nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from smsbridge.models import Bridge
from smsbridge.phones import area_of, country_of
from smsbridge.services.breaker import Outage, outages

Classes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class LiveNumber:
    """One of our numbers. `one_way`: nobody can answer it, and it stands for no conversation."""

    id: int
    e164: str
    account: int
    one_way: bool = False


class Places:
    """Numbers by where they are. A number of the phone's own area is the least strange to whoever is texted from it."""

    __slots__ = ("_areas", "_countries", "ids")

    def __init__(self, numbers: Iterable[LiveNumber] = ()) -> None:
        numbers = list(numbers)
        self.ids: tuple[int, ...] = tuple(number.id for number in numbers)
        countries: dict[str, list[int]] = defaultdict(list)
        areas: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number in numbers:
            country = country_of(number.e164)
            countries[country].append(number.id)
            areas[country][area_of(number.e164)].append(number.id)
        self._countries = {country: tuple(ids) for country, ids in countries.items()}
        self._areas = {
            country: {area: tuple(ids) for area, ids in of_country.items()} for country, of_country in areas.items()
        }

    def near(self, phone: str) -> Classes:
        """The numbers of the phone's country and area, those of its country, and all; none twice the same.

        Each holds those before it, so nothing is worked out for a phone, and nothing kept for each area. The area is
        asked for only where it makes a difference.
        """
        if len(self._countries) < 2 and all(len(areas) < 2 for areas in self._areas.values()):
            return (self.ids,)
        country = country_of(phone)
        of_country = self._countries.get(country) if country else None
        if of_country is None:
            return (self.ids,)
        areas = self._areas[country]
        here = areas.get(area_of(phone)) if len(areas) > 1 else None
        around = of_country if len(of_country) < len(self.ids) else None
        return tuple(numbers for numbers in (here, around, self.ids) if numbers is not None)


@dataclass(frozen=True, slots=True)
class LineUp:
    """What a bridge may text from now.

    `numbers` can be answered. While some accounts do not send and others take over, `down` are the former and `working`
    the numbers of the latter. `senders` cannot be answered; there are none unless the bridge uses such. `stand_ins` are
    the accounts that send and would take over from each other.
    """

    numbers: Places
    senders: Places
    working: Places | None = None
    down: frozenset[int] = frozenset()
    stand_ins: frozenset[int] = frozenset()

    def may_take_over(self, account: int) -> bool:
        """Whether another account could send what this one does not."""
        return bool(self.stand_ins - {account})

    @property
    def preferred(self) -> Places:
        return self.numbers if self.working is None else self.working


NO_NUMBERS = LineUp(Places(), Places())


@dataclass(frozen=True, slots=True)
class Off:
    """Accounts by which nothing can be sent until an operator acts, and those whose vendor fails."""

    accounts: frozenset[int] = frozenset()
    outages: tuple[Outage, ...] = ()

    def for_longer_than(self, patience: timedelta) -> frozenset[int]:
        return self.accounts.union(one.account for one in self.outages if one.counts(patience))


def off_now(unusable: Iterable[int], bridges: Iterable[Bridge]) -> Off:
    """Vendors are not looked at unless a bridge asks for it."""
    wanted = any(bridge.failover or bridge.one_way for bridge in bridges)
    return Off(frozenset(unusable), tuple(outages())) if wanted else Off()


def line_up(rows: Sequence[LiveNumber], down: Collection[int], *, failover: bool, one_way: bool) -> LineUp:
    """Of a pool's active numbers and the accounts that do not send. Where no account sends, nothing changes."""
    numbers = [row for row in rows if not row.one_way]
    senders = [row for row in rows if row.one_way and one_way]
    sending, one_way_sending = _of_others(numbers, down), _of_others(senders, down)
    failing = {row.account for row in (*numbers, *senders)}.intersection(down)
    stand_ins = frozenset(row.account for row in (*sending, *one_way_sending)) if failover else frozenset()
    if not failing or not stand_ins:
        return LineUp(Places(numbers), Places(one_way_sending or senders), stand_ins=stand_ins)
    return LineUp(Places(numbers), Places(one_way_sending), Places(sending), frozenset(failing), stand_ins)


def _of_others(rows: Iterable[LiveNumber], down: Collection[int]) -> list[LiveNumber]:
    return [row for row in rows if row.account not in down]
