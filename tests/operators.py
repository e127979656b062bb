"""Operators of the admin as tests need them: by password, with an authenticator app, or with few permissions."""

from base64 import b32decode
from typing import Any
from urllib.parse import quote

import time_machine
from django.contrib.auth.models import Permission, User
from django.test import Client
from django_otp.oath import totp

from notifier.entrance import codes
from notifier.entrance.models import Authenticator

PASSWORD = "a password of nobody 4711"
LOGIN, CODE, SET_UP, OVERVIEW = (
    "/admin/login/",
    "/admin/second-factor/code/",
    "/admin/second-factor/set-up/",
    "/admin/second-factor/",
)
NEXT_CODE_SECONDS = 30


def operator(name: str = "ann", **more: Any) -> User:
    return User.objects.create_user(name, password=PASSWORD, is_staff=True, **{"is_superuser": True, **more})


def looker(*permissions: str, name: str = "looker") -> User:
    """Somebody of the staff with these permissions only, such as view_lease; all of viewing without any."""
    user = operator(name, is_superuser=False)
    wanted = Permission.objects.filter(codename__in=permissions)
    user.user_permissions.set(wanted if permissions else Permission.objects.filter(codename__startswith="view_"))
    return user


def with_app(user: User) -> Authenticator:
    """The user's authenticator app, set up and in use."""
    app = codes.begin(user)
    codes.take_into_use(app)
    return app


def shown_by(app: Authenticator) -> str:
    """The code that the app shows now."""
    return f"{totp(b32decode(app.key)):06}"


def wrong_for(app: Authenticator) -> str:
    """A code that is wrong now, and a moment before and after."""
    near = {totp(b32decode(app.key), drift=steps) for steps in range(-3, 4)}
    return next(f"{code:06}" for code in range(10) if code not in near)


def enter_password(client: Client, name: str = "ann", password: str = PASSWORD, **more: Any) -> Any:
    return client.post(LOGIN, {"username": name, "password": password}, **more)


def enter(client: Client, code: str, page: str = CODE, **fields: str) -> Any:
    return client.post(page, {"code": code, **fields})


def logged_in(client: Client, user: User, app: Authenticator, clock: time_machine.Traveller | None = None) -> Client:
    """The client, with both steps done. With a clock, the app then shows a code that was not used yet."""
    client.force_login(user)
    assert lets_in(enter(client, shown_by(app)))
    if clock is not None:
        clock.shift(NEXT_CODE_SECONDS)
    return client


def lets_in(answer: Any, goal: str = "/admin/") -> bool:
    return bool(answer.status_code == 302 and answer.headers["Location"] == goal)


def asks_for_code(answer: Any, goal: str = "/admin/") -> bool:
    return bool(answer.status_code == 302 and answer.headers["Location"] == f"{CODE}?next={quote(goal, safe='')}")
