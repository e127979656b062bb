"""Texts and delivery receipts as Vonage's Messages API pushes them, in its version 1 and the older 0.1.

Sources: https://developer.vonage.com/en/api/messages (webhooks) and
https://developer.vonage.com/en/messages/concepts/messages-status-callbacks. Vonage joins long texts itself. In 0.1,
phones are objects with a `number`, and what was sent is below `message.content`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from notifier.texts import clean_text
from notifier.wire import Unreadable
from smsbridge.vendors.answers import price, usable_id
from smsbridge.vendors.base import DeliveryReceipt, ErrorInfo, InboundText, ReceiptState
from smsbridge.vendors.vonage_inbound import e164, read_time
from smsbridge.vendors.vonage_messages_errors import EXPIRED, error_code, messages_error

_STATES = {
    "submitted": ReceiptState.SENT,
    "delivered": ReceiptState.DELIVERED,
    "read": ReceiptState.DELIVERED,
    "rejected": ReceiptState.UNDELIVERED,
    "undeliverable": ReceiptState.UNDELIVERED,
}
_MEDIA = ("image", "audio", "video", "file", "vcard")
_LONGEST_URL = 2000
_MOST_MEDIA = 20


def read_inbound(content: Mapping[str, Any]) -> list[InboundText]:
    """The text in a verified call; what is neither words nor media becomes an empty text, so that it is seen.

    Senders that are no number cannot be in any conversation with us, and receipts are none of this function's
    business: both give an empty list. Raises Unreadable.
    """
    if "status" in content:
        return []
    vendor_id = usable_id(content.get("message_uuid"))
    if not vendor_id or "from" not in content or "to" not in content:
        raise Unreadable("an inbound text needs message_uuid, from and to")
    sender, recipient = _phone(content["from"]), _phone(content["to"])
    if not sender or not recipient:
        return []
    sent = _object(_object(content.get("message")).get("content")) or content
    return [
        InboundText(
            vendor_id=vendor_id,
            sender=sender,
            recipient=recipient,
            text=_words(sent),
            at=read_time(content.get("timestamp")),
            media=_links(sent),
        )
    ]


def _words(sent: Mapping[str, Any]) -> str:
    """The text, or the caption of what came instead of one."""
    captions = [_object(sent.get(kind)).get("caption") for kind in _MEDIA]
    found = next((words for words in (sent.get("text"), *captions) if isinstance(words, str)), "")
    return clean_text(found)


def _links(sent: Mapping[str, Any]) -> Sequence[str]:
    """The URLs of what came with a text: one of its kind, or a list of several kinds in `content`."""
    listed = sent.get("content")
    several = listed if isinstance(listed, list) else []
    entries = [*(sent.get(kind) for kind in _MEDIA), *several[:_MOST_MEDIA]]
    urls = [_object(entry).get("url") for entry in entries]
    return tuple(url for url in urls if isinstance(url, str) and _is_link(url))


def _is_link(url: str) -> bool:
    return url.startswith(("https://", "http://")) and len(url) <= _LONGEST_URL and url.isascii() and url.isprintable()


def read_receipts(content: Mapping[str, Any]) -> list[DeliveryReceipt]:
    """The receipt in a verified call, none when it is an inbound text. Raises Unreadable."""
    if "status" not in content and ("message_type" in content or "message" in content):
        return []
    vendor_id, reference = usable_id(content.get("message_uuid")), usable_id(content.get("client_ref"))
    if "status" not in content or not (vendor_id or reference):
        raise Unreadable("a delivery receipt needs status, and message_uuid or client_ref")
    usage, error = _object(content.get("usage")), _error(content)
    currency, paid = usage.get("currency"), price(usage.get("price"))
    state = _STATES.get(str(content["status"]).lower(), ReceiptState.UNKNOWN)
    late = error is not None and error.code == EXPIRED and state is ReceiptState.UNDELIVERED
    return [
        DeliveryReceipt(
            vendor_id=vendor_id,
            reference=reference,
            state=ReceiptState.EXPIRED if late else state,
            error=error,
            at=read_time(content.get("timestamp")),
            price=paid,
            currency=currency if paid is not None and isinstance(currency, str) and len(currency) == 3 else "",
            segments=_count(_object(content.get("sms")).get("count_total")),
        )
    ]


def _error(content: Mapping[str, Any]) -> ErrorInfo | None:
    code = error_code(_object(content.get("error")))
    return messages_error(code) if code else None


def _count(value: object) -> int | None:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 and int(text) else None


def _phone(value: object) -> str:
    told = value.get("number") if isinstance(value, dict) else value
    return e164(told) if isinstance(told, str) else ""


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
