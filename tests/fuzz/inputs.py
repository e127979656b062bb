"""What strangers, broken senders and clever ones may send: the strategies of the fuzz run."""

import json
from typing import Any

from hypothesis import strategies as st

from tests.factories import layer_event

TEXTS = (
    st.text(max_size=40)
    | st.sampled_from(["", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\u202e", "STOP", "‎", "9" * 5000, "null"])
    | st.text(alphabet=st.characters(codec="utf-8"), min_size=200, max_size=400)
)
NUMBERS = (
    st.integers() | st.floats() | st.sampled_from([10**400, -(10**30), 2**63, 2**31, -1, 0, 1e308, 10**18 + 1, True])
)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS
ANY_JSON = st.recursive(
    LEAVES,
    lambda some: st.lists(some, max_size=4) | st.dictionaries(TEXTS, some, max_size=4),
    max_leaves=20,
)
#: what no JSON library writes by itself
RAW = st.binary(max_size=300) | st.sampled_from(
    [
        b"",
        b"null",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"event": {"id": ' + b"9" * 100_000 + b"}}",
        b'{"a": NaN, "b": -Infinity}',
        b'{"event": 1, "event": {"id": "x"}}',
        b'"\\ud800"',
        b'{"event": {"id": "\\u0000", "type": "message.sent"}}',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"event"' + b" " * 200_000 + b": 1}",
        b"x" * 300_000,
    ]
)


@st.composite
def spoilt(draw: st.DrawFn, whole: st.SearchStrategy[Any]) -> Any:
    """A right thing of which one part was replaced, taken away or repeated somewhere else."""
    made = draw(whole)
    for _ in range(draw(st.integers(1, 3))):
        made = _spoil(draw, made)
    return made


def _spoil(draw: st.DrawFn, thing: Any) -> Any:
    if isinstance(thing, dict) and thing and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(thing)))
        if draw(st.booleans()):
            return {key: value for key, value in thing.items() if key != name}
        return {**thing, name: _spoil(draw, thing[name])}
    if isinstance(thing, list) and thing and draw(st.booleans()):
        at = draw(st.integers(0, len(thing) - 1))
        return [*thing[:at], _spoil(draw, thing[at]), *thing[at:]]
    return draw(ANY_JSON)


EVENTS = st.sampled_from(
    ["message.sent", "message.read", "message.delivered", "message.deleted", "conversation.updated", "other"]
).map(layer_event)


def dumped(thing: Any) -> bytes:
    return json.dumps(thing).encode()


CHAT_BODIES = RAW | ANY_JSON.map(dumped) | spoilt(EVENTS).map(dumped)
METHODS = st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW", ""])
HEADERS = st.text(alphabet=st.characters(min_codepoint=0, max_codepoint=255), max_size=60)
QUERIES = st.text(alphabet=st.characters(min_codepoint=0, max_codepoint=255), max_size=80) | st.sampled_from(
    ["verification_challenge=" + "a" * 5000, "verification_challenge=<script>", "sig=%ff&a=%", "&".join(["a=1"] * 3000)]
)
LENGTHS = st.sampled_from(["", "abc", "-1", "0", "1", "999999999999999999999", "٣", "1e3", " 5", "+5"])
WHERE = TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass").decode("latin-1"))

#: of a push of an SMS vendor, right in itself; the number is one of the account's
PUSHES = st.fixed_dictionaries(
    {
        "id": st.uuids().map(str),
        "from": st.sampled_from(["+12025550101", "12025550101", "AMAZON", "12345", ""]) | TEXTS,
        "to": st.just("+14155550123") | TEXTS,
        "text": st.sampled_from(["STOP", "START", "HELP", "yes", "Hello"]) | TEXTS,
        "at": st.sampled_from(["2026-11-20T10:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]) | TEXTS,
    }
)
STATUSES = st.fixed_dictionaries(
    {
        "id": TEXTS,
        "reference": st.uuids().map(lambda id_: id_.hex) | TEXTS,
        "status": st.sampled_from(["queued", "sent", "delivered", "undelivered", "expired"]) | TEXTS,
        "code": st.sampled_from(["21610", "30003", ""]) | TEXTS,
    }
)
#: Vonage's fields, all of them texts
VONAGE = st.fixed_dictionaries(
    dict.fromkeys(("msisdn", "to", "messageId", "text"), TEXTS),
    optional=dict.fromkeys(
        (
            *("concat", "concat-ref", "concat-total", "concat-part", "data", "udh", "status", "err-code", "scts"),
            *("client-ref", "price", "message-timestamp", "type", "keyword"),
        ),
        TEXTS,
    ),
)
