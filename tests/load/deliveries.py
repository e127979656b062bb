"""What our own kit posts: deliveries as the platform signs them, and replies as the vendor signs them.

A token is the number of a message; its text holds the marker zqNNNNNNNz, by which texts are matched with messages.
"""

import hashlib
import hmac
import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit

from tests.load.site import APP_ID, SIGNATURE_SECRET, WEBHOOK_SECRET

CONVERSATIONS = 2  # of each person


def conversation_of(token: int, users: int) -> tuple[str, str]:
    """The recipient of a message, and the conversation it is in."""
    user, index = token % users, token // users % CONVERSATIONS
    return f"u{user:07d}", str(uuid.uuid5(uuid.NAMESPACE_URL, f"bench/{user}/{index}"))


def delivery(url: str, token: int, users: int) -> bytes:
    """The whole HTTP request of one message.sent. Its stamp lies ahead, so that the delay counts from its arrival."""
    user, conversation = conversation_of(token, users)
    sender = f"s{(token * 7 + 3) % users:07d}"
    message = str(uuid.uuid5(uuid.NAMESPACE_OID, f"m{token}"))
    base, stamp = f"https://api.layer.com/apps/{APP_ID}", (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    body = {
        "event": {"created_at": stamp, "type": "message.sent", "id": str(uuid.uuid4())},
        "message": {
            "id": f"layer:///messages/{message}",
            "url": f"{base}/messages/{message}",
            "conversation": {
                "id": f"layer:///conversations/{conversation}",
                "url": f"{base}/conversations/{conversation}",
            },
            "parts": [
                {
                    "id": f"layer:///messages/{message}/parts/0",
                    "mime_type": "text/plain",
                    "body": f"Are you there? It is about tomorrow zq{token:07d}z",
                }
            ],
            "sent_at": stamp,
            "sender": {"user_id": sender, "name": None},
            "recipient_status": {sender: "read", user: "sent"},
        },
        "config": {"name": "bench"},
    }
    raw = json.dumps(body, separators=(",", ":")).encode()
    signature = hmac.new(WEBHOOK_SECRET.encode(), raw, hashlib.sha1).hexdigest()
    where = urlsplit(url)
    head = (
        f"POST {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: {len(raw)}\r\n"
        "Content-Type: application/vnd.layer.webhooks+json\r\nlayer-webhook-event-type: message.sent\r\n"
        f"layer-webhook-signature: {signature}\r\n\r\n"
    )
    return head.encode() + raw


def reply(url: str, token: int, phone: str, number: str) -> bytes:
    """The whole HTTP request of one text from a phone to a number."""
    fields = {
        "msisdn": phone,
        "to": number,
        "messageId": f"0B{token:014X}",
        "text": f"Yes, on my way zq{token:07d}z",
        "type": "text",
        "keyword": "YES",
        "message-timestamp": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "timestamp": str(int(time.time())),
        "nonce": f"n{token}",
    }
    flat = "".join(f"&{name}={value}" for name, value in sorted(fields.items()))
    fields["sig"] = hmac.new(SIGNATURE_SECRET.encode(), flat.encode(), "sha256").hexdigest().upper()
    where = urlsplit(url)
    return f"GET {where.path}?{urlencode(fields)} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode()
