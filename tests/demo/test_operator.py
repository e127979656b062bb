"""Who may enter the demo's admin, with which password."""

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.test import RequestFactory
from pytest_django import Settings

from smsbridge.demo.operator import NAME, Operator, make_operator

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture(autouse=True)
def _in_debug_mode(settings: Settings) -> None:
    settings.DEBUG = True


def may_enter(operator: Operator) -> bool:
    request = RequestFactory().post("/admin/login/")
    user = authenticate(request, username=operator.name, password=operator.password)
    return user is not None and user.is_superuser


def test_on_one_machine_the_password_is_easy() -> None:
    operator = make_operator(guessable=True)
    assert operator == Operator("admin", "admin")
    assert may_enter(operator)


def test_elsewhere_it_cannot_be_guessed() -> None:
    operator = make_operator(guessable=False)
    assert operator is not None
    assert len(operator.password) >= 12
    assert may_enter(operator)


def test_a_kept_demo_knows_its_operator_again() -> None:
    assert make_operator(guessable=True) == make_operator(guessable=True)


def test_where_somebody_is_in_charge_nobody_is_added() -> None:
    get_user_model().objects.create_user("boss", password="a password of his own")
    assert make_operator(guessable=True) is None
    assert make_operator(guessable=False) is None
    assert not get_user_model().objects.filter(username=NAME).exists()


def test_outside_debug_mode_nobody_is_added(settings: Settings) -> None:
    settings.DEBUG = False
    assert make_operator(guessable=True) is None
