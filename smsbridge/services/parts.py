"""Long texts that come in parts: one row from the first part on, joined in order as the others come.

The parts of a text share its phone, number, reference and total, and come in any order, more than once, or never
(https://developer.vonage.com/en/messaging/sms/guides/inbound-sms, concatenated messages). References are small numbers
that a phone uses again (3GPP TS 23.040, 9.2.3.24.1), so parts belong together only if they were sent close together.
The vendor's stamps tell that best, as they stay the same however often it repeats a part.

The row waits PARTS_WAIT for what is missing. The reply stage then takes it as it is: a gap is marked in the text, and
`part_note` says it in words. A part that comes after a post began is kept beside it, and changes nothing in the chat.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from notifier.sql import fetch, run
from smsbridge.models import InboundPart, InboundSms
from smsbridge.vendors.base import InboundPart as Place

MARK = " […] "

_LOCKS = 7_405_005  # the first half of an advisory lock's key; the second is made of what the parts share
_PATIENCE_MS = 2_000
_STAMPS_APART = timedelta(minutes=1)  # by the vendor's stamps the parts of a text are seconds apart
_ARRIVALS_APART = 3  # times PARTS_WAIT, where there are no stamps to compare
_MOST_TEXTS = 20  # of those with the same reference only the newest may be meant
_MOST_NAMED = 5
_GAP = "\0"  # no text holds it


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part as it came.

    `said_at` is the vendor's stamp, `sent_at` the same where it came late, `came` when it counts as having come.
    """

    account: int
    vendor_id: str
    number: str
    phone: str
    text: str
    place: Place
    came: datetime
    said_at: datetime | None
    sent_at: datetime | None


class Taken(NamedTuple):
    """What a part did: it began a text, or made one whole, which may be posted at once: its id and words."""

    began: bool = False
    whole: int | None = None
    text: str = ""


def take(part: Part) -> Taken:
    """Store a part; one whose vendor id is known changes nothing. In the caller's transaction."""
    _one_at_a_time(part)
    if InboundPart.objects.filter(account_id=part.account, vendor_id=part.vendor_id).exists():
        return Taken()
    sms, began = _text_of(part), False
    if sms is None:
        sms, began = _begun(part)
        if not began:
            return Taken()  # it came before, as a text of its own
    InboundPart.objects.create(
        sms=sms,
        account_id=part.account,
        vendor_id=part.vendor_id,
        place=part.place.number,
        text=part.text,
        said_at=part.said_at,
    )
    if not _is_open(sms):
        _came_too_late(sms, part.place)
        return Taken(began)
    whole = _join(sms, part.place.total)
    return Taken(began, sms.pk, sms.text) if whole else Taken(began)


def _one_at_a_time(part: Part) -> None:
    """Parts of one text take turns until the transaction ends. SQLite has one writer at a time as it is.

    Not for long: were a process to freeze in its turn, the vendor's repeats would occupy all others. Raises
    OperationalError then, which asks the vendor to come again.
    """
    if connection.vendor == "postgresql":
        run(f"set local lock_timeout = {_PATIENCE_MS}")
        shared = f"{part.account}/{part.phone}/{part.number}/{part.place.reference}"
        fetch("select pg_advisory_xact_lock(%(lock)s, %(key)s)", lock=_LOCKS, key=zlib.crc32(shared.encode()) - 2**31)


def _text_of(part: Part) -> InboundSms | None:
    """The text that this part belongs to, locked; None when it begins one. Never one that has such a part already.

    Of several with the same reference an open one counts before one that is not, then one that has a neighbour of this
    part, then the newest: a phone ends a text before it begins another.
    """
    texts = (
        InboundSms.objects.select_for_update(of=("self",))
        .filter(
            account_id=part.account,
            phone=part.phone,
            number=part.number,
            part_reference=part.place.reference,
            part_total=part.place.total,
        )
        .order_by("-pk")[:_MOST_TEXTS]
    )
    known = {sms.pk: _Known(sms) for sms in texts}
    for one in InboundPart.objects.filter(sms__in=list(known)).only("sms", "place", "said_at"):
        known[one.sms_id].places[one.place] = one.said_at
    fitting = sorted((one for one in known.values() if _may_hold(one, part)), key=lambda one: _fit(one, part))
    return fitting[-1].sms if fitting else None


