"""What Bandwidth sends: arrays of events as JSON, by basic authentication, to the URLs of its one application."""

import json
from base64 import b64encode
from typing import Any
from uuid import uuid4

from django.utils import timezone

from smsbridge.simulator import conf
from smsbridge.simulator.dialects import Dialect
from smsbridge.simulator.lanes import lane
from smsbridge.simulator.models import Delivery, Text
from smsbridge.simulator.wire import date

CARRIER = "Pretend Mobile"


class Wire(Dialect):
    def uid(self, *, inbound: bool) -> str:
        return uuid4().hex[:29]

    def default_inbound_url(self) -> str:
        return conf.bandwidth_url("inbound")

    def inbound(self, row: Text, url: str) -> list[Delivery]:
        told = message(row, direction="in") | {"text": row.text}
        told |= {"media": row.media} if row.media else {}
        event = {"type": "message-received", "description": "Incoming message received", "to": row.number}
        return [call(url, event | {"message": told}, row)]

    def receipts(self, row: Text, url: str) -> list[Delivery]:
        """A text goes out, and arrives."""
        told = {"to": row.phone_id, "message": message(row, direction="out")}
        sent = {"type": "message-sent", "description": "Message is sent to carrier."}
        arrived = {"type": "message-delivered", "description": "Message delivered.", "carrierName": CARRIER}
        return [call(url, sent | told, row), call(url, arrived | told, row)]

    def headers(self, row: Delivery, body: bytes) -> dict[str, str]:
        pair = f"{conf.bandwidth_callback_user()}:{conf.bandwidth_callback_password()}"
        return {"content-type": row.content_type, "authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def message(row: Text, *, direction: str) -> dict[str, Any]:
    """A message as it stands in answers and events, without its words."""
    ours, theirs = row.number, row.phone_id
    sender, recipient = (theirs, ours) if direction == "in" else (ours, theirs)
    told = {
        "id": row.uid,
        "owner": ours,
        "applicationId": conf.bandwidth_application_id(),
        "time": date(row.at),
        "segmentCount": row.segments,
        "direction": direction,
        "to": [recipient],
        "from": sender,
    }
    return told | ({"tag": row.reference} if row.reference else {})


def failure(row: Text, url: str, code: int) -> Delivery:
    """The receipt of a text that did not arrive, and therefore stands on no phone."""
    event = {"type": "message-failed", "description": "It asked for this.", "to": row.phone_id, "errorCode": code}
    return call(url, event | {"message": message(row, direction="out")}, None)


def call(url: str, event: dict[str, Any], row: Text | None) -> Delivery:
    return Delivery(
        kind=Delivery.Kind.SMS,
        dialect="bandwidth",
        lane=lane(url),
        url=url,
        content_type="application/json; charset=utf-8",
        body=json.dumps([{"time": date(timezone.now())} | event], ensure_ascii=conf.escape_non_ascii()),
        text=row,
    )
