"""Who a chat user is to us, and for how long we take it for true."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from notifier.services.hooks import live_hooks
from notifier.transport import Exchange
from smsbridge.models import Bridge, Contact
from smsbridge.services.contacts import Person, Unavailable, people
from tests import factories
from tests.notifier import servers
from tests.smsbridge.upstreams import Chat

EVES_PHONE = factories.phone(5)
EVE = {"display_name": "Eve", "phone_number": EVES_PHONE}
NEVER = float("inf")


@pytest.fixture
def exchange() -> Iterator[Exchange[str]]:
    with Exchange[str](connections=8, timeout=2) as exchange:
        yield exchange


def ask(
    bridge: Bridge, exchange: Exchange[str], *users: str, region: str | None = None, deadline: float = NEVER
) -> dict[str, Person | Unavailable]:
    hook = live_hooks()[bridge.hook_id]
    return people(hook, users or ("eve",), region, exchange, deadline=deadline)


def person(found: dict[str, Person | Unavailable], user: str = "eve") -> Person:
    one = found[user]
    assert isinstance(one, Person)
    return one


def test_it_asks_the_platform_and_remembers_the_answer(bridge: Bridge, chat: Chat, exchange: Exchange[str]) -> None:
    chat.identities = {"eve": EVE}
    first, second = ask(bridge, exchange), ask(bridge, exchange)
    assert chat.asked == ["eve"]
    assert person(first) == person(second)
    assert (person(first).name, person(first).phone, person(first).known) == ("Eve", EVES_PHONE, True)
    stored = Contact.objects.get(user_id="eve")
    assert (stored.name, stored.phone, stored.source) == ("Eve", EVES_PHONE, "platform")


def test_it_asks_again_when_what_it_knows_is_too_old(
    bridge: Bridge, chat: Chat, exchange: Exchange[str], settings: Settings
) -> None:
    settings.IDENTITY_CACHE = timedelta(minutes=5)
    chat.identities = {"eve": EVE}
    ask(bridge, exchange)
    Contact.objects.filter(user_id="eve").update(fetched_at=timezone.now() - timedelta(minutes=6))
    chat.identities = {"eve": {**EVE, "display_name": "Eva"}}
    assert person(ask(bridge, exchange)).name == "Eva"
    assert person(ask(bridge, exchange)).name == "Eva"
    assert chat.asked == ["eve", "eve"]


def test_it_asks_every_time_without_a_cache(
    bridge: Bridge, chat: Chat, exchange: Exchange[str], settings: Settings
) -> None:
    settings.IDENTITY_CACHE = timedelta(0)
    chat.identities = {"eve": EVE}
    for _ in range(3):
        ask(bridge, exchange)
    assert chat.asked == ["eve"] * 3
    chat.identities = {"eve": {**EVE, "phone_number": factories.phone(6)}}
    assert person(ask(bridge, exchange)).phone == factories.phone(6)
    assert Contact.objects.get(user_id="eve").phone == factories.phone(6)


def test_what_an_operator_entered_wins_for_ever(bridge: Bridge, chat: Chat, exchange: Exchange[str]) -> None:
    chat.identities = {"ben": EVE}
    Contact.objects.update(fetched_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert person(ask(bridge, exchange, "ben"), "ben").phone == factories.BENS_PHONE
    assert chat.asked == []


def test_it_does_not_know_whom_the_platform_does_not(bridge: Bridge, chat: Chat, exchange: Exchange[str]) -> None:
    assert not person(ask(bridge, exchange)).known
    assert not Contact.objects.filter(user_id="eve").exists()


def test_it_says_who_could_not_be_asked_and_answers_the_others(
    bridge: Bridge, chat: Chat, exchange: Exchange[str]
) -> None:
    chat.identities = {"eve": EVE, "fay": EVE}
    chat.script = [servers.answer(503)]
    found = ask(bridge, exchange, "eve", "fay")
    assert sorted(type(one).__name__ for one in found.values()) == ["Person", "Unavailable"]


def test_it_stops_asking_at_the_deadline(bridge: Bridge, chat: Chat, exchange: Exchange[str]) -> None:
    chat.identities = {f"u{index}": EVE for index in range(400)}
    found = ask(bridge, exchange, *chat.identities, deadline=0.0)
    unavailable = [one for one in found.values() if isinstance(one, Unavailable)]
    assert unavailable
    assert len(found) == 400
    assert exchange.in_flight == 0


def test_it_keeps_a_phone_in_one_form_and_none_that_is_no_phone(
    bridge: Bridge, chat: Chat, exchange: Exchange[str]
) -> None:
    chat.identities = {
        "eve": {**EVE, "phone_number": "(202) 555-0143"},
        "fay": {**EVE, "phone_number": "call me"},
        "gil": {"display_name": "Gil"},
    }
    found = ask(bridge, exchange, "eve", "fay", "gil", region="US")
    assert [person(found, user).phone for user in ("eve", "fay", "gil")] == ["+12025550143", "", ""]


def test_templates_see_custom_fields_and_the_fixed_ones_on_top() -> None:
    values = Person("eve", "Eve", EVES_PHONE, {"team": "blue", "name": "an impostor"}).values
    assert values == {"team": "blue", "name": "Eve", "phone": EVES_PHONE, "user_id": "eve", "id": "eve"}


# A function of the project's own


def use_function(bridge: Bridge, name: str) -> None:
    bridge.hook.identities = "function"
    bridge.hook.identity_function = f"{__name__}.{name}"
    bridge.hook.save()
    factories.forget()


def told(users: list[str]) -> dict[str, Any]:
    return {user: {"name": user.title(), "phone": EVES_PHONE, "vip": True} for user in users if user == "eve"}


def test_a_function_may_tell_who_people_are(bridge: Bridge, exchange: Exchange[str]) -> None:
    use_function(bridge, "told")
    found = ask(bridge, exchange, "eve", "fay")
    assert (person(found).name, person(found).phone) == ("Eve", EVES_PHONE)
    assert person(found).custom == {"vip": True}
    assert not person(found, "fay").known
    assert Contact.objects.get(user_id="eve").source == "function"


def failing(users: list[str]) -> dict[str, Any]:
    raise ConnectionError("the directory is away")


def senseless(users: list[str]) -> Any:
    return 42


@pytest.mark.parametrize("name", ["failing", "senseless", "absent"])
def test_a_function_that_fails_makes_its_people_wait(bridge: Bridge, exchange: Exchange[str], name: str) -> None:
    use_function(bridge, name)
    assert isinstance(ask(bridge, exchange)["eve"], Unavailable)
