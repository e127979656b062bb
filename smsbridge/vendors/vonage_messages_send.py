"""One text, or one picture with its caption, as Vonage's Messages API takes it; and what it answered.

Source: https://developer.vonage.com/en/api/messages, by the models of the `vonage_messages` package: 202 with a
`message_uuid`, or a problem (see `vonage_messages_errors`).
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel
from vonage_messages.models import (
    EncodingType,
    MmsAudio,
    MmsFile,
    MmsImage,
    MmsVcard,
    MmsVideo,
    Sms,
    SmsOptions,
)

from notifier.wire import Response, retry_after_seconds
from smsbridge.vendors.answers import by_status, contradicts, decoded, uncertain, usable_id
from smsbridge.vendors.base import ErrorKind, Outcome, OutcomeKind, OutgoingSms
from smsbridge.vendors.vonage_messages_errors import ALREADY_SENT, error_code, messages_error
from smsbridge.vendors.vonage_models import check_text, digits, dumped

LONGEST_TEXT = 3200
LONGEST_CAPTION = 3000

#: codes by which a message was certainly not accepted, and may be later. Other passing errors, such as 1030 ("an error
#: processing your request in the Platform") or those of the carrier, do not say how far it had got.
_NOT_NOW = frozenset({"1000", "1241", "throttled"})

_AUTO = SmsOptions(encoding_type=EncodingType.AUTO)
_MODELS: Mapping[str, type[BaseModel]] = {
    "image": MmsImage,
    "audio": MmsAudio,
    "video": MmsVideo,
    "vcard": MmsVcard,
    "file": MmsFile,
}
#: what Vonage sends as which, by the first half of its type
_TYPES = {"image": "image", "audio": "audio", "video": "video"}
#: the same by the ending of the URL, where the type is not known; all else goes as a file
_ENDINGS = {
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".gif"), "image"),
    **dict.fromkeys((".mp4", ".m4v", ".mov", ".3gp"), "video"),
    **dict.fromkeys((".mp3", ".m4a", ".amr", ".ogg"), "audio"),
    ".vcf": "vcard",
}


def message_of(sms: OutgoingSms) -> dict[str, Any]:
    """The fields as the package sends them. Raises ValueError, without phone or text, for what cannot be sent."""
    if len(sms.media) > 1:
        raise ValueError("Vonage's Messages API carries one of the media with a text: put the others into words")
    check_text(sms.text, LONGEST_CAPTION if sms.media else LONGEST_TEXT)
    fields: dict[str, object] = {
        "to": digits(sms.recipient, "recipient"),
        "from_": digits(sms.sender, "sender"),
        "client_ref": sms.reference,
    }
    if sms.status_url:
        fields["webhook_url"] = sms.status_url
    if not sms.media:
        return dumped(Sms, {**fields, "text": sms.text, "sms": _AUTO})
    (url,) = sms.media
    kind = _kind_of(url, sms.media_types[0] if sms.media_types else "")
    return dumped(_MODELS[kind], {**fields, kind: {"url": url, "caption": sms.text}})


def _kind_of(url: str, mime_type: str) -> str:
    if mime_type:
        return "vcard" if "vcard" in mime_type else _TYPES.get(mime_type.partition("/")[0], "file")
    return _ENDINGS.get(PurePosixPath(urlsplit(url).path).suffix.lower(), "file")


def read_outcome(response: Response) -> Outcome:
    """What became of a send. Never raises."""
    status, content = response.status, decoded(response.body) or {}
    vendor_id = usable_id(content.get("message_uuid"))
    if vendor_id and 200 <= status < 300:
        return Outcome(kind=OutcomeKind.SENT, vendor_id=vendor_id, reason="accepted by Vonage")
    if vendor_id:
        return contradicts("Vonage", status, vendor_id)
    code = error_code(content)
    if not code or status in (408, 429) or not 400 <= status < 500:
        return by_status("Vonage", response)
    error = messages_error(code)
    if code == ALREADY_SENT or (error.kind is ErrorKind.TEMPORARY and code not in _NOT_NOW):
        return uncertain(error.text, error=error)
    if code in _NOT_NOW:
        wait = retry_after_seconds(response.headers)
        return Outcome(kind=OutcomeKind.THROTTLED, retry_after=wait, error=error, reason=error.text)
    return Outcome(kind=OutcomeKind.REFUSED, error=error, reason=error.text)
