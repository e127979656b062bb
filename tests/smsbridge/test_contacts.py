"""Who a chat user is to us, and for how long we take it for true."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from notifier.models import Rule
from notifier.platforms.base import Done, Identity
from notifier.services.hooks import live_hooks
from notifier.services.identities import Found
from notifier.transport import Exchange
from smsbridge.models import Bridge, Contact
from smsbridge.services import contacts
from smsbridge.services.contacts import Person, Unavailable, people, phone_in
from tests import factories
from tests.notifier import servers
from tests.smsbridge.asked import Asked, AskedPlatform, use
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


@pytest.mark.parametrize("source", ["admin", "import"])
def test_what_was_entered_here_wins_for_ever(bridge: Bridge, chat: Chat, exchange: Exchange[str], source: str) -> None:
    chat.identities = {"ben": EVE}
    Contact.objects.update(source=source, fetched_at=datetime(2020, 1, 1, tzinfo=UTC))
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


@pytest.mark.parametrize("source", ["admin", "import"])
def test_an_answer_of_the_platform_does_not_overwrite_what_was_entered_meanwhile(
    bridge: Bridge, exchange: Exchange[str], source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def entered_meanwhile(*_: object, **__: object) -> Found:
        factories.contact(bridge.hook.chat_app, "eve", factories.phone(7), source=source)
        return {"eve": Done(Identity(user_id="eve", name="Other", phone=EVES_PHONE))}

    monkeypatch.setattr(contacts, "identities", entered_meanwhile)
    ask(bridge, exchange)
    kept = Contact.objects.get(user_id="eve")
    assert (kept.name, kept.phone, kept.source) == ("Eve", factories.phone(7), source)


def test_everything_that_was_told_is_stored_and_changed(
    bridge: Bridge, chat: Chat, exchange: Exchange[str], settings: Settings
) -> None:
    settings.IDENTITY_CACHE = timedelta(0)
    for team in ("blue", "réd 😀"):
        chat.identities = {"eve": {**EVE, "metadata": {"team": team, "timezone": "Europe/Zurich"}}}
        ask(bridge, exchange)
        stored = Contact.objects.get(user_id="eve")
        assert stored.custom["metadata"] == {"team": team, "timezone": "Europe/Zurich"}
        assert stored.time_zone == "Europe/Zurich"
        assert abs(stored.fetched_at - timezone.now()) < timedelta(seconds=30)


def test_a_platform_may_take_several_requests_to_tell_who_somebody_is(
    bridge: Bridge, exchange: Exchange[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Asked() as asked:
        use(bridge, monkeypatch, AskedPlatform, asked.url)
        asked.identities = {"eve": {"display_name": "E."}, "eve-phone": EVE}
        found = ask(bridge, exchange, "eve", "fay")
    assert (person(found).name, person(found).phone) == ("Eve", EVES_PHONE)
    assert not person(found, "fay").known
    assert sorted(asked.asked) == ["eve", "eve-phone", "fay"]


def test_one_that_does_not_tell_in_time_is_asked_later(
    bridge: Bridge, exchange: Exchange[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Asked() as asked:
        use(bridge, monkeypatch, AskedPlatform, asked.url)
        asked.script = [servers.hang]
        slow = ask(bridge, exchange, deadline=time.monotonic() + 0.1)["eve"]
        late = ask(bridge, exchange, deadline=time.monotonic() - 1)["eve"]
    assert isinstance(slow, Unavailable)
    assert isinstance(late, Unavailable)
    assert (slow.asked, late.asked, len(asked.requests)) == (True, False, 1)


# Our own contacts as the source


def use_directory(bridge: Bridge) -> None:
    bridge.hook.identities = "directory"
    bridge.hook.save()
    factories.forget()


@pytest.mark.parametrize("source", ["admin", "import", "platform", "function"])
def test_a_directory_never_grows_stale(bridge: Bridge, chat: Chat, exchange: Exchange[str], source: str) -> None:
    use_directory(bridge)
    Contact.objects.update(source=source, fetched_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert person(ask(bridge, exchange, "ben"), "ben").phone == factories.BENS_PHONE
    assert chat.asked == []


def test_who_is_not_in_the_directory_is_not_known(bridge: Bridge, chat: Chat, exchange: Exchange[str]) -> None:
    use_directory(bridge)
    chat.identities = {"eve": EVE}
    assert not person(ask(bridge, exchange)).known
    assert chat.asked == []


def name_in_a_rule(bridge: Bridge, phone: str) -> Rule:
    app = bridge.hook.chat_app
    return Rule.objects.create(chat_app=app, name="all", recipients=Rule.Recipients.PHONES, phones=[phone])


def test_a_phone_of_a_rule_stands_for_itself(bridge: Bridge, exchange: Exchange[str]) -> None:
    use_directory(bridge)
    name_in_a_rule(bridge, EVES_PHONE)
    user = f"tel:{EVES_PHONE}"
    assert person(ask(bridge, exchange, user), user) == Person(user, EVES_PHONE, EVES_PHONE)
    assert not Contact.objects.filter(user_id=user).exists()
    factories.contact(bridge.hook.chat_app, user, EVES_PHONE, name="Eve")
    assert person(ask(bridge, exchange, user), user).name == "Eve"


def test_a_phone_that_nobody_can_have_is_none(bridge: Bridge, exchange: Exchange[str]) -> None:
    use_directory(bridge)
    name_in_a_rule(bridge, "+1234567")
    found = person(ask(bridge, exchange, "tel:+1234567"), "tel:+1234567")
    assert (found.known, found.phone) == (True, "")


@pytest.mark.parametrize(
    "user",
    ["tel:+1-202-555-0100", "tel:2025550100;phone-context=+1", "TEL:+12025550100", "tel:+12025550100 ", "+12025550100"],
)
def test_any_other_form_is_a_user_like_others(bridge: Bridge, exchange: Exchange[str], user: str) -> None:
    use_directory(bridge)
    assert phone_in(user) == ""
    assert not person(ask(bridge, exchange, user), user).known


@pytest.mark.parametrize("source", ["platform", "directory", "off"])
def test_only_a_rule_can_name_a_phone(bridge: Bridge, chat: Chat, exchange: Exchange[str], source: str) -> None:
    """People may choose their user ids: nobody must have others texted by it."""
    bridge.hook.identities = source
    bridge.hook.save()
    factories.forget()
    chosen, named = f"tel:{factories.phone(6)}", f"tel:{EVES_PHONE}"
    rule = name_in_a_rule(bridge, EVES_PHONE)
    found = ask(bridge, exchange, chosen, named)
    assert not person(found, chosen).known
    assert person(found, named).phone == EVES_PHONE
    rule.enabled = False
    rule.save()
    assert not person(ask(bridge, exchange, named), named).known


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
