"""Texts that come in: stored before the vendor is answered, each once."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from notifier import doorbell
from notifier.sql import fetch, moment
from notifier.texts import clean_text
from smsbridge.counters import INBOUND
from smsbridge.models import InboundSms
from smsbridge.phones import to_e164
from smsbridge.services import counting, optouts
from smsbridge.services.accounts import LiveAccount
from smsbridge.services.optouts import Heard
from smsbridge.services.replies import STAGE as REPLY
from smsbridge.vendors.base import InboundText

# A vendor's clock may be minutes behind ours; only a stamp older than this means that the text was delivered late.
_LATE_SECONDS = 900.0


def accept(account: LiveAccount, texts: Sequence[InboundText]) -> None:
    """Store inbound texts; one whose vendor id is known changes nothing. Committed when this returns.

    STOP, START and HELP are obeyed in the same transaction: they wait for no earlier text.
    The caller is outside any transaction. Raises OperationalError when the database is away.
    """
    rows = [
        (
            clean_text(text.vendor_id)[:120],
            _address(text.recipient),
            _address(text.sender),
            clean_text("\n".join([text.text, *text.media])).strip(),
            json.dumps([clean_text(url) for url in text.media]),
            text.at,
        )
        for text in texts
    ]
    if any(optouts.is_keyword(text.text) for text in texts):
        told = {row[0]: text for row, text in reversed(list(zip(rows, texts, strict=True)))}  # the first is stored
        with transaction.atomic():
            _obey(account, _store(account, rows), told)
    elif rows:
        _store(account, rows)


def _store(account: LiveAccount, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Those that were new, as `_store_one` returns them. One by one, as a vendor hardly ever sends two at once."""
    stored = [one for row in rows for one in _store_one(account, *row)]
    INBOUND.add_on_commit(account.slug, by=len(stored))
    return stored


def _store_one(
    account: LiveAccount, vendor_id: str, number: str, phone: str, text: str, media: str, stamp: datetime | None
) -> list[tuple[Any, ...]]:
    return fetch(
        "insert into smsbridge_inboundsms (account_id, vendor_id, number, phone, text, media, received_at, sent_at,"
        " state, reason, next_at, attempts, user_id, posted_as)"
        " values (%(account)s, %(vendor_id)s, %(number)s, %(phone)s, %(text)s, %(media)s, {now},"
        " case when {moment:stamp} < {now+late} then {moment:stamp} end, 'waiting', '', {now}, 0, '', '')"
        " on conflict (account_id, vendor_id) do nothing returning id, vendor_id, number, phone, received_at",
        account=account.id,
        vendor_id=vendor_id,
        number=number,
        phone=phone,
        text=text,
        media=media,
        stamp=stamp,
        late=-_LATE_SECONDS,
    )


def _obey(account: LiveAccount, stored: Sequence[tuple[Any, ...]], told: Mapping[str, InboundText]) -> None:
    """Do what keywords ask for, whatever picture a phone adds to them.

    Those to another account's number are left to be filed as unrouted.
    """
    for id_, vendor_id, number, phone, received_at in stored:
        now, text = moment(received_at), told[vendor_id]
        reason = optouts.obey(Heard(account.id, number, phone, text.text, now, text.at, now))
        if reason is not None:
            InboundSms.objects.filter(pk=id_).update(state=InboundSms.State.KEYWORD, reason=reason, settled_at=Now())
            counting.filed([InboundSms.State.KEYWORD])


def _address(raw: str) -> str:
    """A phone in E.164; what is none, such as a short code or a name, as it is."""
    return to_e164(raw) or clean_text(raw)[:20]


def again(ids: Sequence[int]) -> int:
    """Let inbound texts that found no conversation, or were given up, be tried once more; how many."""
    retried = InboundSms.objects.filter(pk__in=ids, state__in=[InboundSms.State.UNROUTED, InboundSms.State.DEAD])
    count = retried.update(state=InboundSms.State.WAITING, attempts=0, next_at=Now(), reason="", settled_at=None)
    doorbell.ring_on_commit(REPLY)
    return count
