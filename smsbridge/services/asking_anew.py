"""Texts of hooks that ask first and that waited since they were composed: what the platform said is out of date.

They are withdrawn when it is their turn, and composed anew, which asks again. A text that waits for longer than that
each time, as behind a pace, would never leave: so each time it may wait twice as long as it did before.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from notifier.services.hooks import hooks_with
from notifier.sql import Ids, fetch, moment, uuid_of
from smsbridge.services import withdrawing
from smsbridge.services.accounts import live_bridges
from smsbridge.services.queue import Ready

#: how old an answer of the platform may be when the text leaves
FRESH = timedelta(minutes=1)
#: what was composed so soon after the one before it goes on where that one was
_SOON = timedelta(minutes=15)
REASON = "It waited, so the platform is asked once more."


def withdraw_outdated(texts: Sequence[Ready]) -> set[uuid.UUID]:
    """Withdraw those of these texts, and return them. In the claim's transaction, which holds their rows."""
    asking = _asking({text.bridge for text in texts if text.bridge})
    asked = [text.id for text in texts if text.bridge in asking]
    if not asked:
        return set()
    outdated = [uuid_of(id_) for id_, *times in _times(asked) if _waited(*times, now=texts[0].now)]
    withdrawing.withdraw(outdated, REASON)
    return set(outdated)


def _asking(bridges: Collection[int]) -> set[int]:
    live = live_bridges()
    hook_of = {id_: live[id_].hook for id_ in bridges if id_ in live}
    hooks = hooks_with(hook_of.values())
    return {id_ for id_, hook in hook_of.items() if hook in hooks and hooks[hook].asks_first}


def _times(ids: Sequence[uuid.UUID]) -> list[tuple[Any, ...]]:
    """Of each when its messages were read; and the same, and its end, of the one withdrawn for this reason before."""
    return fetch(
        "select s.id, coalesce(s.read_at, s.created_at), coalesce(e.read_at, e.created_at), e.settled_at"
        " from smsbridge_outboundsms s left join smsbridge_outboundsms e on e.id ="
        # By the phone's index: a conversation of many people has many more texts than a phone. Apart from the order,
        # for which the primary key could be walked, through everybody's texts.
        "  (with b as materialized (select t.id from smsbridge_outboundsms t where t.phone = s.phone"
        "    and t.conversation_id + 0 = s.conversation_id"
        "    and t.user_id = s.user_id and t.bridge_id = s.bridge_id and t.state = 'withdrawn'"
        "    and t.reason = %(reason)s) select b.id from b where b.id < s.id order by b.id desc limit 1)"
        " where s.id {in:ids}",
        ids=Ids("uuid", ids),
        reason=REASON,
    )


def _waited(read: datetime, before: datetime | None, withdrawn: datetime | None, *, now: datetime) -> bool:
    """Whether it waited too long. One that was withdrawn long before is another matter, and not what it was before."""
    longest = FRESH
    if before is not None and withdrawn is not None and moment(read) - moment(withdrawn) < _SOON:
        longest = max(FRESH, 2 * (moment(withdrawn) - moment(before)))
    return now - moment(read) > longest
