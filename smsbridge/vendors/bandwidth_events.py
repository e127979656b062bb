"""What Bandwidth's messaging API pushes: a JSON array of events, texts and receipts alike.

Source: https://dev.bandwidth.com/docs/messaging/webhooks. A call may hold events of several kinds: each reader takes
its own. An event that cannot be read does not take the readable ones of the same call with it.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from notifier.texts import clean_text
from notifier.wire import Unreadable
from smsbridge.vendors.answers import usable_id
from smsbridge.vendors.bandwidth_errors import NO_RECEIPT, bandwidth_error, code_of
from smsbridge.vendors.bandwidth_outcome import segments_of
from smsbridge.vendors.base import DeliveryReceipt, InboundText, PhoneFacts, PhoneStatus, ReceiptState

Event = dict[str, Any]
_Read = TypeVar("_Read")

_INBOUND = "message-received"
_STATES = {
    "message-sending": ReceiptState.SENT,
    "message-sent": ReceiptState.SENT,
    "message-delivered": ReceiptState.DELIVERED,
    "message-read": ReceiptState.DELIVERED,
    "message-failed": ReceiptState.UNDELIVERED,
}
_PHONE = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_URL = re.compile(r"https?://[!-~]{1,2000}")
_MOST_MEDIA = 50
_LONGEST_CARRIER = 100


def events_of(body: bytes) -> list[object]:
    """The events of a call. Raises Unreadable for what is no JSON array; what is in it is not looked at."""
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, list):
        return value
    raise Unreadable("the body is not a JSON array of events")  # out here: no chained content


def messages_of(events: list[object]) -> Iterator[tuple[Event, Event]]:
    """Each event that is about a message, with that message."""
    for event in events:
        if isinstance(event, dict) and isinstance(event.get("message"), dict):
            yield event, event["message"]


def read_inbound(body: bytes) -> list[InboundText]:
    """The texts in a verified call. Texts from short codes and names cannot be answered, and are left out.

    Raises Unreadable when there is no array, or nothing but events that cannot be read.
    """
    return _each(body, lambda kind: kind == _INBOUND, _text)


def read_receipts(body: bytes) -> list[DeliveryReceipt]:
    """The receipts in a verified call. Raises Unreadable as `read_inbound` does."""
    return _each(body, lambda kind: kind.startswith("message-") and kind != _INBOUND, _receipt)


def _each(body: bytes, wanted: Callable[[str], bool], read: Callable[[str, Event, Event], _Read | None]) -> list[_Read]:
    """What `read` makes of every event of a kind that is `wanted`; None of it means: of no interest."""
    events, found, problem = events_of(body), [], None
    for event in events:
        kind = event.get("type") if isinstance(event, dict) else None
        if not isinstance(event, dict) or not isinstance(kind, str):
            problem = Unreadable("an event has no type")
        elif wanted(kind):
            try:
                found.append(read(kind, event, _message(event)))
            except Unreadable as unreadable:
                problem = unreadable
    if problem and not found:
        raise problem
    return [item for item in found if item is not None]


def _message(event: Event) -> Event:
    message = event.get("message")
    if not isinstance(message, dict):
        raise Unreadable("an event about a message must hold it")
    return message


def _text(kind: str, event: Event, message: Event) -> InboundText | None:
    vendor_id = usable_id(message.get("id"))
    sender, recipient = message.get("from"), event.get("to") or message.get("owner")
    if not vendor_id or not isinstance(sender, str) or not isinstance(recipient, str):
        raise Unreadable("a text that came in needs message.id, message.from and to")
    if not _PHONE.fullmatch(sender) or not _PHONE.fullmatch(recipient):
        return None
    text = message.get("text")
    return InboundText(
        vendor_id=vendor_id,
        sender=sender,
        recipient=recipient,
        text=clean_text(text) if isinstance(text, str) else "",
        at=_time(message.get("time")) or _time(event.get("time")),
        media=_media(message.get("media")),
    )


def _media(value: object) -> tuple[str, ...]:
    """URLs of what came along, without the slide description (SMIL) that phones put beside their pictures."""
    given = value if isinstance(value, list) else []
    urls = [url for url in given[:_MOST_MEDIA] if isinstance(url, str) and _URL.fullmatch(url)]
    return tuple(url for url in urls if not _path(url).endswith(".smil"))


def _path(url: str) -> str:
    try:
        return urlsplit(url).path.lower()
    except ValueError:
        return ".smil"  # no URL at all, such as one with half an IPv6 address: left out as well


def _receipt(kind: str, event: Event, message: Event) -> DeliveryReceipt | None:
    vendor_id, reference = usable_id(message.get("id")), usable_id(message.get("tag"))
    if not vendor_id and not reference:
        raise Unreadable("a delivery receipt needs message.id or message.tag")
    state, code = _STATES.get(kind, ReceiptState.UNKNOWN), code_of(event.get("errorCode"))
    if state is ReceiptState.UNDELIVERED and code == NO_RECEIPT:
        state = ReceiptState.UNKNOWN  # the text left, and nobody knows whether it arrived
    return DeliveryReceipt(
        vendor_id=vendor_id,
        reference=reference,
        state=state,
        error=bandwidth_error(code) if code else None,
        at=_time(event.get("time")),
        segments=segments_of(message.get("segmentCount")),
        facts=_facts(event.get("carrierName"), state),
    )


def _facts(carrier: object, state: ReceiptState) -> PhoneFacts | None:
    if not isinstance(carrier, str) or not carrier.strip():
        return None
    status = PhoneStatus.TEXTABLE if state is ReceiptState.DELIVERED else PhoneStatus.UNKNOWN
    return PhoneFacts(status=status, carrier=clean_text(carrier).strip()[:_LONGEST_CARRIER])


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at and not at.tzinfo else at
    return at if at and 2000 <= at.year < 2100 else None
