"""While an account does not send, the texts that wait for it are composed anew, for numbers of accounts that do.

Which accounts are passed over is `lineup`'s. Only what is ready is taken back: what was handed to the vendor, or
perhaps was, stays where it is, so that nobody is told twice. And only what there is another number for: the rest waits.
"""

import logging

from django.db import transaction

from notifier import doorbell
from notifier.sql import Ids, fetch, uuid_of
from smsbridge.services import caps, withdrawing
from smsbridge.services.accounts import LiveBridge, live_accounts, live_bridges
from smsbridge.services.composing import STAGE as COMPOSE

log = logging.getLogger(__name__)

WORDS = "Its account does not send: others take over."

_BATCH, _MOST_BATCHES = 500, 10  # what one sweep takes back of a bridge


def take_over() -> int:
    """Withdraw ready texts that another account can send, of bridges that want it. Returns how many."""
    bridges = [bridge for bridge in live_bridges().values() if bridge.lineup.working is not None and not bridge.paused]
    return sum(_take_over(bridge) for bridge in bridges)


def _take_over(bridge: LiveBridge) -> int:
    taken = 0
    for _ in range(_MOST_BATCHES):
        batch = _withdraw(bridge)
        taken += batch
        if batch < _BATCH:
            break
    if taken:
        known = live_accounts()
        slugs = sorted(known[id_].slug for id_ in bridge.lineup.down if id_ in known)
        words = "%s texts of the bridge %s are composed anew for other accounts, as these do not send: %s."
        log.warning(words, taken, bridge.name, ", ".join(slugs) or "unknown")
    return taken


def _withdraw(bridge: LiveBridge) -> int:
    with transaction.atomic():
        may_uncount = caps.may_uncount(bridge)  # else what was tried, and so counted, is left to the next sweep
        rows = fetch(
            f"{_STUCK} {'' if may_uncount else 'and s.attempts = 0'}"
            f" {'' if bridge.lineup.senders.ids else _CAN_MOVE} order by s.id limit %(limit)s {{lock:s}}",
            bridge=bridge.id,
            down=Ids("bigint", sorted(bridge.lineup.down)),
            working=Ids("bigint", bridge.lineup.preferred.ids),
            limit=_BATCH,
        )
        ids = [uuid_of(id_) for (id_,) in rows]
        caps.uncount_tried(bridge, ids)
        withdrawing.withdraw(ids, WORDS)
        if rows:
            doorbell.ring_on_commit(COMPOSE)
    return len(rows)


_STUCK = (
    "select s.id from smsbridge_outboundsms s"
    " where s.state = 'ready' and s.bridge_id = %(bridge)s and s.account_id {in:down}"
)

#: a number of the others stands for nothing on this phone, or for this very conversation, also as one that it left
_CAN_MOVE = (
    " and exists (select 1 from smsbridge_number m where m.id {in:working} and not exists ("
    "select 1 from smsbridge_lease l where l.phone = s.phone and l.number_id = m.id and l.expires_at > {now}"
    " and not (l.user_id = s.user_id and l.conversation_id = s.conversation_id)))"
)
