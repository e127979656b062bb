"""The calls, without their envelope: what each takes, who may ask it, and what it answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.privmx import listings
from tests.privmx.access import Access, Login, solutions
from tests.privmx.codes import BAD_SCOPE, BAD_TOKEN, NO_METHOD, SOCKET_ONLY, UNAUTHORIZED, Wrong
from tests.privmx.parameters import CHANNEL_LIST, TOKEN, Form, check, grant
from tests.privmx.world import World


@dataclass(slots=True)
class Socket:
    """What the Bridge knows of one connection: the token bound to it, and for whom it hears of which channel."""

    id: int
    token: str = ""
    channels: dict[str, list[str]] = field(default_factory=dict)

    def hears(self, channel: str, solution: str) -> bool:
        return any(one in ("*", solution) for one in self.channels.get(channel, ()))


@dataclass(slots=True)
class Asker:
    """Who asks: over which socket, if any, and with which scopes, once that is known."""

    socket: Socket | None = None
    token: str = ""
    scopes: Sequence[str] | None = None

    @property
    def connection(self) -> int | None:
        return self.socket.id if self.socket else None


class Methods:
    def __init__(self, world: World, access: Access) -> None:
        self.world, self.access = world, access
        self._own: dict[str, Callable[[Asker, Mapping[str, Any]], Any]] = {
            "manager/auth": self._auth,
            "manager/bindAccessToken": self._bind,
            "manager/subscribeToChannel": self._subscribe,
            "manager/unsubscribeFromChannel": self._unsubscribe,
        }
        self._listed = listings.methods(world)

    def do(self, method: str, asker: Asker, parameters: Mapping[str, Any]) -> Any:
        """Raises Wrong."""
        with self.world.lock:
            if method in self._own:
                return self._own[method](asker, parameters)
            if method not in self._listed:
                raise Wrong(NO_METHOD)
            scopes = self._scopes(asker)
            listing = self._listed[method]
            check(parameters, listing.form)
            if listing.scope and listing.scope not in scopes:
                raise Wrong(BAD_SCOPE, listing.scope)
            return listing.answer(solutions(scopes), parameters)

    def _scopes(self, asker: Asker) -> Sequence[str]:
        """Of the call's own credentials, else of the token that is bound to the socket, as good as that is now."""
        if asker.scopes is not None:
            return asker.scopes
        token = asker.token or (asker.socket.token if asker.socket else "")
        if not token:
            raise Wrong(UNAUTHORIZED)
        return self.access.by_token(token, asker.connection).scopes

    def _auth(self, asker: Asker, given: Mapping[str, Any]) -> dict[str, Any]:
        check(given, grant(given))
        return self._login(asker, given).shown

    def _login(self, asker: Asker, given: Mapping[str, Any]) -> Login:
        if given["grantType"] == "refresh_token":
            return self.access.refresh(given["refreshToken"])
        if given["grantType"] == "api_key_credentials":
            key = self.access.by_secret(given["apiKeyId"], given["apiKeySecret"])
        else:
            key = self.access.by_signature(given["apiKeyId"], given)
        return self.access.log_in(key, given.get("scope"), asker.connection)

    def _bind(self, asker: Asker, given: Mapping[str, Any]) -> str:
        socket = _on_socket(asker, given, TOKEN)
        socket.token = self.access.by_token(given["accessToken"], socket.id, BAD_TOKEN).access
        return "OK"

    def _subscribe(self, asker: Asker, given: Mapping[str, Any]) -> str:
        """Whoever has no solution among the scopes is told OK too, and never hears anything."""
        socket = _on_socket(asker, given, CHANNEL_LIST)
        scopes = self._scopes(asker)
        for channel in given["channels"]:
            if channel not in scopes:
                raise Wrong(BAD_SCOPE, channel)
        socket.channels.update(dict.fromkeys(given["channels"], solutions(scopes)))
        return "OK"

    def _unsubscribe(self, asker: Asker, given: Mapping[str, Any]) -> str:
        socket = _on_socket(asker, given, CHANNEL_LIST)
        self._scopes(asker)
        for channel in given["channels"]:
            socket.channels.pop(channel, None)
        return "OK"


def _on_socket(asker: Asker, given: Mapping[str, Any], form: Form) -> Socket:
    check(given, form)
    if asker.socket is None:
        raise Wrong(SOCKET_ONLY)
    return asker.socket
