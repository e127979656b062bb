"""What a bridge's row says, as it is meant: whom it texts, when, how much, and what closes a text."""

from collections.abc import Iterable
from dataclasses import dataclass

from smsbridge.models import Bridge, Number, Pool
from smsbridge.phones import country_of
from smsbridge.zones import Window


@dataclass(frozen=True, slots=True)
class Limits:
    """What one day (UTC) may use: texts to a phone, texts about a conversation, segments in all. None: no limit.

    Over the budget the bridge is paused if it `stops`, else it waits for the next day.
    """

    phone: int | None
    conversation: int | None
    budget: int | None
    stops: bool


def limits_of(bridge: Bridge) -> Limits | None:
    caps = (bridge.phone_cap, bridge.conversation_cap, bridge.daily_budget)
    return None if caps == (None, None, None) else Limits(*caps, bridge.over_budget == Bridge.OverBudget.STOP)


def countries_of(bridge: Bridge, numbers: Iterable[Number]) -> frozenset[str] | None:
    """The countries (ISO 3166) that a bridge texts, None for all; by its own list, else those of its active numbers.

    Numbers of no country, such as +883, add none, nor do sender names, nor one-way senders that it does not use.
    """
    listed = [word.strip().upper() for word in bridge.countries.split(",") if word.strip()]
    if "*" in listed:
        return None
    used = (number for number in numbers if bridge.one_way or not number.one_way)
    return frozenset(listed or filter(None, (country_of(number.e164) for number in used)))


def quiet_hours(bridge: Bridge) -> Window | None:
    """None without both ends, or if they are the same."""
    starts, ends = bridge.quiet_from, bridge.quiet_until
    return Window(starts, ends) if starts is not None and ends is not None and starts != ends else None


def one_way_end(pool: Pool) -> str:
    """What closes each text that cannot be answered: the pool's own sentence, else ours."""
    return pool.one_way_end.strip() or "(Sent automatically, cannot be answered.)"
