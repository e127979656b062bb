"""What the pretend SMS network sends: inbound texts and delivery receipts as JSON, each attempt signed anew."""

import json
import time
from uuid import uuid4

from django.utils import timezone

from smsbridge.simulator import conf, signing
from smsbridge.simulator.dialects import Dialect
from smsbridge.simulator.lanes import lane
from smsbridge.simulator.models import Delivery, Text
from smsbridge.simulator.wire import date


class Wire(Dialect):
    def uid(self, *, inbound: bool) -> str:
        return f"fake-in-{uuid4()}" if inbound else f"fake-{uuid4()}"

    def default_inbound_url(self) -> str:
        return conf.fake_inbound_url()

    def inbound(self, row: Text, url: str) -> list[Delivery]:
        content: dict[str, object] = {"id": row.uid, "from": row.phone_id, "to": row.number, "text": row.text}
        content |= {"media": row.media} if row.media else {}
        return [_call(row, url, content | {"at": date(row.at)})]

    def receipts(self, row: Text, url: str) -> list[Delivery]:
        return [
            _call(row, url, {"id": row.uid, "reference": row.reference, "status": status, "code": ""})
            for status in ("sent", "delivered")
        ]

    def headers(self, row: Delivery, body: bytes) -> dict[str, str]:
        return {"content-type": row.content_type, "x-fake-signature": signing.fake_signature(body, int(time.time()))}


def _call(row: Text, url: str, content: dict[str, object]) -> Delivery:
    return Delivery(
        kind=Delivery.Kind.SMS,
        dialect="fake",
        lane=lane(url),
        url=url,
        content_type="application/json",
        body=json.dumps(content, ensure_ascii=conf.escape_non_ascii()),
        text=row,
        due_at=timezone.now(),
    )
