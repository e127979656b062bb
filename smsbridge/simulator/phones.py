"""The pretend phones: texts they receive from a vendor's number, texts their owners send back, and who is told."""

import json
import re
from urllib.parse import urlsplit
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from smsbridge.simulator import conf, queue, segments, vonage_wire
from smsbridge.simulator.models import Delivery, Number, Phone, Text
from smsbridge.simulator.wire import date

E164 = re.compile(r"\+[1-9]\d{6,14}")
AUTO_ANSWER = "This is an automatic answer."


class NumberFormatError(Exception):
    """A phone or number that is not in E.164 form; the text is for people."""


def e164(given: object) -> str:
    """A number written in any usual way, in E.164 form; raises NumberFormatError."""
    digits = re.sub(r"[\s().-]", "", given) if isinstance(given, str) else ""
    number = digits if digits.startswith("+") else f"+{digits}"
    if not E164.fullmatch(number):
        raise NumberFormatError("A number must be in E.164 form, such as +12022000101.")
    return number


@transaction.atomic
def receive(*, sender: str, phone: str, text: str, reference: str, dialect: Number.Dialect, status_url: str) -> Text:
    """A text reaches a phone: it is shown there, its receipts go to `status_url`, and `autorespond` is obeyed."""
    number, _ = Number.objects.get_or_create(e164=sender, defaults={"dialect": dialect})
    Phone.objects.get_or_create(e164=phone)
    row = Text.objects.create(
        uid=f"fake-{uuid4()}" if dialect == Number.Dialect.FAKE else uuid4().hex[:16].upper(),
        phone_id=phone,
        number=sender,
        received=True,
        text=text,
        reference=reference,
        segments=segments.count(text),
        status=Text.Status.DELIVERED,
    )
    if status_url:
        writer = fake_receipts if dialect == Number.Dialect.FAKE else vonage_wire.receipts
        queue.put(*writer(row, status_url))
    if "autorespond" in text:
        _send(number, phone, AUTO_ANSWER)
    return row


@transaction.atomic
def answer(*, phone: str, number: str, text: str) -> Text:
    """The person at the phone texts a number; a number nobody knows takes it nowhere, and it is shown as lost."""
    Phone.objects.get_or_create(e164=phone)
    known, _ = Number.objects.get_or_create(e164=number)
    return _send(known, phone, text)


def _send(number: Number, phone: str, text: str) -> Text:
    fake = number.dialect == Number.Dialect.FAKE
    url = number.inbound_url or (conf.fake_inbound_url() if fake else "")
    row = Text.objects.create(
        uid=f"fake-in-{uuid4()}" if fake else uuid4().hex[:16].upper(),
        phone_id=phone,
        number=number.e164,
        received=False,
        text=text,
        segments=segments.count(text),
        status=Text.Status.WAITING if url else Text.Status.LOST,
    )
    if url:
        queue.put(fake_inbound(row, url) if fake else vonage_wire.inbound(row, url))
    return row


def fake_inbound(row: Text, url: str) -> Delivery:
    content = {"id": row.uid, "from": row.phone_id, "to": row.number, "text": row.text, "at": date(row.at)}
    return _fake_call(row, url, content)


def fake_receipts(row: Text, url: str) -> list[Delivery]:
    return [
        _fake_call(row, url, {"id": row.uid, "reference": row.reference, "status": status, "code": ""})
        for status in ("sent", "delivered")
    ]


def _fake_call(row: Text, url: str, content: dict[str, str]) -> Delivery:
    return Delivery(
        kind=Delivery.Kind.FAKE,
        lane=lane(url),
        url=url,
        content_type="application/json",
        body=json.dumps(content, ensure_ascii=conf.escape_non_ascii()),
        text=row,
        due_at=timezone.now(),
    )


def lane(url: str) -> str:
    """One lane for each URL path, so that texts do not wait behind receipts."""
    target = urlsplit(url)
    return f"{target.scheme}://{target.netloc}{target.path}"
