"""The admin's entrance over HTTP, as it is behind one proxy."""

import pytest
import requests
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password

from tests.processes import Processes

pytestmark = pytest.mark.once  # it is about processes, which are the same on any database

PASSWORD = "a password of nobody 4711"
OPERATOR, STRANGER = "198.51.100.7", "203.0.113.9"


@pytest.mark.once
def test_who_forges_addresses_is_locked_out_and_keeps_no_operator_out(processes: Processes) -> None:
    processes.web(TRUSTED_PROXIES="1", ADMIN_SECOND_FACTOR="on")
    password = make_password(PASSWORD, hasher="pbkdf2_sha256")  # the tests' own is unknown to the server
    get_user_model().objects.create(username="ann", password=password, is_staff=True)
    login = f"{processes.url}/admin/login/"

    def enter(password: str, forwarded: str) -> requests.Response:
        browser = requests.Session()
        fields = {
            "username": "ann",
            "password": password,
            "csrfmiddlewaretoken": browser.get(login).cookies["csrftoken"],
        }
        return browser.post(login, fields, headers={"X-Forwarded-For": forwarded}, timeout=20)

    guesses = [enter("a guess", f"{OPERATOR}, 192.0.2.{number}, {STRANGER}") for number in range(10)]
    assert [guess.status_code for guess in guesses] == [200] * 9 + [429]
    assert enter(PASSWORD, STRANGER).status_code == 429
    assert enter(PASSWORD, OPERATOR).url == f"{processes.url}/admin/second-factor/set-up/?next=%2Fadmin%2F"
