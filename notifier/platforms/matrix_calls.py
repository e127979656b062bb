"""What a homeserver calls us with, as an application service: which address means what, who may, and what it brings.

Application service API, version 1.16: https://spec.matrix.org/v1.16/application-service-api/
"""

import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qsl

from notifier.platforms.matrix_events import EVENT_TYPES
from notifier.platforms.values import Delivered, Envelope, Reply
from notifier.texts import clean_text
from notifier.wire import BadCall, Call, Forged, TooLarge, Unreadable

_PREFIX = "_matrix/app/v1/"
#: first word of the address, whether more follows, and the method; older homeservers leave the prefix out
_METHODS = {("transactions", True): "PUT", ("ping", False): "POST", ("users", True): "GET", ("rooms", True): "GET"}
_JSON: Final = "application/json"
_LONGEST = 255

#: a text, or the beginning or end of a list or an object
_MARKS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_DEEPEST: Final = 50

DONE: Final = Reply(200, "{}", _JSON)
_EPHEMERAL = ("ephemeral", "de.sorunome.msc2409.ephemeral")


def refused(status: int, code: str, sentence: str) -> Reply:
    """An error as Matrix has them: a code for programs and a sentence for people."""
    return Reply(status, json.dumps({"errcode": code, "error": sentence}), _JSON)


def refusal(error: BadCall) -> Reply:
    codes = {Forged: "M_FORBIDDEN", TooLarge: "M_TOO_LARGE"}
    return refused(error.status, codes.get(type(error), "M_BAD_JSON"), str(error))


def purpose(call: Call) -> str | Reply:
    """What is wanted, by its address ("transactions", "ping", "users", "rooms"), or the answer that we have no such."""
    first, slash, more = call.rest.removeprefix(_PREFIX).partition("/")
    method = _METHODS.get((first, bool(slash and more)))
    if method is None:
        return refused(404, "M_UNRECOGNIZED", "There is nothing of an application service at this address.")
    if call.method != method:
        return refused(405, "M_UNRECOGNIZED", f"Use {method} here.")
    return first


def verify(call: Call, secrets: Sequence[str]) -> None:
    """Raise Forged unless the call holds one of the tokens: in its header or, of older homeservers, in its query."""
    scheme, _, told = call.headers.get("authorization", "").partition(" ")
    given = told.strip() if scheme.lower() == "bearer" else _token_in(call.query)
    if not given:
        raise Forged("The hs_token is missing: it belongs in the header Authorization, as a bearer token.")
    fits = [hmac.compare_digest(secret.encode(), given.encode(errors="replace")) for secret in secrets]
    if not any(fits):
        raise Forged("This is none of our hs_tokens: the registration file and MATRIX_HS_TOKEN must say the same.")


def _token_in(query: str) -> str:
    try:
        return dict(parse_qsl(query, max_num_fields=20)).get("access_token", "")
    except ValueError:
        return ""


def delivered(body: bytes) -> list[Delivered]:
    """What matters of a transaction, in its order. Raises Unreadable when it is none.

    An odd event among others is kept as it is, to be set aside when it is read: a refusal would make the homeserver
    repeat the transaction for ever, with everything else waiting behind it.
    """
    data = _decoded(body)
    events, ephemeral = _list(data, "events"), next((_list(data, name) for name in _EPHEMERAL if name in data), [])
    kept = [event for event in events if _matters(event)]
    return [_delivered(event) for event in (*kept, *_receipts(ephemeral))]


def envelope(body: bytes) -> Envelope:
    """Of one event as it is stored. Raises Unreadable when it is no JSON object."""
    data = _decoded(body)
    return _envelope(data, body)


def key_of(body: bytes) -> str:
    """An identity for what has no id: its own content."""
    return f"sha256:{sha256(body).hexdigest()}"


def _delivered(event: object) -> Delivered:
    try:
        body = json.dumps(event, separators=(",", ":"), sort_keys=True).encode()
    except RecursionError:  # too deep to be written again; kept without its content, to be seen by an operator
        body = b"{}"
    return Delivered(_envelope(event if isinstance(event, dict) else {}, body), body)


def _envelope(event: Mapping[str, Any], body: bytes) -> Envelope:
    return Envelope(_short(event.get("event_id")) or key_of(body), _type(event), _short(event.get("room_id")))


def _type(event: Mapping[str, Any]) -> str:
    return _short(event.get("type")) or "unknown"


def _short(value: object) -> str | None:
    """A text that the database takes, None for anything else."""
    usable = isinstance(value, str) and 0 < len(value) <= _LONGEST and clean_text(value) == value
    return value if usable and isinstance(value, str) else None


def _matters(event: object) -> bool:
    kind = event.get("type") if isinstance(event, dict) else None
    return kind in EVENT_TYPES or not isinstance(kind, str)


def _receipts(ephemeral: Iterable[object]) -> list[object]:
    return [item for item in ephemeral if isinstance(item, dict) and item.get("type") == "m.receipt"]


def _list(data: Mapping[str, Any], name: str) -> list[Any]:
    value = data.get(name)
    if value is not None and not isinstance(value, list):
        raise Unreadable(f"{name} is not a list")
    return value or []


def _number(digits: str) -> int | None:
    """None for one that no room may hold (canonical JSON): a single odd number must not cost the other events."""
    return int(digits) if len(digits) <= 20 else None


def _fraction(digits: str) -> float | None:
    number = float(digits)
    return number if abs(number) < 1e300 else None


_DECODER = json.JSONDecoder(parse_int=_number, parse_float=_fraction, parse_constant=lambda _: None)


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        text = body.decode()
        value = _value(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Unreadable("The body is not a JSON object.")
    return value


def _value(text: str) -> Any:
    """What is nested too deeply in one event must not cost the others."""
    try:
        return _DECODER.decode(text)
    except RecursionError:
        return _DECODER.decode(_cut(text))


def _cut(text: str) -> str:
    """JSON in which everything that is deeper than the sense of any event is null."""
    depth, kept, rest = 0, [], 0
    for found in _MARKS.finditer(text):
        if found[0] in ("[", "{"):
            depth += 1
            if depth == _DEEPEST:
                kept += [text[rest : found.start()], "null"]
        elif found[0] in ("]", "}"):
            if depth == _DEEPEST:
                rest = found.end()
            depth -= 1
    return "".join(kept) + text[rest:]
