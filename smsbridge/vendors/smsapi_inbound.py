"""Texts and delivery receipts as SMSAPI pushes them: texts as a form, receipts in a query, several at once by comma.

Nothing in such a call proves who sent it but the key that our own URL carries. Source: https://www.smsapi.com/docs.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from notifier.texts import clean_text
from notifier.wire import Call, Forged, Unreadable
from smsbridge.vendors.answers import usable_id
from smsbridge.vendors.base import DeliveryReceipt, InboundText
from smsbridge.vendors.smsapi_errors import status_of

KEY = "key"
_MOST_FIELDS = 100
_MOST_RECEIPTS = 50
_JOINED = re.compile(rf"((?:^|&){KEY}=[^&?]*)\?")
_NUMBER = re.compile(r"\+?(\d{3,15})", re.ASCII)
_EPOCH = re.compile(r"\d{9,10}", re.ASCII)


def check_key(call: Call, secrets: Sequence[str]) -> None:
    """Raise Forged unless the URL carries one of the secrets as its only `key`. Compared in constant time."""
    given = [keys[0] for query in (call.query, _parted(call.query)) if len(keys := _keys(query)) == 1]
    if not given:
        raise Forged("the URL carries no key: enter it at SMSAPI as the admin shows it")
    if not any(hmac.compare_digest(key, secret.encode()) for key in given for secret in secrets):
        raise Forged("the key in the URL is wrong: enter the URL at SMSAPI as the admin shows it")


def _parted(query: str) -> str:
    """The query where `?MsgId=…` was put behind a URL that had one: the first question mark in our key ends it.

    In a key that is given out, a question mark is written %3F.
    """
    return _JOINED.sub(r"\1&", query, count=1)


def _keys(query: str) -> list[bytes]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="replace", max_num_fields=_MOST_FIELDS)
    except ValueError:
        return []
    return [value.encode("utf-8", "replace") for name, value in pairs if name == KEY]


def fields_of(call: Call) -> Mapping[str, str]:
    """The parameters of a call, of the query and of a form, decoded; bytes that are no UTF-8 cost only their letters.

    Raises Unreadable.
    """
    text = call.body.decode("utf-8", "replace") if call.method == "POST" else ""
    try:
        sent = [
            pair
            for part in (_parted(call.query), text)
            for pair in parse_qsl(part, keep_blank_values=True, errors="replace", max_num_fields=_MOST_FIELDS)
        ]
    except ValueError:
        sent = []
    if not sent:
        raise Unreadable("the call holds no parameters, or too many")
    return dict(sent)


def read_inbound(fields: Mapping[str, str]) -> list[InboundText]:
    """The text in a verified call, none when it is a receipt or comes from a name. Raises Unreadable."""
    if "sms_text" not in fields and "status" in fields:
        return []
    if "sms_text" not in fields or "sms_from" not in fields or "sms_to" not in fields:
        raise Unreadable("an inbound text needs sms_from, sms_to and sms_text")
    sender, recipient = _e164(fields["sms_from"]), _e164(fields["sms_to"])
    if not sender or not recipient:
        return []
    return [
        InboundText(
            vendor_id=_id_of(fields),
            sender=sender,
            recipient=recipient,
            text=clean_text(fields["sms_text"]),
            at=_epoch(fields.get("sms_date", "")),
        )
    ]


def _id_of(fields: Mapping[str, str]) -> str:
    """SMSAPI's id of a text; where it gives none, one that a repetition of the call has as well."""
    if vendor_id := usable_id(fields.get("MsgId")):
        return vendor_id
    if not fields.get("sms_date"):
        raise Unreadable("an inbound text needs MsgId or sms_date: else a repetition could not be told from a new one")
    told = "\0".join(fields[name] for name in ("sms_from", "sms_to", "sms_date", "sms_text"))
    return f"own-{hashlib.sha256(told.encode('utf-8', 'replace')).hexdigest()[:32]}"


def read_receipts(fields: Mapping[str, str]) -> list[DeliveryReceipt]:
    """The receipts in a verified call, none when it is an inbound text. Raises Unreadable."""
    if "sms_text" in fields:
        return []
    states = fields.get("status", "").split(",")
    ids, references, times = (_column(fields, name, len(states)) for name in ("MsgId", "idx", "donedate"))
    rows = list(zip(states, ids, references, times, strict=True))
    told = [row for row in rows if usable_id(row[0]) and (usable_id(row[1]) or usable_id(row[2]))]
    if not told or len(rows) > _MOST_RECEIPTS:
        raise Unreadable("delivery receipts need status, and MsgId or idx, each with as many values by comma")
    return [_receipt(*row) for row in told]


def _column(fields: Mapping[str, str], name: str, length: int) -> list[str]:
    """The values of a parameter, one for each receipt; none of them when there are not as many."""
    values = fields.get(name, "").split(",")
    return values if len(values) == length else [""] * length


def _receipt(status: str, vendor_id: str, reference: str, done: str) -> DeliveryReceipt:
    state, error = status_of(status)
    return DeliveryReceipt(
        vendor_id=usable_id(vendor_id), reference=usable_id(reference), state=state, error=error, at=_epoch(done)
    )


def _e164(value: str) -> str:
    match = _NUMBER.fullmatch(value.strip())
    return f"+{match[1]}" if match else ""


def _epoch(value: str) -> datetime | None:
    return datetime.fromtimestamp(int(value), UTC) if _EPOCH.fullmatch(value) else None
