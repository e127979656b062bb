"""Texts that come in: stored before the vendor is answered, each once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from notifier import doorbell
from notifier.sql import database_now, fetch, moment
from notifier.texts import clean_text
from smsbridge.counters import INBOUND
from smsbridge.models import InboundSms
from smsbridge.phones import to_e164
from smsbridge.services import counting, media, optouts, parts, phone_proofs
from smsbridge.services.accounts import LiveAccount
from smsbridge.services.optouts import Heard
from smsbridge.services.parts import Part
from smsbridge.services.replies import STAGE as REPLY
from smsbridge.vendors.base import InboundPart, InboundText

#: what may be tried once more
AGAIN = (
    InboundSms.State.UNROUTED,
    InboundSms.State.DEAD,
    InboundSms.State.BLOCKED,
    InboundSms.State.REFUSED,
)

# A vendor's clock may be minutes behind ours; only a stamp older than this means that the text was delivered late.
_LATE_SECONDS = 900.0

_MOST_PARTS = 255


def accept(account: LiveAccount, texts: Sequence[InboundText]) -> bool:
    """Store inbound texts; one whose vendor id is known changes nothing. Committed when this returns.

    STOP, START and HELP are obeyed in the same transaction: they wait for no earlier text, nor for other parts.
    Returns whether the reply stage is to look: not for a part whose text still waits for others.
    The caller is outside any transaction. Raises OperationalError when the database is away.
    """
    whole = [text for text in texts if _place(text) is None]
    joined = _accept_parts(account, [(text, place) for text in texts if (place := _place(text))])
    _accept_whole(account, whole)
    return bool(whole) or joined


def _accept_whole(account: LiveAccount, texts: Sequence[InboundText]) -> None:
    rows = [_row(text) for text in texts]
    guarded = any(text.media and media.guarded(account.vendor, text.media) for text in texts)
    if guarded or any(optouts.is_keyword(text.text, text.meaning) for text in texts):
        told = {row[0]: text for row, text in reversed(list(zip(rows, texts, strict=True)))}  # the first is stored
        with transaction.atomic():
            stored = _store(account, rows)
            _show(account, stored, told)
            _obey(account, stored, told)
    elif rows:
        _store(account, rows)


def _row(text: InboundText) -> tuple[Any, ...]:
    urls = _urls(text)
    return (
        clean_text(text.vendor_id)[:120],
        _address(text.recipient),
        _address(text.sender),
        clean_text("\n".join([text.text, *urls])).strip(),
        json.dumps(urls),
        text.meaning,
        text.at,
    )


def _urls(text: InboundText) -> list[str]:
    return [url for told in text.media if (url := media.tidy(clean_text(told)))]


def _place(text: InboundText) -> InboundPart | None:
    """No vendor's parts hold pictures or are keywords; if ever one did, it would be shown as a text of its own.

    And so is one of more parts than a text can have (3GPP TS 23.040, 9.2.3.24.1: one octet tells how many).
    """
    if _urls(text) or text.meaning or text.part is None or text.part.total > _MOST_PARTS:
        return None
    return text.part


def _accept_parts(account: LiveAccount, texts: Sequence[tuple[InboundText, InboundPart]]) -> bool:
    """Whether any of them made a text whole."""
    if not texts:
        return False
    with transaction.atomic():
        now = database_now()
        # In a fixed order, as each waits for its turn.
        told = sorted((_part(account, *text, now) for text in texts), key=_turn)
        taken = [(part, parts.take(part)) for part in told]
        INBOUND.add_on_commit(account.slug, by=sum(one.began for _, one in taken))
        phone_proofs.came_in(part.phone for part, one in taken if one.began)
        for part, one in taken:
            if one.whole is not None:
                heard = Heard(account.id, part.number, part.phone, one.text, now, part.said_at, now)
                _obey_one(one.whole, heard)
    return any(one.whole is not None for _, one in taken)


def _part(account: LiveAccount, text: InboundText, place: InboundPart, now: datetime) -> Part:
    late = text.at if text.at is not None and text.at < now - timedelta(seconds=_LATE_SECONDS) else None
    return Part(
        account=account.id,
        vendor_id=clean_text(text.vendor_id)[:120],
        number=_address(text.recipient),
        phone=_address(text.sender),
        text=clean_text(text.text),
        place=replace(place, reference=clean_text(place.reference)[:120]),
        came=late or now,
        said_at=text.at,
        sent_at=late,
    )


def _turn(part: Part) -> tuple[str, str, str]:
    return part.phone, part.number, part.place.reference


def _store(account: LiveAccount, rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Id, vendor's id, number, phone and time of those that were new.

    One by one, as a vendor hardly ever sends two at once. Those that came prove that their phones can be texted.
    """
    stored = [one for row in rows for one in _store_one(account, *row)]
    INBOUND.add_on_commit(account.slug, by=len(stored))
    phone_proofs.came_in(phone for _, _, _, phone, _, in_doubt in stored if in_doubt)
    return [row for *row, _ in stored]


