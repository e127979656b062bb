"""Locking out who guesses: how failures are counted, who is spared, and the page that says so.

Three counts of wrong passwords and codes within AXES_COOLOFF_TIME close the door before a password is even looked at:
10 for one user from one address; 50 from one address, whoever was tried; 100 for one user from anywhere. The last two
could be used to keep somebody out, so a browser that once got in with this user's name is spared them: it carries a
signed cookie (the "device cookie" of OWASP's page on slowing down guesses) and is held to the first count alone.
"""

from datetime import timedelta
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import salted_hmac

from notifier.durations import describe_duration
from notifier.entrance import client

FROM_ONE_ADDRESS = 50
FOR_ONE_USER = 100
COOKIE = "known_browser"
COOKIE_AGE = timedelta(days=90)
_SALT = "entrance.known-browser"


class Handler(AxesDatabaseHandler):
    """Counts wider than axes' own, for all but known browsers."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Failures on the scale of AXES_FAILURE_LIMIT: that many or more lock out."""
        here = int(super().get_failures(request, credentials))
        name = recorded_name(request, credentials)
        if _is_known(request, name):
            return here
        too_many = (
            _count(ip_address=client.address(request)) >= FROM_ONE_ADDRESS or _count(username=name) >= FOR_ONE_USER
        )
        return max(here, settings.AXES_FAILURE_LIMIT) if too_many else here


def recorded_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str | None:
    """The name under which a failure is counted: a user's own, else a cipher, as people type passwords there too."""
    typed = (credentials or {}).get("username") or request.POST.get("username")
    if not typed or User.objects.filter(username=typed).exists():
        return typed
    return f"nobody-{salted_hmac('entrance.name', typed, algorithm='sha256').hexdigest()[:12]}"


def is_open(request: HttpRequest, user: Any) -> bool:
    """Whether this visitor may still try codes for this user."""
    return bool(AxesProxyHandler.is_allowed(request, {"username": user.get_username()}))


def count_wrong_code(request: HttpRequest, user: Any) -> None:
    """A wrong code counts as a wrong password does, and is in the list of failed logins with the page it was for."""
    user_login_failed.send(__name__, credentials={"username": user.get_username()}, request=request)


def welcome(request: HttpRequest, response: HttpResponse) -> None:
    """After the last step of a login: his failures from here are forgiven, and his browser is known."""
    name = request.user.get_username()
    AxesProxyHandler.reset_attempts(username=name, ip_address=client.address(request))
    response.set_signed_cookie(
        COOKIE,
        _mark(name),
        salt=_SALT,
        max_age=COOKIE_AGE,
        httponly=True,
        samesite="Strict",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def page(request: HttpRequest, response: HttpResponse | None = None, credentials: Any = None) -> HttpResponse:
    """What somebody sees who is locked out, in place of whatever would have been answered."""
    wait = settings.AXES_COOLOFF_TIME
    context = {**admin.site.each_context(request), "title": "Locked out", "wait": describe_duration(wait)}
    told = render(request, "entrance/locked.html", context, status=settings.AXES_HTTP_RESPONSE_CODE)
    told["Retry-After"] = str(int(wait.total_seconds()))
    return told


def _is_known(request: HttpRequest, name: str | None) -> bool:
    mark = request.get_signed_cookie(COOKIE, None, salt=_SALT, max_age=COOKIE_AGE)
    return name is not None and mark == _mark(name)


def _mark(name: str) -> str:
    return salted_hmac(_SALT, name, algorithm="sha256").hexdigest()


def _count(**who: str | None) -> int:
    recent = AccessAttempt.objects.filter(attempt_time__gt=timezone.now() - settings.AXES_COOLOFF_TIME, **who)
    return recent.aggregate(total=Sum("failures_since_start"))["total"] or 0
