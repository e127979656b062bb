"""Who may call: API keys, logins with their tokens, and scopes."""

import base64
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.privmx.codes import BAD_CREDENTIALS, BAD_SCOPE, BAD_TOKEN, NO_KEY, UNAUTHORIZED, Wrong
from tests.privmx.kinds import CHANNELS
from tests.privmx.shapes import moment
from tests.privmx.signatures import Signatures

MOST_LOGINS = 16
ALL_SCOPES = (*CHANNELS, "context", "solution", "solution:*")
_TOKEN_BYTES = 162  # 216 characters of base64
_PINNED = "connection"
_CHECKED_ONLY = ("expiresIn:", "ipAddr:")


@dataclass(slots=True)
class Key:
    """An API key: with a secret, or with a public key."""

    id: str
    secret: str = ""
    public_key: Ed25519PublicKey | None = None
    scopes: Sequence[str] = ALL_SCOPES
    user: str = "api-user"
    enabled: bool = True


@dataclass(slots=True)
class Login:
    """What one log-in may do, until it expires. `connection` is the socket that it is bound to, if any."""

    key: Key
    scopes: list[str]
    access: str
    refresh: str
    access_until: float
    refresh_until: float
    connection: int | None = None

    @property
    def shown(self) -> dict[str, Any]:
        return {
            "accessToken": self.access,
            "accessTokenExpiry": moment(self.access_until),
            "tokenType": "Bearer",
            "refreshToken": self.refresh,
            "refreshTokenExpiry": moment(self.refresh_until),
            "scope": self.scopes,
        }


class Access:
    """All keys and logins. `access_seconds` and `refresh_seconds` are the lives of new tokens."""

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {}
        self.logins: list[Login] = []
        self.access_seconds, self.refresh_seconds = 15 * 60.0, 7 * 24 * 3600.0
        self.signatures = Signatures()
        self._lock = threading.Lock()

    def add_key(self, key: Key) -> Key:
        self.keys[key.id] = key
        return key

    def key(self, key_id: str) -> Key:
        key = self.keys.get(key_id)
        if key is None or not key.enabled:
            raise Wrong(NO_KEY)
        return key

    def by_secret(self, key_id: str, secret: str) -> Key:
        key = self.key(key_id)
        if key.public_key is not None or not secrets.compare_digest(key.secret, secret):
            raise Wrong(BAD_CREDENTIALS)
        return key

    def by_signature(self, key_id: str, given: Mapping[str, Any], place: str = "\n") -> Key:
        key = self.key(key_id)
        self.signatures.check(key.secret, key.public_key, given, place)
        return key

    def log_in(self, key: Key, wanted: Sequence[str] | None, connection: int | None) -> Login:
        """Of one API user's logins the newest 16 are kept."""
        scopes = list(key.scopes if wanted is None else wanted)
        foreign = [one for one in scopes if one not in key.scopes and not _is_condition(one)]
        if foreign:
            raise Wrong(BAD_SCOPE, foreign[0])
        with self._lock:
            login = self._issue(key, scopes, connection if _PINNED in scopes else None)
            own = [one for one in self.logins if one.key.user == key.user]
            for old in own[:-MOST_LOGINS]:
                self.logins.remove(old)
        return login

    def refresh(self, token: str) -> Login:
        """The old tokens, both, are dead at once."""
        with self._lock:
            for old in self.logins:
                if old.refresh == token and old.refresh_until > time.time():
                    self.logins.remove(old)
                    return self._issue(old.key, old.scopes, old.connection)
        raise Wrong(BAD_TOKEN)

    def by_token(self, token: str, connection: int | None, code: int = UNAUTHORIZED) -> Login:
        """Raises Wrong with `code` for a token that is unknown, expired, rotated, or bound to another socket."""
        for login in list(self.logins):
            fits = login.connection in (None, connection)
            if login.access == token and login.access_until > time.time() and fits:
                return login
        raise Wrong(code)

    def expire(self, *, refresh: bool = False) -> None:
        """Every access token has expired as of now; with `refresh` the refresh tokens too."""
        with self._lock:
            for login in self.logins:
                login.access_until = 0.0
                login.refresh_until = 0.0 if refresh else login.refresh_until

    def _issue(self, key: Key, scopes: list[str], connection: int | None) -> Login:
        now = time.time()
        login = Login(
            key, scopes, _token(), _token(), now + self.access_seconds, now + self.refresh_seconds, connection
        )
        self.logins.append(login)
        return login


def solutions(scopes: Sequence[str]) -> list[str]:
    """What its scopes let a caller see and hear: ids of solutions, or *; nothing at all without such a scope."""
    return [one.removeprefix("solution:") for one in scopes if one.startswith("solution:")]


def _is_condition(scope: str) -> bool:
    return scope == _PINNED or scope.startswith(_CHECKED_ONLY)


def _token() -> str:
    return base64.b64encode(secrets.token_bytes(_TOKEN_BYTES)).decode()