def _store_one(
    account: LiveAccount,
    vendor_id: str,
    number: str,
    phone: str,
    text: str,
    media: str,
    meaning: str,
    stamp: datetime | None,
) -> list[tuple[Any, ...]]:
    return fetch(
        "insert into smsbridge_inboundsms (account_id, vendor_id, number, phone, text, media, meaning, received_at,"
        " sent_at, state, reason, next_at, attempts, user_id, posted_as)"
        " values (%(account)s, %(vendor_id)s, %(number)s, %(phone)s, %(text)s, %(media)s, %(meaning)s, {now},"
        " case when {moment:stamp} < {now+late} then {moment:stamp} end, 'waiting', '', {now}, 0, '', '')"
        " on conflict (account_id, vendor_id) do nothing returning id, vendor_id, number, phone, received_at,"
        f" {phone_proofs.IN_DOUBT.format(phone='smsbridge_inboundsms.phone')}",
        account=account.id,
        vendor_id=vendor_id,
        number=number,
        phone=phone,
        text=text,
        media=media,
        meaning=meaning,
        stamp=stamp,
        late=-_LATE_SECONDS,
    )


def _show(account: LiveAccount, stored: Sequence[Sequence[Any]], told: Mapping[str, InboundText]) -> None:
    """Put links of ours where the vendor's own would ask the chat's people for the account's credentials."""
    for id_, vendor_id, *_ in stored:
        text = told[vendor_id]
        urls = _urls(text)
        if media.guarded(account.vendor, urls):
            shown = clean_text("\n".join([text.text, *media.links(account.vendor, id_, urls)])).strip()
            InboundSms.objects.filter(pk=id_).update(text=shown)


def _obey(account: LiveAccount, stored: Sequence[Sequence[Any]], told: Mapping[str, InboundText]) -> None:
    """Do what keywords ask for, whatever picture a phone adds to them.

    Those to another account's number are left to be filed as unrouted.
    """
    for id_, vendor_id, number, phone, received_at in stored:
        now, text = moment(received_at), told[vendor_id]
        _obey_one(id_, Heard(account.id, number, phone, text.text, now, text.at, now, text.meaning))


def _obey_one(sms: int, heard: Heard) -> None:
    reason = optouts.obey(heard)
    if reason is not None:
        InboundSms.objects.filter(pk=sms).update(state=InboundSms.State.KEYWORD, reason=reason, settled_at=Now())
        counting.filed([InboundSms.State.KEYWORD])


def _address(raw: str) -> str:
    """A phone in E.164; what is none, such as a short code or a name, as it is."""
    return to_e164(raw) or clean_text(raw)[:20]


def again(ids: Sequence[int]) -> int:
    """Let inbound texts that found no conversation, were given up, blocked or refused be tried once more; how many."""
    anew = {"state": InboundSms.State.WAITING, "attempts": 0, "asked": 0, "next_at": Now(), "settled_at": None}
    with transaction.atomic():
        retried = InboundSms.objects.select_for_update().filter(pk__in=ids, state__in=AGAIN)
        chosen = list(retried.order_by("-pk").values_list("pk", flat=True))
        parts.join_again(chosen)
        count = InboundSms.objects.filter(pk__in=chosen).update(reason=F("part_note"), **anew)
        doorbell.ring_on_commit(REPLY)
    return count
