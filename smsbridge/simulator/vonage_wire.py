"""What Vonage's SMS API sends: inbound texts and delivery receipts, as GET, form or JSON, with every field signed."""

import json
from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import uuid4

from django.utils import timezone

from smsbridge.simulator import conf, signing
from smsbridge.simulator.models import Delivery, Text


def inbound(row: Text, url: str) -> Delivery:
    unicode = any(ord(char) > 127 for char in row.text)
    words = row.text.split()
    return _call(row, url, {
        "msisdn": row.phone_id.lstrip("+"),
        "to": row.number.lstrip("+"),
        "messageId": row.uid,
        "text": row.text,
        "type": "unicode" if unicode else "text",
        "keyword": words[0].upper() if words else "",
        "message-timestamp": f"{row.at:%Y-%m-%d %H:%M:%S}",
    })  # fmt: skip


def receipts(row: Text, url: str) -> list[Delivery]:
    """One receipt for each part, first accepted and then delivered, as Vonage sends them."""
    return [
        _call(row, url, receipt(row, part, status)) for status in ("accepted", "delivered") for part in part_ids(row)
    ]


def part_ids(row: Text) -> list[str]:
    return [row.uid, *(f"{row.uid}{part:02d}" for part in range(1, row.segments))]


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
    target = urlsplit(url)
    lane = f"{target.scheme}://{target.netloc}{target.path}"
    if method == "get":
        query = "&".join(filter(None, [target.query, urlencode(params)]))
        url = urlunsplit(target._replace(query=query))
        return Delivery(kind=Delivery.Kind.VONAGE, lane=lane, method="GET", url=url, text=row)
    form = method == "form"
    return Delivery(
        kind=Delivery.Kind.VONAGE,
        lane=lane,
        url=url,
        content_type="application/x-www-form-urlencoded" if form else "application/json",
        body=urlencode(params) if form else json.dumps(params),
        text=row,
    )
