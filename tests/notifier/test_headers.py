"""What pages tell browsers, and what cookies and addresses they are served with."""

import subprocess
import sys
from http.cookies import Morsel
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from config import env
from tests.operators import LOGIN, enter_password, operator
from tests.processes import ROOT

PRODUCTION = {
    "ENV_FILE": "",
    "SECRET_KEY": "only-for-this-test-5d7e2a4f608b9d1e3c5a7f2b4d3f9b1c",
    "ALLOWED_HOSTS": "sms.example.com",
    "PUBLIC_URL": "https://sms.example.com",
    "DATABASE_URL": "sqlite://:memory:",
    "CELERY_BROKER_URL": "memory://",
}
TELL = """
import django
django.setup()
from django.conf import settings
from django.urls import reverse
print(reverse("admin:index"), settings.ADMIN_SECOND_FACTOR, settings.TRUSTED_PROXIES, settings.SESSION_COOKIE_SECURE)
"""


def told_in_production(**variables: str) -> list[str]:
    """The admin's address, its second factor, trusted proxies and secure cookies, as another process has them."""
    environment = {**PRODUCTION, "DJANGO_SETTINGS_MODULE": "config.settings", **variables}
    run = subprocess.run([sys.executable, "-c", TELL], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


@pytest.mark.django_db
@pytest.mark.parametrize("page", [LOGIN, "/admin/", "/no-such-page"])
def test_every_page_tells_browsers_what_to_refuse(client: Client, page: str) -> None:
    headers = client.get(page).headers
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["X-Robots-Tag"] == "noindex, nofollow"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    for name in ("Referrer-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy"):
        assert headers[name] == "same-origin"


@pytest.mark.django_db
def test_scripts_forms_and_pictures_come_from_here_only(client: Client) -> None:
    policy = client.get(LOGIN).headers["Content-Security-Policy"]
    directives = {name: values for name, *values in map(str.split, policy.split(";"))}
    assert directives["default-src"] == directives["form-action"] == ["'self'"]
    assert directives["script-src"] == ["'self'", "'unsafe-eval'"]
    assert directives["object-src"] == directives["base-uri"] == directives["frame-ancestors"] == ["'none'"]


@pytest.mark.django_db
def test_a_session_lasts_half_a_day_and_is_no_business_of_scripts(client: Client) -> None:
    operator()
    enter_password(client)
    session: Morsel[Any] = client.cookies["sessionid"]
    assert (session["max-age"], session["httponly"], session["samesite"]) == (12 * 3600, True, "Lax")


def test_in_production_the_admin_is_guarded_by_default() -> None:
    assert told_in_production() == ["/admin/", "True", "1", "True"]


def test_the_admin_lives_where_it_is_told_to() -> None:
    told = told_in_production(ADMIN_PATH="/back/office-7", TRUSTED_PROXIES="2", ADMIN_SECOND_FACTOR="off")
    assert told == ["/back/office-7/", "False", "2", "True"]


@pytest.mark.parametrize("value", ["/", "ad min", "webhooks/admin", "metrics", "a//b", "<int:x>"])
def test_it_cannot_live_where_something_else_does(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ADMIN_PATH", value)
    with pytest.raises(ImproperlyConfigured, match="ADMIN_PATH"):
        env.path("ADMIN_PATH", "admin/")
