"""JSON-RPC 2.0 as the Bridge speaks it: from the bytes of a call to the text of its answer."""

import base64
import binascii
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.privmx.access import Access, Key
from tests.privmx.codes import BAD_CREDENTIALS, PARSE_ERROR, TOO_MANY, UNAUTHORIZED, Wrong
from tests.privmx.faults import Deed, Faults, RateLimit
from tests.privmx.methods import Asker, Methods


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: over a socket or not, and in the end its error's code, 0 if it was done."""

    method: str
    over_socket: bool
    code: int


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` is None where none is to be sent. `deed` is what befalls the connection."""

    method: str
    text: str | None
    deed: Deed | None = None


@dataclass(slots=True)
class Rpc:
    """`calls` is the log of all that was asked."""

    methods: Methods
    access: Access
    faults: Faults
    limit: RateLimit
    calls: list[Asked] = field(default_factory=list)

    def answer(self, raw: str | bytes, asker: Asker) -> Answer:
        """Also for what is no call at all."""
        try:
            call = _parsed(raw)
        except Wrong as error:
            return Answer("", json.dumps({"jsonrpc": "2.0", "error": error.error}))
        method = call["method"]
        deed = self.faults.met("in", method)
        if deed in ("cut", "swallow"):
            return Answer(method, None, deed)
        told = self._told(call, asker, limited=deed == "limit")
        self.calls.append(Asked(method, asker.socket is not None, _code(told)))
        lost = self.faults.met("out", method)
        return Answer(method, None if lost else json.dumps({"jsonrpc": "2.0", "id": call["id"], **told}), lost)

    def _told(self, call: Mapping[str, Any], asker: Asker, *, limited: bool) -> dict[str, Any]:
        if limited or not self.limit.spends(time.monotonic()):
            return {"result": TOO_MANY}
        asker.token = call.get("token", asker.token)
        try:
            return {"result": self.methods.do(call["method"], asker, call["params"])}
        except Wrong as error:
            return {"error": error.error}

    def asker(self, header: str, place: str, body: bytes) -> Asker:
        """Who makes an HTTP call, by its Authorization header. Raises Wrong."""
        kind, _, value = header.partition(" ")
        if not kind:
            return Asker()
        if kind.lower() == "bearer":
            return Asker(token=value)
        key = self._basic(value) if kind.lower() == "basic" else self._signed(kind, value, place, body)
        return Asker(scopes=key.scopes)

    def _basic(self, value: str) -> Key:
        try:
            key_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Wrong(BAD_CREDENTIALS) from None
        return self.access.by_secret(key_id, secret)

    def _signed(self, kind: str, value: str, place: str, body: bytes) -> Key:
        parts = value.split(";")
        if kind.lower() != "pmx-hmac-sha256" or len(parts) != 5 or parts[1] != "1" or not parts[2].isdecimal():
            raise Wrong(UNAUTHORIZED)
        key_id, _, stamp, nonce, signature = parts
        given = {"timestamp": int(stamp), "nonce": nonce, "signature": signature, "data": body.decode()}
        return self.access.by_signature(key_id, given, place)


def _code(told: Mapping[str, Any]) -> int:
    if told.get("result") is TOO_MANY:
        return int(TOO_MANY["code"])
    return int(told["error"]["code"]) if "error" in told else 0


def _parsed(raw: str | bytes) -> dict[str, Any]:
    """Raises Wrong for what is no JSON, and for what lacks a member: of neither is the id told back."""
    try:
        call = json.loads(raw)
    except ValueError:
        raise Wrong(PARSE_ERROR) from None
    fits = (
        isinstance(call, dict)
        and call.get("jsonrpc") == "2.0"
        and isinstance(call.get("id"), (int, str))
        and isinstance(call.get("method"), str)
        and isinstance(call.get("params"), dict)
        and isinstance(call.get("token", ""), str)
    )
    if not fits:
        raise Wrong(PARSE_ERROR)
    return dict(call)


def refused(error: Wrong, raw: bytes) -> str:
    """The answer to a call whose credentials are not good."""
    try:
        told = {"id": _parsed(raw)["id"], "error": error.error}
    except Wrong as unreadable:
        told = {"error": unreadable.error}
    return json.dumps({"jsonrpc": "2.0", **told})
