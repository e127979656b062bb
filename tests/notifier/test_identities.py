"""Who a chat user is: nobody, what the platform says, or what a project's own function says."""

import sys
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from notifier.models import Hook
from notifier.platforms.base import Done, Identity, Later, No
from notifier.services.hooks import LiveHook, live_hook
from notifier.services.identities import Found, identities
from notifier.transport import Exchange
from notifier.wire import Answer, Failure, Request, Response
from tests.factories import receipts_hook

pytestmark = pytest.mark.django_db


class Canned(Exchange[str]):
    """Answers from memory."""

    def __init__(self, **answers: Answer) -> None:
        super().__init__()
        self.answers, self.asked, self.closed = answers, list[Request](), False

    def all(self, requests: Any, *, window: int) -> Iterator[tuple[str, Answer]]:
        for user, request in requests:
            self.asked.append(request)
            yield user, self.answers[user]

    def close(self) -> None:
        self.closed = True
        super().close()


def live(**fields: Any) -> LiveHook:
    hook = live_hook(receipts_hook(**fields).slug)
    assert hook
    return hook


def who(hook: LiveHook, *users: str, exchange: Exchange[str] | None = None, seconds: float = 60.0) -> Found:
    return identities(hook, users, exchange or Canned(), deadline=time.monotonic() + seconds)


def test_switched_off_nobody_is_known() -> None:
    assert who(live(identities=Hook.Identities.OFF), "ben") == {"ben": Done(None)}


def test_of_our_own_contacts_whoever_is_asked_about_is_not_among_them() -> None:
    assert who(live(identities=Hook.Identities.DIRECTORY), "ben") == {"ben": Done(None)}


def test_the_platform_is_asked_for_each_user() -> None:
    exchange = Canned(
        ben=Response(200, {}, b'{"display_name": "Ben", "phone_number": "+15550001111"}'),
        cid=Response(404, {}, b"{}"),
        dan=Failure(True, "time-out"),
    )
    found = who(live(), "ben", "cid", "dan", exchange=exchange)
    assert isinstance(found["ben"], Done)
    assert found["ben"].value
    assert (found["ben"].value.name, found["ben"].value.phone) == ("Ben", "+15550001111")
    assert found["cid"] == Done(None)
    assert isinstance(found["dan"], Later)
    assert len(exchange.asked) == 3


def test_who_has_no_answer_in_time_is_left_out() -> None:
    ben = Response(200, {}, b'{"display_name": "Ben"}')
    exchange = Canned(ben=ben, cid=ben)
    assert list(who(live(), "ben", "cid", exchange=exchange, seconds=-1.0)) == ["ben"]
    assert exchange.closed


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of a project's own."""
    module = ModuleType("shop_people")
    monkeypatch.setitem(sys.modules, "shop_people", module)
    return module


def by_function(people: ModuleType, function: Any, *users: str) -> Found:
    people.identities = function  # type: ignore[attr-defined]
    hook = live(identities=Hook.Identities.FUNCTION, identity_function="shop_people.identities")
    return who(hook, *users)


def test_a_function_answers_for_all_at_once(people: ModuleType) -> None:
    asked: list[list[str]] = []

    def identities(users: list[str]) -> dict[str, Any]:
        asked.append(users)
        return {"ben": {"name": "Ben", "phone": 15550001111, "city": "Bern"}, "cid": None}

    found = by_function(people, identities, "ben", "cid", "dan")
    ben = Identity(user_id="ben", name="Ben", phone="15550001111", custom={"city": "Bern"})
    assert found == {"ben": Done(ben), "cid": Done(None), "dan": Done(None)}
    assert asked == [["ben", "cid", "dan"]]


class Clock:
    """The monotonic clock, which moves only when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(("pace", "told"), [(0.001, 100), (0.5, 16), (3.0, 4)])
def test_a_slow_function_is_asked_about_as_many_as_there_is_time_for(
    people: ModuleType, monkeypatch: pytest.MonkeyPatch, pace: float, told: int
) -> None:
    """`pace`: seconds that it takes for each. There are 8 s, a claim lasts 15."""
    clock = Clock()
    monkeypatch.setattr("notifier.services.identities.time", clock)

    def slow(users: list[str]) -> dict[str, Any]:
        clock.now += pace * len(users)
        return dict.fromkeys(users)

    people.identities = slow  # type: ignore[attr-defined]
    hook = live(identities=Hook.Identities.FUNCTION, identity_function="shop_people.identities")
    found = identities(hook, [f"u{number}" for number in range(100)], Canned(), deadline=8.0)
    assert len(found) == told
    assert clock.now <= 12.0


def test_a_function_may_return_identities(people: ModuleType) -> None:
    ben = Identity(user_id="ben", name="Ben", phone="+15550001111", custom={"city": "Bern"})
    assert by_function(people, lambda users: {"ben": ben}, "ben") == {"ben": Done(ben)}


def test_without_a_name_the_user_id_stands_for_it(people: ModuleType) -> None:
    found = by_function(people, lambda users: {"ben": {"phone": "+15550001111"}}, "ben")
    assert found["ben"] == Done(Identity(user_id="ben", name="ben", phone="+15550001111"))


def test_what_no_database_holds_is_cleaned(people: ModuleType) -> None:
    found = by_function(people, lambda users: {"ben": {"name": "B\0en", "city": "Ber\0n"}}, "ben")
    assert found["ben"] == Done(Identity(user_id="ben", name="Ben", custom={"city": "Bern"}))


@pytest.mark.parametrize("told", ["Ben", 7, ["Ben"], {"born": object()}, {"score": float("nan")}])
def test_another_form_is_refused_for_that_user_alone(people: ModuleType, told: Any) -> None:
    found = by_function(people, lambda users: {"ben": told, "cid": {"name": "Cid"}}, "ben", "cid")
    assert isinstance(found["ben"], No)
    assert "shop_people.identities" in found["ben"].reason
    assert found["cid"] == Done(Identity(user_id="cid", name="Cid"))


@pytest.mark.parametrize("told", [None, [], "Ben"])
def test_something_else_than_a_mapping_is_asked_for_again(people: ModuleType, told: Any) -> None:
    assert isinstance(by_function(people, lambda users: told, "ben")["ben"], Later)


@pytest.mark.parametrize("error", [ValueError("+15550001111"), ImportError("+15550001111"), SystemExit(3)])
def test_a_function_that_raises_is_asked_again(people: ModuleType, error: BaseException) -> None:
    def identities(users: list[str]) -> dict[str, Any]:
        raise error

    assert by_function(people, identities, "ben") == {
        "ben": Later(f"shop_people.identities raised {type(error).__name__}")
    }


def test_a_function_that_is_not_there_is_refused() -> None:
    hook = live(identities=Hook.Identities.FUNCTION, identity_function="shop_people.nowhere")
    found = who(hook, "ben")["ben"]
    assert isinstance(found, No)
    assert "cannot be imported" in found.reason
