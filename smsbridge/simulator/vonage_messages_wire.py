"""What Vonage's Messages API sends: inbound texts and status callbacks as JSON, each attempt with a new token.

The token is a JWT by HS256 under the account's signature secret, and names the SHA-256 of the body.
"""

import hashlib
import json
import time
from typing import Any
from uuid import uuid4

import jwt

from smsbridge.simulator import conf
from smsbridge.simulator.dialects import Dialect
from smsbridge.simulator.lanes import lane
from smsbridge.simulator.models import Delivery, Text
from smsbridge.simulator.wire import date

_KINDS = {"png": "image", "jpg": "image", "jpeg": "image", "gif": "image", "mp4": "video", "mp3": "audio"}


class Wire(Dialect):
    def uid(self, *, inbound: bool) -> str:
        return str(uuid4())

    def default_inbound_url(self) -> str:
        return conf.vonage_messages_inbound_url()

    def inbound(self, row: Text, url: str) -> list[Delivery]:
        """Joined, however long; with media, the first of them and the text as its caption."""
        about = _between(row, sender=row.phone_id, recipient=row.number)
        if row.media:
            link = str(row.media[0])
            kind = _KINDS.get(link.rpartition(".")[2].lower(), "file")
            sent: dict[str, Any] = {"channel": "mms", "message_type": kind, kind: {"url": link, "caption": row.text}}
        else:
            sms = {"num_messages": str(row.segments)}
            sent = {"channel": "sms", "message_type": "text", "text": row.text, "sms": sms}
        return [_call(row, url, about | sent | {"usage": {"currency": "EUR", "price": "0.0"}})]

    def receipts(self, row: Text, url: str) -> list[Delivery]:
        about = _between(row, sender=row.number, recipient=row.phone_id) | {"client_ref": row.reference}
        paid = {"usage": {"currency": "EUR", "price": "0.0333"}, "sms": {"count_total": str(row.segments)}}
        return [_call(row, url, about | paid | {"status": status}) for status in ("submitted", "delivered")]

    def headers(self, row: Delivery, body: bytes) -> dict[str, str]:
        """Without a signature secret there is no token, and the call is unsigned."""
        secret = conf.vonage_signature_secret()
        headers = {"content-type": row.content_type}
        return headers | {"authorization": f"Bearer {_token(secret, body)}"} if secret else headers


def _token(secret: str, body: bytes) -> str:
    claims = {
        "iat": int(time.time()),
        "jti": str(uuid4()),
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": conf.vonage_api_key(),
        "application_id": conf.vonage_application_id(),
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def _between(row: Text, *, sender: str, recipient: str) -> dict[str, Any]:
    return {
        "message_uuid": row.uid,
        "from": sender.lstrip("+"),
        "to": recipient.lstrip("+"),
        "timestamp": date(row.at),
        "channel": "sms",
    }


def _call(row: Text, url: str, content: dict[str, Any]) -> Delivery:
    return Delivery(
        kind=Delivery.Kind.SMS,
        dialect="vonage-messages",
        lane=lane(url),
        url=url,
        content_type="application/json",
        body=json.dumps(content, ensure_ascii=conf.escape_non_ascii()),
        text=row,
    )
