"""Texts and delivery receipts as Vonage's SMS API pushes them, by GET, form or JSON as the account is set.

Sources: https://developer.vonage.com/en/messaging/sms/guides/inbound-sms (parts of a long text come one by one, in any
order) and https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from notifier.texts import clean_text
from notifier.wire import Call, Unreadable
from smsbridge.vendors.answers import price, usable_id
from smsbridge.vendors.base import DeliveryReceipt, InboundPart, InboundText, ReceiptState
from smsbridge.vendors.vonage_errors import RECEIPT, vonage_error

Fields = Mapping[str, str | bool]

_STATES = {
    "buffered": ReceiptState.QUEUED,
    "accepted": ReceiptState.SENT,
    "delivered": ReceiptState.DELIVERED,
    "failed": ReceiptState.UNDELIVERED,
    "rejected": ReceiptState.UNDELIVERED,
    "expired": ReceiptState.EXPIRED,
}
_MOST_FIELDS = 100
_NUMBER = re.compile(r"\+?(\d{3,15})", re.ASCII)
_COUNT = re.compile(r"\d{1,3}", re.ASCII)
_EPOCH = re.compile(r"\d{9,10}", re.ASCII)
_CODE = re.compile(r"[1-9]\d{0,4}", re.ASCII)


def fields_of(call: Call) -> Fields:
    """The parameters of a call, decoded; a JSON number keeps the digits it was written with. Raises Unreadable."""
    try:
        if call.method in ("GET", "HEAD"):
            return _form(call.query)
        text = call.body.decode()
        if "json" in call.headers.get("content-type", "") or text.startswith("{"):
            return _json(text)
        return _form(text)
    except (ValueError, RecursionError):
        pass
    raise Unreadable("the parameters are neither a form nor a JSON object in UTF-8")  # out here: no chained content


def _form(text: str) -> Fields:
    return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS))


def _json(text: str) -> Fields:
    value = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    if not isinstance(value, dict) or any(isinstance(item, dict | list) for item in value.values()):
        raise ValueError("not a flat object")
    return {name: item for name, item in value.items() if item is not None}


def read_inbound(fields: Fields) -> list[InboundText]:
    """The text (or part of one) in a verified call.

    A binary message becomes an empty text, so that it is seen. Senders that are a name rather than a number cannot
    be in any conversation with us, and receipts are none of this function's business: both give an empty list.
    Raises Unreadable.
    """
    if "status" in fields and "text" not in fields:
        return []
    vendor_id = usable_id(fields.get("messageId"))
    if not vendor_id or "msisdn" not in fields or "to" not in fields:
        raise Unreadable("an inbound text needs messageId, msisdn and to")
    sender, recipient = e164(fields["msisdn"]), e164(fields["to"])
    if not sender or not recipient:
        return []
    text = fields.get("text", "")
    return [
        InboundText(
            vendor_id=vendor_id,
            sender=sender,
            recipient=recipient,
            text=clean_text(text) if isinstance(text, str) else "",
            at=read_time(fields.get("message-timestamp")) or _epoch(fields.get("timestamp")),
            part=_part(fields),
        )
    ]


def _part(fields: Fields) -> InboundPart | None:
    """Where a text belongs; None for a whole one, and for one whose place is not told: better shown than lost."""
    if str(fields.get("concat", "")).lower() != "true":
        return None
    reference, number, total = (str(fields.get(f"concat-{name}", "")) for name in ("ref", "part", "total"))
    if not usable_id(reference) or not _COUNT.fullmatch(number) or not _COUNT.fullmatch(total):
        return None
    if not 1 <= int(number) <= int(total) or int(total) == 1:
        return None
    return InboundPart(reference=reference, number=int(number), total=int(total))


def read_receipts(fields: Fields) -> list[DeliveryReceipt]:
    """The receipt in a verified call, none when it is an inbound text. Raises Unreadable.

    Vonage sends one for each part of a text. In a receipt, `msisdn` is the recipient and `to` the sender.
    """
    if "status" not in fields and ("text" in fields or "type" in fields):
        return []
    vendor_id, reference = usable_id(fields.get("messageId")), usable_id(fields.get("client-ref"))
    if "status" not in fields or not (vendor_id or reference):
        raise Unreadable("a delivery receipt needs status, and messageId or client-ref")
    code = str(fields.get("err-code", ""))
    return [
        DeliveryReceipt(
            vendor_id=vendor_id,
            reference=reference,
            state=_STATES.get(str(fields["status"]).lower(), ReceiptState.UNKNOWN),
            error=vonage_error(RECEIPT + code) if _CODE.fullmatch(code) else None,
            at=read_time(fields.get("message-timestamp")) or _scts(fields.get("scts")),
            price=price(fields.get("price")),
        )
    ]


def e164(value: str | bool) -> str:
    """A number as Vonage writes it, in E.164 form; "" for a name."""
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    return f"+{match[1]}" if match else ""


def read_time(value: object) -> datetime | None:
    """A time as Vonage writes it, in UTC unless it says otherwise; None for what no clock of our days shows."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at if 2000 <= at.year < 2100 else None


def _epoch(value: str | bool | None) -> datetime | None:
    return datetime.fromtimestamp(int(value), UTC) if isinstance(value, str) and _EPOCH.fullmatch(value) else None


def _scts(value: str | bool | None) -> datetime | None:
    """YYMMDDHHMM, the carrier's own stamp."""
    try:
        return datetime.strptime(str(value), "%y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None
