"""What Vonage's SMS API sends: inbound texts and delivery receipts, as GET, form or JSON, with every field signed.

A long text comes in the parts that the phone sent, in no order (the guide on inbound SMS, "concatenated messages").
"""

import json
import random
from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import uuid4

from django.utils import timezone

from smsbridge.simulator import conf, segments, signing
from smsbridge.simulator.dialects import Dialect
from smsbridge.simulator.lanes import lane
from smsbridge.simulator.models import Delivery, Text


class Wire(Dialect):
    def uid(self, *, inbound: bool) -> str:
        return uuid4().hex[:16].upper()

    def inbound(self, row: Text, url: str) -> list[Delivery]:
        parts = segments.split(row.text)
        if len(parts) == 1:
            return [_call(row, url, received(row, row.uid, row.text))]
        told = {"concat": "true", "concat-ref": str(row.pk % 256), "concat-total": str(len(parts))}
        numbered = [*zip(part_ids(row), parts, range(1, len(parts) + 1), strict=True)]
        random.shuffle(numbered)
        return [_call(row, url, received(row, *part) | told | {"concat-part": str(n)}) for *part, n in numbered]

    def receipts(self, row: Text, url: str) -> list[Delivery]:
        """One receipt for each part, first accepted and then delivered, as Vonage sends them."""
        states = ("accepted", "delivered")
        return [_call(row, url, receipt(row, part, status)) for status in states for part in part_ids(row)]


def part_ids(row: Text) -> list[str]:
    return [row.uid, *(f"{row.uid}{part:02d}" for part in range(1, row.segments))]


def received(row: Text, uid: str, text: str) -> dict[str, str]:
    words = text.split()
    return {
        "msisdn": row.phone_id.lstrip("+"),
        "to": row.number.lstrip("+"),
        "messageId": uid,
        "text": text,
        "type": "unicode" if any(ord(char) > 127 for char in row.text) else "text",
        "keyword": words[0].upper() if words else "",
        "message-timestamp": f"{row.at:%Y-%m-%d %H:%M:%S}",
    }


def receipt(row: Text, part: str, status: str) -> dict[str, str]:
    """`msisdn` is the recipient here, `to` the sender."""
    return {
        "msisdn": row.phone_id.lstrip("+"),
        "to": row.number.lstrip("+"),
        "network-code": "310260",
        "messageId": part,
        "price": "0.0333",
        "status": status,
        "scts": f"{row.at:%y%m%d%H%M}",
        "err-code": "0",
        "client-ref": row.reference,
        "message-timestamp": f"{row.at:%Y-%m-%d %H:%M:%S}",
    }


def _call(row: Text, url: str, params: dict[str, str]) -> Delivery:
    """`timestamp` is when the push began: a repeat carries the first one's, as at Vonage."""
    if conf.vonage_signature_secret():
        params = params | {"timestamp": str(int(timezone.now().timestamp())), "nonce": str(uuid4())}
        params["sig"] = signing.vonage_signature(params)
    method = conf.vonage_inbound_method()
    given = lane(url)
    if method == "get":
        target = urlsplit(url)
        query = "&".join(filter(None, [target.query, urlencode(params)]))
        url = urlunsplit(target._replace(query=query))
        return Delivery(kind=Delivery.Kind.SMS, dialect="vonage", lane=given, method="GET", url=url, text=row)
    form = method == "form"
    return Delivery(
        kind=Delivery.Kind.SMS,
        dialect="vonage",
        lane=given,
        url=url,
        content_type="application/x-www-form-urlencoded" if form else "application/json",
        body=urlencode(params) if form else json.dumps(params),
        text=row,
    )
