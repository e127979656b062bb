"""Somebody who may enter the demo's admin."""

import secrets
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth import get_user_model

NAME = "admin"


@dataclass(frozen=True, slots=True)
class Operator:
    name: str
    password: str


def make_operator(*, guessable: bool) -> Operator | None:
    """A superuser where there is no user yet, and only in debug mode; None where somebody is there already.

    With `guessable` the password is the name. That is for what only this machine reaches and what ends with the demo;
    a public address, or a database that may serve something else later, gets a random password.
    """
    users = get_user_model()._default_manager
    if not settings.DEBUG:
        return None
    if users.exists():
        known = users.filter(username=NAME).first() if guessable else None
        return Operator(NAME, NAME) if known is not None and known.check_password(NAME) else None
    password = NAME if guessable else secrets.token_urlsafe(9)
    get_user_model().objects.create_superuser(NAME, password=password)
    return Operator(NAME, password)
