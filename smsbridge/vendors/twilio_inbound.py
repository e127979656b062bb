"""Texts and delivery receipts as Twilio pushes them: a form by POST, or GET or JSON where that is set.

Sources: https://www.twilio.com/docs/messaging/guides/webhook-request and
https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks.
"""

import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qs, parse_qsl

from notifier.texts import clean_text
from notifier.wire import Call, Unreadable
from smsbridge.vendors.base import DeliveryReceipt, InboundText
from smsbridge.vendors.twilio_answers import code_of, message_id, receipt_of, segments_of

REFERENCE = "reference"  # the parameter of the receipt URL by which we know our own text again

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 300
_MOST_MEDIA = 10
_PHONE = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_OURS = re.compile(r"[0-9a-f]{32}", re.ASCII)
#: what Twilio took a text for where Advanced Opt-Out is on; it has answered it
#: (https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out)
_MEANINGS = {"STOP": "stop", "START": "start", "HELP": "help"}
_LINK = re.compile(r"https?://[!-~]{1,1900}", re.ASCII)


def is_form(call: Call) -> bool:
    return call.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM


def form_of(text: str) -> list[tuple[str, str]]:
    """The fields of a form in their order. Raises ValueError."""
    return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)


def fields_of(call: Call) -> Mapping[str, str]:
    """The parameters of a call, decoded, from just that part of it that the signature covers. Raises Unreadable."""
    try:
        if call.method in ("GET", "HEAD"):
            return dict(form_of(call.query))
        return dict(form_of(call.body.decode())) if is_form(call) else _json(call.body.decode())
    except (ValueError, RecursionError):
        pass
    raise Unreadable("the parameters are neither a form nor a JSON object in UTF-8")  # out here: no chained content


def _json(text: str) -> dict[str, str]:
    value = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return {name: item for name, item in value.items() if isinstance(item, str)}


def read_inbound(fields: Mapping[str, str]) -> list[InboundText]:
    """The text in a verified call; none when it is a receipt, or comes from a name or a short code.

    Raises Unreadable.
    """
    if "MessageStatus" in fields:
        return []
    vendor_id = message_id(fields.get("MessageSid", fields.get("SmsMessageSid")))
    sender, recipient = fields.get("From", ""), fields.get("To", "")
    if not vendor_id or not sender or not recipient:
        raise Unreadable("an inbound text needs MessageSid, From and To")
    if not _PHONE.fullmatch(sender) or not _PHONE.fullmatch(recipient):
        return []
    return [
        InboundText(
            vendor_id=vendor_id,
            sender=sender,
            recipient=recipient,
            text=clean_text(fields.get("Body", "")),
            media=_media(fields),
            meaning=_MEANINGS.get(fields.get("OptOutType", "").strip().upper(), ""),
        )
    ]


def _media(fields: Mapping[str, str]) -> list[str]:
    links = (fields.get(f"MediaUrl{number}", "") for number in range(_MOST_MEDIA))
    return [link for link in links if _LINK.fullmatch(link)]


def read_receipts(fields: Mapping[str, str], query: str) -> list[DeliveryReceipt]:
    """The receipt in a verified call, none when it is an inbound text. Raises Unreadable.

    Twilio has no reference of ours: it is in `query`, as we gave it with the URL, which the signature covers.
    """
    if "MessageStatus" not in fields and "Body" in fields:
        return []
    vendor_id = message_id(fields.get("MessageSid", fields.get("SmsSid")))
    reference = _reference(query)
    if "MessageStatus" not in fields or not (vendor_id or reference):
        raise Unreadable("a delivery receipt needs MessageStatus, and MessageSid or our reference")
    code = code_of(fields.get("ErrorCode", ""))
    segments = segments_of(fields.get("NumSegments"))
    return [receipt_of(vendor_id, reference, fields["MessageStatus"].lower(), code, segments=segments)]


def _reference(query: str) -> str:
    try:
        given = parse_qs(query, max_num_fields=_MOST_FIELDS).get(REFERENCE, [""])[0]
    except ValueError:
        return ""
    return given if _OURS.fullmatch(given) else ""
