"""Who a chat user is: off, from the platform, by a function named in the hook, or by our own contacts alone.

A function of a project's own takes a list of user ids and returns a mapping of user id to an `Identity`, to a
mapping with `name`, `phone` and whatever else templates may use, or to None for somebody it does not know.
It is called with a few first, and then with as many as it seems to have time for.
"""

import json
import time
from asyncio import CancelledError
from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from notifier.models import Hook
from notifier.platforms.base import Done, Identity, Later, No, Platform, Reading
from notifier.services.hooks import LiveHook
from notifier.services.steps import follow_all
from notifier.texts import clean_json
from notifier.transport import Exchange
from notifier.wire import Unreadable

Found = dict[str, Reading[Identity | None]]

_FIRST = 4
#: the last three end no more than the function that raises them: signals reach the main thread only
_FAILURES = (Exception, SystemExit, GeneratorExit, CancelledError)


def identities(hook: LiveHook, users: Collection[str], exchange: Exchange[str], *, deadline: float) -> Found:
    """What the hook's source says of each user. No transaction may be open: it may call the platform.

    `deadline` is a moment of the monotonic clock; who has no answer then is left out. Of a directory, which is kept
    elsewhere, whoever is asked about is not in it.
    """
    if hook.identities in (Hook.Identities.OFF, Hook.Identities.DIRECTORY):
        return {user: Done(None) for user in users}
    if hook.identities == Hook.Identities.FUNCTION:
        return _from_function(hook.identity_function, list(users), deadline)
    if type(hook.platform).identity_steps is not Platform.identity_steps:
        return _in_steps(hook.platform, users, exchange, deadline)
    return _at_once(hook.platform, users, exchange, deadline)


def _at_once(platform: Platform, users: Collection[str], exchange: Exchange[str], deadline: float) -> Found:
    """By one request each. Somebody always has an answer."""
    asked = ((user, platform.identity_request(user)) for user in users)
    found: Found = {}
    for user, answer in exchange.all(asked, window=settings.CONNECTIONS_PER_STAGE):
        found[user] = platform.identity(user, answer)
        if time.monotonic() > deadline:
            exchange.close()  # what is still in flight must not come back among the answers of the next batch
            break
    return found


def _in_steps(platform: Platform, users: Collection[str], exchange: Exchange[str], deadline: float) -> Found:
    """By as many requests as each takes. Where all the time was not enough for one person, that is a try."""
    if not users or time.monotonic() > deadline:
        return {}
    series = {user: platform.identity_steps(user) for user in users}
    found = follow_all(series, exchange, window=settings.CONNECTIONS_PER_STAGE, deadline=deadline)
    return dict(found) or {user: Later("the platform did not say in time who this is") for user in users}


def _from_function(path: str, users: list[str], deadline: float) -> Found:
    try:
        function = import_string(path)
    except ImportError:
        return {user: No(f"The identity function {path} cannot be imported; correct it in the hook.") for user in users}
    found: Found = {}
    size = _FIRST
    while users and (not found or time.monotonic() < deadline):
        some, users = users[:size], users[size:]
        began = time.monotonic()
        found |= _call(path, function, some)
        size = _fitting(len(some), began, deadline)
    return found


def _fitting(asked: int, began: float, deadline: float) -> int:
    """How many it can tell of in the time that is left, at the pace of the last call."""
    now = time.monotonic()
    pace = max(now - began, 1e-6) / asked
    return max(1, int(min(deadline - now, 1e3) / pace))


def _call(path: str, function: Callable[[list[str]], Any], users: list[str]) -> Found:
    try:
        told = function(list(users))
        return {user: _told(path, user, told.get(user)) for user in users}
    except _FAILURES as error:  # a project's own code may raise anything; asking again may help
        return {user: Later(f"{path} raised {type(error).__name__}") for user in users}


def _told(path: str, user: str, told: Identity | Mapping[str, Any] | None) -> Reading[Identity | None]:
    """One person, fit to be stored; another form than the promised one is refused for him alone."""
    if told is None:
        return Done(None)
    try:
        return Done(_identity(user, told))
    except (AttributeError, TypeError, ValueError, Unreadable):
        return No(
            f"{path} returned something else than an Identity, a mapping of plain JSON values or None; correct it."
        )


def _identity(user: str, told: Identity | Mapping[str, Any]) -> Identity:
    if isinstance(told, Identity):
        told = {**told.custom, "name": told.name, "phone": told.phone}
    fields = clean_json(json.loads(json.dumps(dict(told), allow_nan=False)))
    name, phone = fields.pop("name", None), fields.pop("phone", None)
    return Identity(user_id=user, name=str(name or user), phone=str(phone or ""), custom=fields)
