"""Who guesses passwords is locked out, whatever addresses he claims, and keeps nobody else out."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client, RequestFactory

from notifier.entrance import lockout
from notifier.entrance.client import address
from tests.operators import PASSWORD, enter_password, lets_in, operator

pytestmark = pytest.mark.django_db

GUESS = "a guess"
HOME, ELSEWHERE = "198.51.100.7", "203.0.113.9"


@pytest.fixture(autouse=True)
def _behind_one_proxy(settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-03-01T10:00:00Z", tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def ann() -> User:
    return operator()


def guess(name: str = "ann", *, of: str = ELSEWHERE, client: Client | None = None, password: str = GUESS) -> Any:
    """A try to log in whose X-Forwarded-For ends in the address that our proxy saw."""
    return enter_password(client or Client(), name, password, headers={"X-Forwarded-For": of})


def is_locked(answer: Any) -> bool:
    return bool(answer.status_code == 429)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "seen"),
    [
        (0, "192.0.2.1", "10.0.0.1"),
        (1, "", "10.0.0.1"),
        (1, "192.0.2.1", "192.0.2.1"),
        (1, "6.6.6.6, 192.0.2.1", "192.0.2.1"),
        (1, "6.6.6.6,192.0.2.1:4711", "192.0.2.1"),
        (2, "6.6.6.6, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
        (2, "192.0.2.1", "10.0.0.1"),
        (1, "6.6.6.6, unknown", "10.0.0.1"),
        (1, "::ffff:192.0.2.1", "192.0.2.1"),
        (1, "2001:db8:1:2:aaaa:bbbb:cccc:dddd", "2001:db8:1:2::"),
        (1, "[2001:db8:1:2::5]:4711", "2001:db8:1:2::"),
    ],
)
def test_the_address_is_what_the_outermost_proxy_of_ours_saw(
    settings: Any, proxies: int, forwarded: str, seen: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded else None
    assert address(RequestFactory().get("/", headers=headers, REMOTE_ADDR="10.0.0.1")) == seen


def test_a_socket_without_an_address_has_none() -> None:
    assert address(RequestFactory().get("/", REMOTE_ADDR="unix:")) is None


def test_ten_wrong_passwords_lock_out_even_the_right_one_and_say_so() -> None:
    assert [is_locked(guess()) for _ in range(10)] == [False] * 9 + [True]
    answer = guess(password=PASSWORD)
    assert is_locked(answer)
    assert "Too many wrong passwords" in answer.content.decode()
    assert "axes_reset_username" in answer.content.decode()


def test_who_claims_other_addresses_is_locked_out_all_the_same() -> None:
    tries = [is_locked(guess(of=f"192.0.2.{number}, {ELSEWHERE}")) for number in range(12)]
    assert tries[-1]


def test_others_are_not_locked_out() -> None:
    operator("bob")
    for _ in range(10):
        guess()
    assert lets_in(guess(of=HOME, password=PASSWORD))
    assert lets_in(guess("bob", password=PASSWORD))


def test_it_ends_after_an_hour_even_if_somebody_goes_on_trying(clock: time_machine.Traveller) -> None:
    for _ in range(10):
        guess()
    for _ in range(4):
        clock.shift(timedelta(minutes=14))
        assert is_locked(guess())
    clock.shift(timedelta(minutes=5))
    assert lets_in(guess(password=PASSWORD))


def test_the_command_ends_it() -> None:
    for _ in range(10):
        guess()
    call_command("axes_reset_username", "ann", verbosity=0)
    assert lets_in(guess(password=PASSWORD))


def test_a_login_forgives_what_was_mistyped_before_it() -> None:
    for _ in range(3):
        for _ in range(9):
            guess()
        assert lets_in(guess(password=PASSWORD))


def test_guesses_at_one_user_from_many_addresses_lock_out_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockout, "FOR_ONE_USER", 20)
    for number in range(20):
        guess(of=f"192.0.2.{number}")
    assert is_locked(guess(of=HOME, password=PASSWORD))


def test_but_not_the_browser_that_once_got_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockout, "FOR_ONE_USER", 20)
    hers = Client()
    assert lets_in(guess(of=HOME, client=hers, password=PASSWORD))
    hers.post("/admin/logout/")
    for number in range(20):
        guess(of=f"192.0.2.{number}")
    assert lets_in(guess(of=HOME, client=hers, password=PASSWORD))
    assert [is_locked(guess(of=ELSEWHERE, client=hers)) for _ in range(10)][-1]


@pytest.mark.parametrize("forged", ["ann", "ann:1:made-up"])
def test_a_browser_cannot_claim_to_have_got_in(monkeypatch: pytest.MonkeyPatch, forged: str) -> None:
    monkeypatch.setattr(lockout, "FOR_ONE_USER", 5)
    for number in range(5):
        guess(of=f"192.0.2.{number}")
    his = Client()
    his.cookies[lockout.COOKIE] = forged
    assert is_locked(guess(of=HOME, client=his, password=PASSWORD))


def test_the_browser_of_one_user_is_not_that_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockout, "FOR_ONE_USER", 5)
    operator("bob")
    his = Client()
    assert lets_in(guess("bob", of=HOME, client=his, password=PASSWORD))
    for number in range(5):
        guess(of=f"192.0.2.{number}")
    assert is_locked(guess(of=HOME, client=his, password=PASSWORD))


def test_one_address_that_tries_many_users_is_locked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockout, "FROM_ONE_ADDRESS", 15)
    for number in range(15):
        guess(f"user-{number}")
    assert is_locked(guess(password=PASSWORD))
    assert lets_in(guess(of=HOME, password=PASSWORD))


def test_users_who_exist_and_who_do_not_are_answered_alike() -> None:
    tries = {name: [guess(name, of=HOME) for _ in range(11)] for name in ("ann", "nobody-at-all")}
    assert len({str([one.status_code for one in answers]) for answers in tries.values()}) == 1


def test_logins_and_failures_are_in_the_lists_without_passwords() -> None:
    guess(of=HOME, password="a guess that nobody may see")
    guess(of=HOME, password=PASSWORD)
    failed, login = AccessFailureLog.objects.get(), AccessLog.objects.get()
    assert (failed.username, failed.ip_address, login.username, login.ip_address) == ("ann", HOME, "ann", HOME)
    assert "nobody may see" not in str(list(AccessAttempt.objects.values()))


def test_a_password_in_the_field_of_the_name_is_not_kept() -> None:
    guess(PASSWORD)
    kept = str([*AccessAttempt.objects.values(), *AccessFailureLog.objects.values()])
    assert PASSWORD not in kept
    assert re.search(r"nobody-[0-9a-f]{12}", kept)