@dataclass(frozen=True, slots=True)
class _Known:
    """A text that has parts already: their places, each with the vendor's stamp."""

    sms: InboundSms
    places: dict[int, datetime | None] = field(default_factory=dict)


def _may_hold(known: _Known, part: Part) -> bool:
    if part.place.number in known.places:
        return False
    stamps = [stamp for stamp in known.places.values() if stamp is not None]
    if part.said_at is not None and stamps:
        return min(abs(part.said_at - stamp) for stamp in stamps) <= max(_STAMPS_APART, settings.PARTS_WAIT)
    came = known.sms.sent_at or known.sms.received_at
    return bool(abs(part.came - came) <= max(_ARRIVALS_APART * settings.PARTS_WAIT, _STAMPS_APART))


def _fit(known: _Known, part: Part) -> tuple[bool, bool, int]:
    neighbour = not known.places.keys().isdisjoint((part.place.number - 1, part.place.number + 1))
    return _is_open(known.sms), neighbour, known.sms.pk


def _is_open(sms: InboundSms) -> bool:
    """Whether nobody posts it now, or may have posted it: what the platform may know already must not change."""
    return sms.state == InboundSms.State.WAITING and sms.claim is None and not sms.post_began


def _begun(part: Part) -> tuple[InboundSms, bool]:
    """The row of a text whose first part came, with this part's id."""
    return InboundSms.objects.get_or_create(
        account_id=part.account,
        vendor_id=part.vendor_id,
        defaults={
            "number": part.number,
            "phone": part.phone,
            "text": "",
            "sent_at": part.sent_at,
            "next_at": Now() + settings.PARTS_WAIT,
            "reason": "It waits for its other parts.",
            "part_reference": part.place.reference,
            "part_total": part.place.total,
        },
    )


def _join(sms: InboundSms, total: int) -> bool:
    """Write the text as it is known now; whether it is whole."""
    texts = dict(InboundPart.objects.filter(sms=sms).values_list("place", "text"))
    sms.text, sms.part_note = joined(texts, total), _missing(texts, total)
    whole: dict[str, Any] = {} if sms.part_note else {"next_at": Now(), "reason": ""}
    InboundSms.objects.filter(pk=sms.pk).update(text=sms.text, part_note=sms.part_note, **whole)
    return not sms.part_note


def join_again(ids: Sequence[int]) -> None:
    """Join texts anew with the parts that came too late, where no post of them began. In the caller's transaction."""
    kept = InboundSms.objects.select_for_update().filter(pk__in=ids, part_total__isnull=False, post_began=False)
    for sms in kept.order_by("-pk"):  # as `_text_of` locks them
        _join(sms, sms.part_total or 0)


def joined(texts: Mapping[int, str], total: int) -> str:
    """The parts in order, with one mark wherever some are missing."""
    gaps = (place not in texts and (place == 1 or place - 1 in texts) for place in range(1, total + 1))
    pieces = (texts.get(place, _GAP if gap else "") for place, gap in enumerate(gaps, 1))
    return MARK.join(run.strip() for run in "".join(pieces).split(_GAP)).strip()


def _missing(texts: Mapping[int, str], total: int) -> str:
    """Which parts are not there, in words; "" when it is whole."""
    places = [str(place) for place in range(1, total + 1) if place not in texts]
    if not places:
        return ""
    if len(places) > _MOST_NAMED:
        return f"{len(places)} of its {total} parts did not come in time."
    *first, last = places
    named = f"Parts {', '.join(first)} and {last}" if first else f"Part {last}"
    return f"{named} of {total} did not come in time."


def _came_too_late(sms: InboundSms, place: Place) -> None:
    """Say so in what the row tells, whatever became of it, or becomes of it in this moment."""
    sentence = f"Part {place.number} of {place.total} came too late to be joined."
    sms.reason, sms.part_note = (f"{told} {sentence}".strip() for told in (sms.reason, sms.part_note))
    sms.save(update_fields=["reason", "part_note"])
