"""Which ready texts may leave now: the one statement that moves them to `sending` tests everything once more."""

import json
import time
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from notifier.services.hooks import hooks_with
from notifier.sql import Ids, Rows, fetch, uuid_of
from smsbridge.services import asking_anew, breaker, caps, courtesy, pacing, queue, withdrawing
from smsbridge.services.accounts import forget_accounts, live_accounts, live_bridges, live_numbers
from smsbridge.services.caps import Taken, Turn
from smsbridge.services.courtesy import Due
from smsbridge.services.outcomes import Flight
from smsbridge.services.queue import Ready, due
from smsbridge.vendors.base import OutgoingSms


def claim(limit: int, silent: Collection[int] = ()) -> list[Flight]:
    """Move due texts to `sending`, each tested once more in that very statement; withdraw those that fail the test.

    None of the accounts `silent`.
    """
    claimed_at = time.monotonic()
    pacing.settle()
    candidates, stand_in = queue.paced_candidates(limit, silent) if pacing.paced() else ([], False)
    granted = pacing.take(candidates, stand_in=stand_in)
    try:
        with transaction.atomic():
            turn = caps.take_turn()
            ready = _ready(limit, list(granted), silent, turn)
            flights = _cleared(turn, ready, claimed_at)
            left = {flight.id for flight in flights}
            owed = _unasked(ready, left - granted.keys())
    except BaseException:
        pacing.give_back(granted.values())
        raise
    # Once it is committed nothing may fail: flights that are not returned are texts that nobody sends.
    pacing.give_back(charges for id_, charges in granted.items() if id_ not in left)
    pacing.owe(owed)
    if not flights:
        pacing.settle()
    return flights


def _ready(limit: int, granted: Sequence[uuid.UUID], silent: Collection[int], turn: Turn) -> list[Ready]:
    """At most `limit` texts, locked: first those that try whether their vendor works again."""
    ready = _admitted(queue.probes(limit, silent, turn.others))
    ready += queue.lock(granted[: limit - len(ready)], silent, turn.others)
    return ready + due(limit - len(ready), silent, turn.others)


def _cleared(turn: Turn, ready: Sequence[Ready], claimed_at: float) -> list[Flight]:
    """Those of these texts that pass all tests, now in `sending`."""
    if not ready:
        return []
    token, now = uuid.uuid4(), ready[0].now
    ids, facts = _courteous(_usable(ready), now), held_back(now)
    rows = _to_sending(token, ids, facts)
    if len(rows) < len(ids):
        taken = {uuid_of(row[0]) for row in rows}
        withdrawing.sort_out([id_ for id_ in ids if id_ not in taken], facts)
    over = _beyond_limits(turn, token, rows, now)
    probing = {one.account for one in ready if one.probes}
    # Before the commit: a row of which no flight can be made must not stay in `sending`.
    flights = [_flight(token, row, claimed_at, probing) for row in rows if uuid_of(row[0]) not in over]
    breaker.hand_back(probing - {flight.account.id for flight in flights})
    return flights


def _admitted(probes: Sequence[Ready]) -> list[Ready]:
    """Those whose account no other worker tries meanwhile."""
    taken = breaker.take_probes({one.account for one in probes}) if probes else set()
    return [one for one in probes if one.account in taken]


def _unasked(ready: Sequence[Ready], left: Collection[uuid.UUID]) -> list[pacing.Charges]:
    """What those of these texts owe that left without asking their pace."""
    paced = set(pacing.paced())
    return [pacing.charges(one.paced) for one in ready if one.account in paced and one.id in left]


def _usable(ready: Sequence[Ready]) -> list[Ready]:
    """Those whose account, number and bridge are known here; another process may have learnt of new ones first."""
    if not all(map(_is_known, ready)):
        forget_accounts()
    known = [one for one in ready if _is_known(one)]
    if len(known) < len(ready):
        withdrawing.hold([one.id for one in ready if not _is_known(one)])
    return known


