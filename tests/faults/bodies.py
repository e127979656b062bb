"""HTTP requests to the program, byte by byte, as Layer and Vonage sign them.

Nothing of the program's own code makes them: it would make the same mistake twice.
"""

import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.load.site import APP_ID, SIGNATURE_SECRET, WEBHOOK_SECRET

BASE = f"https://api.layer.com/apps/{APP_ID}"
WRONG = "not the secret"


def uuid_of(name: str) -> str:
    """The UUID by which the platform knows a conversation or message of ours."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def marker(token: int) -> str:
    """By which a message is found again in a text."""
    return f"zq{token:07d}z"


def message_event(
    url: str,
    kind: str,
    token: int,
    *,
    conversation: str,
    sender: str,
    statuses: dict[str, str],
    stamp: float,
    at: float,
    actor: str = "",
    secret: str | None = WEBHOOK_SECRET,
) -> bytes:
    """message.sent, .delivered, .read or .deleted."""
    message, place = uuid_of(f"m{token}"), uuid_of(conversation)
    body: dict[str, Any] = {
        "event": {"created_at": iso(at), "type": kind, "id": uuid_of(f"{kind}/{token}/{actor}/{secret}")},
        "message": {
            "id": f"layer:///messages/{message}",
            "url": f"{BASE}/messages/{message}",
            "conversation": {"id": f"layer:///conversations/{place}", "url": f"{BASE}/conversations/{place}"},
            "parts": [
                {"id": f"layer:///messages/{message}/parts/0", "mime_type": "text/plain", "body": f"Hi {marker(token)}"}
            ],
            "sent_at": iso(stamp),
            "sender": {"user_id": sender, "name": None},
            "recipient_status": {sender: "read", **statuses},
        },
        "config": {"name": "faults"},
    }
    if actor:
        body["event"]["actor"] = {"user_id": actor}
    return _chat(url, kind, body, secret)


def left_event(url: str, *, conversation: str, remaining: list[str], at: float, actor: str) -> bytes:
    """conversation.updated.participants, after somebody left."""
    place, kind = uuid_of(conversation), "conversation.updated.participants"
    body = {
        "event": {
            "created_at": iso(at),
            "type": kind,
            "id": uuid_of(f"{kind}/{conversation}/{actor}"),
            "actor": {"user_id": actor},
        },
        "conversation": {
            "id": f"layer:///conversations/{place}",
            "url": f"{BASE}/conversations/{place}",
            "participants": remaining,
        },
        "config": {"name": "faults"},
    }
    return _chat(url, kind, body, WEBHOOK_SECRET)


def _chat(url: str, kind: str, body: dict[str, Any], secret: str | None) -> bytes:
    raw = json.dumps(body, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/vnd.layer.webhooks+json", "layer-webhook-event-type": kind}
    if secret is not None:
        headers["layer-webhook-signature"] = hmac.new(secret.encode(), raw, hashlib.sha1).hexdigest()
    return _request("POST", url, headers, raw)


def vonage(url: str, fields: dict[str, str], *, at: float, method: str, secret: str | None = SIGNATURE_SECRET) -> bytes:
    """A text or receipt as Vonage pushes it, by GET or as a form."""
    told = {**fields, "timestamp": str(int(at)), "nonce": uuid.uuid4().hex}
    if secret is not None:
        flat = "".join(f"&{name}={value.translate(_SEPARATORS)}" for name, value in sorted(told.items()))
        told["sig"] = hmac.new(secret.encode(), flat.encode(), "sha256").hexdigest().upper()
    if method == "GET":
        return _request("GET", f"{url}?{urlencode(told)}", {}, b"")
    return _request("POST", url, {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(told).encode())


_SEPARATORS = str.maketrans("&=", "__")


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def _request(method: str, url: str, headers: dict[str, str], body: bytes) -> bytes:
    where = urlsplit(url)
    path = where.path + (f"?{where.query}" if where.query else "")
    fields = {"Host": where.netloc, "Content-Length": str(len(body)), "Connection": "close", **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body
