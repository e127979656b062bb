"""Typed readers of environment variables, on top of django-environ.

Each raises ImproperlyConfigured with one sentence that names the variable and the remedy, so that a wrong value
stops the start instead of surfacing later. Values are quoted back only where they cannot be secrets.
"""

import re
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from notifier.durations import InvalidDuration, parse_duration, positive_duration

TAKEN_PATHS = ("webhooks", "media", "simulator", "static", "healthz", "readyz", "metrics")

environment = environ.Env()


def refuse(name: str, remedy: str) -> ImproperlyConfigured:
    """The error for a variable, for the caller to raise."""
    return ImproperlyConfigured(f"{name} {remedy}")


def text(name: str, default: str = "") -> str:
    """The value without surrounding blanks; an empty variable counts as absent.

    Read as it stands: `Env.str` would take a secret that begins with "$" for the name of another variable.
    """
    return str(environment.ENVIRON.get(name, "")).strip() or default


def required(name: str, remedy: str) -> str:
    """A value that must be there."""
    value = text(name)
    if not value:
        raise refuse(name, f"is not set: {remedy}")
    return value


def listed(name: str, default: Iterable[str] = ()) -> list[str]:
    """Comma-separated values; blanks around them and empty ones are dropped."""
    return [item.strip() for item in text(name).split(",") if item.strip()] or list(default)


def switch(name: str, default: bool) -> bool:
    value = text(name).lower()
    if value in ("", *environ.Env.BOOLEAN_TRUE_STRINGS):
        return bool(value) or default
    if value in ("false", "off", "no", "n", "0"):
        return False
    raise refuse(name, f"is {value!r}, which is neither on nor off: set it to on or off")


def choice(name: str, default: str, allowed: Iterable[str]) -> str:
    """One of a few words, compared in lower case."""
    value = text(name, default).lower()
    known = list(allowed)
    if value not in known:
        raise refuse(name, f"is {value!r}: set it to one of {', '.join(known)}")
    return value


def choices(name: str, default: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """Several of a few words, comma-separated, compared in lower case."""
    values, known = [value.lower() for value in listed(name, default)], list(allowed)
    for value in values:
        if value not in known:
            raise refuse(name, f"contains {value!r}: use only {', '.join(known)}, separated by commas")
    return values


def whole(name: str, default: int, least: int = 1) -> int:
    """A whole number that is at least `least`."""
    value = text(name, str(default))
    if not value.isdecimal() or int(value) < least:
        raise refuse(name, f"is {value!r}: set it to a whole number of at least {least}, such as {default}")
    return int(value)


def limit(name: str) -> int | None:
    """A whole number above 0; None when absent or off."""
    value = text(name).lower()
    if value in ("", "off"):
        return None
    if not value.isdecimal() or not 0 < int(value) < 2**31:
        raise refuse(name, f"is {value!r}: set it to a whole number of at least 1, or to off")
    return int(value)


def hours(name: str) -> tuple[time, time] | None:
    """A stretch of the day such as 21:00-08:00, over midnight when it ends before it begins; None when off."""
    value = text(name).lower()
    if value in ("", "off"):
        return None
    try:
        starts, ends = (datetime.strptime(clock.strip(), "%H:%M").time() for clock in value.split("-"))  # noqa: DTZ007
    except ValueError:
        raise refuse(name, f"is {value!r}: write it like 21:00-08:00, or off") from None
    if starts == ends:
        raise refuse(name, f"is {value!r}, which never ends: write it like 21:00-08:00, or off")
    return starts, ends


def seconds(name: str, default: float) -> float:
    """A plain positive number of seconds, as the names ending in _SECONDS promise."""
    value = text(name, str(default))
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < 10**9:
        raise refuse(name, f"is {value!r}: set it to a number of seconds above 0, such as {default:g}")
    return number


def duration(name: str, default: str, zero: bool = False) -> timedelta:
    """A duration ("10 minutes", "1 week", a bare number of milliseconds); 0 only where `zero` allows it."""
    try:
        return (parse_duration if zero else positive_duration)(text(name, default))
    except InvalidDuration as error:
        raise refuse(name, f"cannot be used: {error}") from error


def path(name: str, default: str) -> str:
    """Where something lives below the service's own address, with a slash at its end and none at its start."""
    value = text(name, default).strip("/")
    if not re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", value):
        raise refuse(name, "cannot be used: write it like admin/, with letters, digits, hyphens and slashes")
    if value.partition("/")[0] in TAKEN_PATHS:
        raise refuse(name, f"is taken: these serve something else: {', '.join(TAKEN_PATHS)}")
    return f"{value}/"


def base_url(name: str, default: str = "") -> str:
    """An http or https address without a query and without the slash at its end; "" when absent."""
    value = text(name, default).rstrip("/")
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
        right = right and not parts.username and not parts.password and parts.port != 0
    except ValueError:
        right = False
    if value and not right:
        raise refuse(name, "is not a base address: write it like https://sms.example.com, without query or credentials")
    return value
