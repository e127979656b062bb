"""A session's token at a Bridge: asked for, checked, bound to the connection, and renewed before it dies.

A refresh ends the old token and the old refresh token at once, so each connection logs in by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from notifier.platforms.privmx_auth import ApiKey
from notifier.platforms.privmx_calls import Ask, Script
from notifier.platforms.privmx_kinds import milliseconds
from notifier.platforms.privmx_rpc import INSUFFICIENT_SCOPE, TOKEN_CODES, RpcError
from notifier.platforms.socket import BrokenError, RefusedError

#: what of a token's life is over when it is renewed
_OF_ITS_LIFE: Final = 0.8
#: bounds of that, in seconds, and what to do when our clock says that it is over already: the Bridge's is another
_SHORTEST, _LONGEST, _UNSURE = 1.0, 12 * 60.0, 60.0


class Tokens:
    """`refresh_at` is when to renew, on the clock that is given in; None before the first log-in."""

    def __init__(self, key: ApiKey, channels: Sequence[str]) -> None:
        self._key = key
        self._needed = [*channels, "context"]
        self._refresh_token = ""
        self.refresh_at: float | None = None

    def log_in(self, now: Callable[[], float]) -> Script:
        """By the API key. Raises RefusedError where the key's scopes do not do."""
        scope = [*self._needed, "solution:*"]
        try:
            told = yield Ask("manager/auth", lambda: self._key.log_in(scope), opens=True)
        except RpcError as error:
            if error.code != INSUFFICIENT_SCOPE:
                raise
            told = yield Ask("manager/auth", lambda: self._key.log_in(None), opens=True)
        self._check(told)
        yield from self._bind(told, now)

    def refresh(self, now: Callable[[], float]) -> Script:
        """By the refresh token, or, where that does not do any more, by the API key."""
        grant = {"grantType": "refresh_token", "refreshToken": self._refresh_token}
        try:
            told = yield Ask("manager/auth", grant, opens=True)
            yield from self._bind(told, now)
        except RpcError as error:
            if error.code not in TOKEN_CODES:
                raise
            yield from self.log_in(now)

    def _bind(self, told: object, now: Callable[[], float]) -> Script:
        """Calls go by the token that is bound to the connection; what was subscribed stays subscribed."""
        token, self._refresh_token = _text(told, "accessToken"), _text(told, "refreshToken")
        expiry = milliseconds(told.get("accessTokenExpiry")) if isinstance(told, dict) else 0
        life = expiry / 1000 - self._key.clock()
        self.refresh_at = now() + (min(max(life * _OF_ITS_LIFE, _SHORTEST), _LONGEST) if life > 0 else _UNSURE)
        yield Ask("manager/bindAccessToken", {"accessToken": token}, opens=True)

    def _check(self, told: object) -> None:
        """Without a solution a subscription is accepted and nothing ever comes."""
        listed = told.get("scope") if isinstance(told, Mapping) else None
        scope = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
        missing = [name for name in self._needed if name not in scope]
        if not any(name.startswith("solution:") for name in scope):
            missing.append("solution:* (or solution: and the id of one)")
        if missing:
            raise RefusedError(
                f"The API key lacks the scopes {', '.join(missing)}, so PrivMX Bridge would tell us nothing or not "
                "enough: make a key with them (manager/createApiKey) and set PRIVMX_API_KEY_ID and "
                "PRIVMX_API_KEY_SECRET, or ask for fewer PRIVMX_CHANNELS."
            )


def _text(told: Any, name: str) -> str:
    value = told.get(name) if isinstance(told, dict) else None
    if not isinstance(value, str) or not value:
        raise BrokenError("PrivMX Bridge answered the log-in without a token.")
    return value
