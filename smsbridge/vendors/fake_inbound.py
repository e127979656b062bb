"""What the pretend SMS network sends to us: how it is signed, and what it says. `fake` holds the contract."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from notifier.texts import clean_text
from notifier.wire import Call, Forged, Unreadable
from smsbridge.vendors.answers import http_error, usable_id
from smsbridge.vendors.base import DeliveryReceipt, ErrorInfo, ErrorKind, InboundText, PhoneStatus, ReceiptState

#: the pretend network repeats for a day, as real ones do, with the time at which it first tried
WINDOW_SECONDS = 25 * 3600

_STATES = {
    "queued": ReceiptState.QUEUED,
    "sent": ReceiptState.SENT,
    "delivered": ReceiptState.DELIVERED,
    "undelivered": ReceiptState.UNDELIVERED,
    "expired": ReceiptState.EXPIRED,
}

#: a choice of Twilio's codes with their meanings
_ERRORS: dict[str, tuple[ErrorKind, str]] = {
    "30003": (ErrorKind.TEMPORARY, "the handset is switched off or out of reach"),
    "30004": (ErrorKind.RECIPIENT, "the recipient's phone blocks the text"),
    "30005": (ErrorKind.RECIPIENT, "the number is not known to any network"),
    "30006": (ErrorKind.RECIPIENT, "the number is a landline"),
    "30007": (ErrorKind.RECIPIENT, "the carrier filtered the text"),
    "30011": (ErrorKind.RECIPIENT, "the recipient's number takes no media"),
    "21610": (ErrorKind.OPTED_OUT, "the recipient does not want texts"),
    "20003": (ErrorKind.ACCOUNT, "the token is wrong: correct it in the account's settings"),
    "20429": (ErrorKind.TEMPORARY, "too many requests"),
}
_ABOUT_MEDIA = frozenset({"30011"})
_PROVES = {"30005": PhoneStatus.NOT_IN_SERVICE, "30006": PhoneStatus.LANDLINE}
_LINK = "https://www.twilio.com/docs/api/errors/"
_CODE = re.compile(r"\d{1,9}", re.ASCII)
_PHONE = re.compile(r"\+[1-9]\d{2,14}", re.ASCII)
_STAMP = re.compile(r"\d{1,11}", re.ASCII)


def fake_error(code: str) -> ErrorInfo:
    """A code in words; an unknown one is of kind UNKNOWN. An HTTP status is written `http:401`."""
    if code.startswith("http:"):
        return http_error("Fake vendor", code.removeprefix("http:"))
    kind, text = _ERRORS.get(code, (ErrorKind.UNKNOWN, "a code without a meaning"))
    link = f"{_LINK}{quote(code, safe='', errors='replace')}"
    proves = _PROVES.get(code, PhoneStatus.UNKNOWN)
    return ErrorInfo(code, f"{text} (code {code})", link, kind, proves=proves, about_media=code in _ABOUT_MEDIA)


def is_code(value: object) -> bool:
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


def is_phone(value: object) -> bool:
    return isinstance(value, str) and _PHONE.fullmatch(value) is not None


def signature(secret: str, stamp: str, body: bytes) -> str:
    """The `v1` of X-Fake-Signature."""
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


def check(call: Call, secrets: Sequence[str], *, now: float) -> None:
    """Raise Forged unless the raw body is signed with one of the secrets, not too far from `now` (Unix seconds)."""
    pairs = [item.strip().partition("=") for item in call.headers.get("x-fake-signature", "").split(",")[:10]]
    stamp = next((value for name, _, value in pairs if name == "t"), "")
    given = [value.lower().encode("ascii", "replace") for name, _, value in pairs if name == "v1"]
    if not given or not _STAMP.fullmatch(stamp):
        raise Forged("the call is not signed: X-Fake-Signature must hold t and v1")
    expected = [signature(secret, stamp, call.body).encode() for secret in secrets]
    if not any(hmac.compare_digest(one, other) for one in given for other in expected):
        raise Forged("the signature is wrong: compare the signing secret with the pretend network's")
    if abs(now - int(stamp)) > WINDOW_SECONDS:
        raise Forged("the signed call is too old or from the future: if it is genuine, check this machine's clock")


def read_inbound(content: Mapping[str, Any]) -> list[InboundText]:
    """The text in a verified call, none when it is a receipt. Raises Unreadable."""
    if "status" in content and "text" not in content:
        return []
    vendor_id, text = usable_id(content.get("id")), content.get("text")
    sender, recipient = content.get("from"), content.get("to")
    if not vendor_id or not isinstance(text, str) or not is_phone(sender) or not is_phone(recipient):
        raise Unreadable("an inbound text needs id, text, and from and to as phone numbers with plus")
    at = _time(content.get("at"))
    return [
        InboundText(vendor_id=vendor_id, sender=str(sender), recipient=str(recipient), text=clean_text(text), at=at)
    ]


def read_receipts(content: Mapping[str, Any]) -> list[DeliveryReceipt]:
    """The receipt in a verified call, none when it is an inbound text. Raises Unreadable."""
    if "status" not in content and "text" in content:
        return []
    vendor_id, reference = usable_id(content.get("id")), usable_id(content.get("reference"))
    status, code = content.get("status"), content.get("code")
    if not isinstance(status, str) or not (vendor_id or reference):
        raise Unreadable("a receipt needs status, and id or reference")
    state = _STATES.get(status, ReceiptState.UNKNOWN)
    error = fake_error(code) if isinstance(code, str) and is_code(code) and int(code) else None
    return [DeliveryReceipt(vendor_id=vendor_id, reference=reference, state=state, error=error)]


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value)) if isinstance(value, str) else None
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at and not at.tzinfo else at
    return at if at and 2000 <= at.year < 2100 else None
