"""Who a chat user is: off, from the platform, or by a function named in the hook.

A function of a project's own takes a list of user ids and returns a mapping of user id to an `Identity`, to a
mapping with `name`, `phone` and whatever else templates may use, or to None for somebody it does not know.
"""

from collections.abc import Collection, Mapping
from typing import Any

from django.utils.module_loading import import_string

from notifier.models import Hook
from notifier.platforms.base import Done, Identity, Later, No, Reading
from notifier.services.hooks import LiveHook
from notifier.transport import Exchange

Found = dict[str, Reading[Identity | None]]


def identities(hook: LiveHook, users: Collection[str], exchange: Exchange[str], *, window: int) -> Found:
    """What the hook's source says of each user. No transaction may be open: it may call the platform."""
    if hook.identities == Hook.Identities.OFF:
        return {user: Done(None) for user in users}
    if hook.identities == Hook.Identities.FUNCTION:
        return _from_function(hook.identity_function, users)
    asked = ((user, hook.platform.identity_request(user)) for user in users)
    return {user: hook.platform.identity(user, answer) for user, answer in exchange.all(asked, window=window)}


def _from_function(path: str, users: Collection[str]) -> Found:
    try:
        told = import_string(path)(list(users))
    except ImportError:
        return {user: No(f"The identity function {path} cannot be imported; correct it in the hook.") for user in users}
    except Exception as error:  # a project's own code may raise anything; asking again may help
        return {user: Later(f"{path} raised {type(error).__name__}") for user in users}
    return {user: Done(_identity(user, told.get(user))) for user in users}


def _identity(user: str, told: Identity | Mapping[str, Any] | None) -> Identity | None:
    if told is None or isinstance(told, Identity):
        return told
    custom = {name: value for name, value in told.items() if name not in ("name", "phone")}
    return Identity(user_id=user, name=str(told.get("name") or user), phone=str(told.get("phone") or ""), custom=custom)