def _courteous(ready: Sequence[Ready], now: datetime) -> list[uuid.UUID]:
    """Those that may leave at this hour, to this country, by what the platform said; the others are withdrawn."""
    texts = [Due(one.id, one.bridge, one.country, one.zones, one.phone) for one in ready]
    withheld = courtesy.withhold(texts, now)
    withheld |= asking_anew.withdraw_outdated([one for one in ready if one.id not in withheld])
    return [text.id for text in texts if text.id not in withheld]


def _beyond_limits(turn: Turn, token: uuid.UUID, rows: Sequence[tuple[Any, ...]], now: datetime) -> set[uuid.UUID]:
    """Those of the rows now in `sending` that a cap or budget does not allow: they are withdrawn after all."""
    taken = [Taken(uuid_of(row[0]), row[3], row[7]) for row in rows if row[3] in turn.ours]
    return caps.count(turn, token, taken, now) if taken else set()


def _is_known(one: Ready) -> bool:
    known = one.account in live_accounts() and one.number in live_numbers()
    return known and (one.bridge is None or one.bridge in live_bridges())


def _to_sending(token: uuid.UUID, ids: Sequence[uuid.UUID], facts: dict[str, Any]) -> list[tuple[Any, ...]]:
    return fetch(
        "update smsbridge_outboundsms set state = 'sending', claim = %(token)s, attempts = attempts + 1,"
        " next_at = {now+lasts} where id {in:ids} and state = 'ready'"
        f" and not ({withdrawing.OPTED_OUT}) and not ({withdrawing.STALE}) and not ({withdrawing.UNDRAINED})"
        f" and not ({withdrawing.PAUSED}) and not ({withdrawing.TOO_OLD}) and not ({withdrawing.UNLINKED})"
        f" and not ({withdrawing.MEDIA_GONE})"
        " returning id, account_id, number_id, bridge_id, phone, text, unicode, attempts,"
        " (select b.dry_run from smsbridge_bridge b where b.id = bridge_id), media",
        token=token,
        lasts=settings.SENDING_SECONDS,
        ids=Ids("uuid", ids),
        **facts,
    )


def held_back(now: datetime) -> dict[str, Any]:
    """What the conditions of `withdrawing` need to know of accounts, bridges and hooks. `now` is the database's."""
    bridges = live_bridges()
    hooks = hooks_with([bridge.hook for bridge in bridges.values()])
    usable = [bridge for bridge in bridges.values() if bridge.hook in hooks]
    ages = [(0, withdrawing.ANSWER_MAX_AGE), *((b.id, b.max_age) for b in bridges.values())]
    ends = [(b.id, rank) for b in usable for rank in (0, 1, 2) if rank not in hooks[b.hook].ranks]
    return {
        "fetched_in": withdrawing.FETCHED_IN,
        "unusable": Ids("bigint", queue.unusable(bridges, hooks)),
        "ends": Rows({"bridge_id": "bigint", "rank": "smallint"}, ends),
        "oldest": Rows({"bridge_id": "bigint", "due_at": "timestamptz"}, [(id_, now - age) for id_, age in ages]),
    }


def _flight(token: uuid.UUID, row: tuple[Any, ...], claimed_at: float, probing: Collection[int]) -> Flight:
    id_, account_id, number, bridge, phone, text, unicode, attempts, dry_run, media = row
    account = live_accounts()[account_id]
    along = json.loads(media) if media else ()
    sms = OutgoingSms(
        sender=live_numbers()[number].e164,
        recipient=phone,
        text=text,
        reference=uuid_of(id_).hex,
        unicode=bool(unicode),
        status_url=account.status_url,
        media=[url for url, _ in along],
        media_types=[mime_type for _, mime_type in along],
    )
    return Flight(
        uuid_of(id_),
        token,
        account,
        attempts,
        sms,
        claimed_at,
        dry_run=bool(dry_run),
        probe=account_id in probing,
        bridge=bridge,
    )
