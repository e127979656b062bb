"""The Bridge's JSON-RPC 2.0, over HTTP and over a WebSocket alike: what is asked, answered and refused.

Errors come under HTTP status 200. No words hold anything of an answer but its number and the scope that it names.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from notifier.texts import loads_object
from notifier.wire import Unreadable

#: what an exhausted rate limit answers instead of the method's own result
TOO_MANY: Final = 429

PARSE_ERROR: Final = -32700
INTERNAL: Final = -32603
INVALID_TOKEN: Final = 21
INSUFFICIENT_SCOPE: Final = 24878
UNAUTHORIZED: Final = 24879
NO_SUCH_START: Final = 24867

#: the token is missing, expired or was changed
TOKEN_CODES: Final = frozenset({INVALID_TOKEN, UNAUTHORIZED})
#: thread, message, context, store, file, inbox, stream room, kvdb, entry: it does not exist (any more)
GONE_CODES: Final = frozenset({24577, 24589, 24854, 24855, 24856, 24862, 24866, 24892, 24893})

_KEY = "check key_id and key_secret (PRIVMX_API_KEY_ID, PRIVMX_API_KEY_SECRET)"
_WORDS: Final[Mapping[int, str]] = {
    PARSE_ERROR: "it could not read the call",
    -32601: "it does not know this call: check that api_url (PRIVMX_API_URL) is a PrivMX Bridge of version 3",
    -32602: "it does not take what the call says",
    INTERNAL: "it failed inside",
    8: f"the signature is wrong: {_KEY}, and whether the key has a public key or a secret",
    INVALID_TOKEN: "the token is not valid",
    40: "the stamp is refused: set this machine's clock, it may be off by 10 minutes at most",
    41: "the nonce is refused",
    48: "access is denied: check the scopes of the API key",
    24577: "the thread does not exist",
    24589: "the message does not exist",
    24854: "the context does not exist",
    24875: f"the API key does not exist, or is disabled: {_KEY}",
    24876: f"the credentials are wrong: {_KEY}",
    INSUFFICIENT_SCOPE: "the API key has not all scopes that are needed",
    UNAUTHORIZED: "the token is missing, expired or was changed",
    24886: "this call is for a WebSocket only",
}
#: what no new try changes as long as nobody changes the configuration
FINAL_CODES: Final = frozenset({-32601, 8, 40, 48, 24875, 24876, INSUFFICIENT_SCOPE})
#: far more levels than the Bridge's own answers have
_DEEPEST: Final = 64
#: a text, or one of the brackets outside texts
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+"|[][{}]', re.DOTALL)
_SCOPE = re.compile(r"[A-Za-z]{1,20}(:[\w*-]{1,40})?", re.ASCII)


class RpcError(Exception):
    """The Bridge refused a call. The text is for people."""

    def __init__(self, method: str, code: int, scope: str = "") -> None:
        self.code = code
        said = _WORDS.get(code, "it says no more")
        super().__init__(f"PrivMX Bridge refused {method} (code {code}): {said}{f', such as {scope}' if scope else ''}")


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, to the call of this id: its `result`, or its `error`. Both None: the result was null."""

    id: int | None
    result: Any = None
    error: Mapping[str, Any] | None = None

    @property
    def limited(self) -> bool:
        """Whether it is the rate limit's: nothing was done, and the call may be repeated in a second."""
        told = self.result
        return isinstance(told, dict) and told.get("code") == TOO_MANY and "body" in told

    def failure(self, method: str) -> RpcError | None:
        if self.error is None:
            return None
        code, hint = self.error.get("code"), self.error.get("data")
        scope = hint if code == INSUFFICIENT_SCOPE and isinstance(hint, str) and _SCOPE.fullmatch(hint) else ""
        return RpcError(method, code if type(code) is int and abs(code) < 10**6 else 0, scope)


def call(id_: int, method: str, params: Mapping[str, Any]) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})


def _shallow(body: bytes) -> bytes:
    """Without what is nested so deeply that it cannot be read: anybody may write such `publicMeta`."""
    kept: list[bytes] = []
    depth = start = 0
    for token in _TOKENS.finditer(body):
        if token[0] in b"[{":
            depth += 1
            if depth == _DEEPEST:
                kept.append(body[start : token.start()])
        elif token[0] in b"]}":
            depth -= 1
            if depth == _DEEPEST - 1:
                kept.append(b"null")
                start = token.end()
    return b"".join(kept) + body[start:] if depth == 0 else body


def read(frame: str | bytes) -> Answered | Mapping[str, Any]:
    """An answer, or what the Bridge tells by itself: that has no `id`. Raises Unreadable."""
    body = frame.encode(errors="surrogatepass") if isinstance(frame, str) else frame
    try:
        data = loads_object(body)
    except Unreadable:
        data = loads_object(_shallow(body))
    error = data.get("error")
    if "id" not in data and "error" not in data:
        return data
    id_ = data.get("id")
    if error is not None and not isinstance(error, dict):
        raise Unreadable("error is not an object")
    return Answered(id_ if type(id_) is int else None, data.get("result"), error)
