"""The pretend phones: texts they receive from a vendor's number, texts their owners send back, and who is told."""

import re
from collections.abc import Sequence

from django.db import transaction

from smsbridge.simulator import queue, segments
from smsbridge.simulator.dialects import dialect
from smsbridge.simulator.models import Number, Phone, Text

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
def receive(
    *, sender: str, phone: str, text: str, reference: str, vendor: str, status_url: str, media: Sequence[str] = ()
) -> Text:
    """A text reaches a phone: it is shown there, its receipts go to `status_url`, and `autorespond` is obeyed.

    `vendor` is the key of the dialect by which it came.
    """
    number, _ = Number.objects.get_or_create(e164=sender, defaults={"dialect": vendor})
    Phone.objects.get_or_create(e164=phone)
    row = Text.objects.create(
        uid=dialect(vendor).uid(inbound=False),
        phone_id=phone,
        number=sender,
        received=True,
        text=text,
        reference=reference,
        segments=segments.count(text),
        status=Text.Status.DELIVERED,
        media=list(media),
    )
    if status_url:
        queue.put(*dialect(vendor).receipts(row, status_url))
    if "autorespond" in text:
        _send(number, phone, AUTO_ANSWER)
    return row


@transaction.atomic
def answer(*, phone: str, number: str, text: str, media: Sequence[str] = ()) -> Text:
    """The person at the phone texts a number; a number nobody knows takes it nowhere, and it is shown as lost."""
    Phone.objects.get_or_create(e164=phone)
    known, _ = Number.objects.get_or_create(e164=number)
    return _send(known, phone, text, media)


def _send(number: Number, phone: str, text: str, media: Sequence[str] = ()) -> Text:
    vendor = dialect(number.dialect)
    url = number.inbound_url or vendor.default_inbound_url()
    row = Text.objects.create(
        uid=vendor.uid(inbound=True),
        phone_id=phone,
        number=number.e164,
        received=False,
        text=text,
        segments=segments.count(text),
        status=Text.Status.WAITING if url else Text.Status.LOST,
        media=list(media),
    )
    if url:
        queue.put(*vendor.inbound(row, url))
    return row
