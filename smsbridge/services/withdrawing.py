"""Why a text that is ready must not be sent now, as SQL conditions on its row, and what becomes of it then.

The conditions are part of the statement that moves a row to `sending`, so nothing can come between test and commit.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction

from notifier.platforms.base import Rank
from notifier.services import watermarks
from notifier.sql import Ids, fetch, run, uuid_of
from smsbridge.services import counting, leases, notices

_SMS = "smsbridge_outboundsms"

#: who opted out is still told so, once, and helped when he asks for it
OPTED_OUT = (
    f"{_SMS}.purpose not in ('opted out', 'help')"
    f" and exists (select 1 from smsbridge_optout o where o.phone = {_SMS}.phone)"
)

#: a message that it tells of was read, edited, deleted or left behind since it was composed
STALE = (
    "exists (select 1 from smsbridge_notice n join notifier_message m on m.id = n.message_id"
    " join notifier_conversation c on c.id = m.conversation_id"
    " left join notifier_receipt r on r.message_id = n.message_id and r.user_id = n.user_id"
    f" where n.sms_id = {_SMS}.id and (m.deleted_at is not null or c.deleted_at is not null"
    f"  or m.changed_at > coalesce({_SMS}.read_at, {_SMS}.created_at)"
    "  or exists (select 1 from {rows:ends} where ends.bridge_id = n.bridge_id and (ends.rank = r.rank"
    f"   or (ends.rank = {int(Rank.READ)} and {watermarks.passed('m', 'n.user_id')})))"
    "  or exists (select 1 from notifier_departure d where d.conversation_id = m.conversation_id"
    "    and d.user_id = n.user_id and d.left_at >= m.sent_at)))"
)

#: its number stands for something else by now, or is not to be used any more; an answer about no conversation has none,
#: and what cannot be answered comes from a number that stands for nothing
UNLINKED = (
    f"{_SMS}.conversation_id is not null and case when {_SMS}.answerable then (select l.id from smsbridge_lease l"
    "  join smsbridge_number n on n.id = l.number_id join smsbridge_bridge b on b.pool_id = n.pool_id"
    f" where l.phone = {_SMS}.phone and l.number_id = {_SMS}.number_id and l.left_at is null"
    "  and n.active and not n.one_way"
    f"  and b.id = {_SMS}.bridge_id"
    f"  and l.conversation_id = {_SMS}.conversation_id and l.user_id = {_SMS}.user_id)"
    " else (select n.id from smsbridge_number n join smsbridge_bridge b on b.pool_id = n.pool_id"
    f" where n.id = {_SMS}.number_id and n.active and n.one_way and b.one_way and b.id = {_SMS}.bridge_id) end is null"
)

# Its own due time while it was never tried: `next_at` moves on with each look, and a busy conversation would starve it.
_DUE = f"case when {_SMS}.attempts = 0 then {_SMS}.created_at else {_SMS}.next_at end"

#: an event accepted before it was due may be about its conversation, and is not merged yet
UNDRAINED = (
    "exists (select 1 from notifier_conversation c join notifier_inboxevent i on i.conversation = c.key"
    f" where c.id = {_SMS}.conversation_id and i.state = 0 and i.received_at <= {_DUE})"
    " or exists (select 1 from notifier_inboxevent i where i.conversation is null and i.state = 0"
    f" and i.received_at <= {_DUE})"
)

#: asked of the rows themselves, not of what a process remembers: who presses pause means now
PAUSED = (
    f"exists (select 1 from smsbridge_vendoraccount a where a.id = {_SMS}.account_id and a.paused)"
    " or exists (select 1 from smsbridge_bridge b join notifier_hook h on h.id = b.hook_id"
    "   join notifier_chatapp p on p.id = h.chat_app_id"
    f"   where b.id = {_SMS}.bridge_id and (b.paused or p.paused))"
    f" or coalesce({_SMS}.bridge_id, 0) {{in:unusable}}"
)

#: the same of texts `s`, as sets that are made once: a backlog that waits for an operator costs little
HELD = (
    "s.account_id {in:held} or coalesce(s.bridge_id, 0) {in:unusable}"
    " or s.account_id in (select a.id from smsbridge_vendoraccount a where a.paused)"
    " or coalesce(s.bridge_id, 0) in (select b.id from smsbridge_bridge b join notifier_hook h on h.id = b.hook_id"
    "   join notifier_chatapp p on p.id = h.chat_app_id where b.paused or p.paused)"
)

#: an answer to a keyword, of no bridge, is given up then: a confirmation of STOP within five minutes is presumed to be
#: consented to, a later one is not (47 CFR 64.1200(a)(12))
ANSWER_MAX_AGE = timedelta(minutes=5)

TOO_OLD = (
    "exists (select 1 from {rows:oldest}"
    f" where oldest.bridge_id = coalesce({_SMS}.bridge_id, 0) and {_SMS}.due_at < oldest.due_at)"
)

#: what goes along can soon not be fetched any more: the vendor does so when it sends
MEDIA_GONE = f"{_SMS}.media_until is not null and {_SMS}.media_until < {{now+fetched_in}}"
FETCHED_IN = 120.0

_PAUSED_SECONDS = 15.0
_UNDRAINED_SECONDS = 0.05
_IS_PAUSED = "paused"
_IS_AHEAD = "ahead of the inbox"


def sort_out(ids: Sequence[uuid.UUID], facts: Mapping[str, Any]) -> None:
    """Texts that failed the test: withdraw what must not be sent, let the rest wait. In the claim's transaction.

    `facts` are the values that the conditions were tested with.
    """
    rows = fetch(
        f"select id, case when {OPTED_OUT} then 'The phone opted out.'"
        f" when {STALE} then 'A message in it was read, edited, deleted or left behind.'"
        f" when {TOO_OLD} then 'It could not be sent in time.'"
        f" when {UNLINKED} then 'Its number no longer stands for this conversation.'"
        f" when {MEDIA_GONE} then 'Its pictures can no longer be fetched.' else '' end, {PAUSED}"
        f" from {_SMS} where id {{in:ids}} and state = 'ready'",
        ids=Ids("uuid", ids),
        **facts,
    )
    reasons: dict[str, list[uuid.UUID]] = defaultdict(list)
    for id_, reason, paused in rows:
        reasons[reason or (_IS_PAUSED if paused else _IS_AHEAD)].append(uuid_of(id_))
    _wait(reasons.pop(_IS_PAUSED, []), _PAUSED_SECONDS)
    _wait(reasons.pop(_IS_AHEAD, []), _UNDRAINED_SECONDS)
    for reason, withdrawn in reasons.items():
        withdraw(withdrawn, reason)


def withdraw(ids: Sequence[uuid.UUID], reason: str, *, wait: float | None = None, ends: str = "") -> None:
    """Ready texts are taken back; their notices wait again, and composing finds out what is still to be told.

    With `wait` they were deferred, for so many seconds at least. With `ends`, a reason of notices, nothing of it is
    told at all.
    """
    if not ids:
        return
    rows = fetch(
        f"update {_SMS} set state = 'withdrawn', reason = %(reason)s, settled_at = {{now}}"
        " where id {in:ids} and state = 'ready' returning id, account_id",
        ids=Ids("uuid", ids),
        reason=reason,
    )
    withdrawn = [uuid_of(id_) for id_, _ in rows]
    why = ends or ("deferred" if wait is not None else "")
    counting.withdrawn(reason, why, [account for _, account in rows])
    if ends:
        notices.end_withdrawn(withdrawn, ends, reason)
    else:
        notices.of_withdrawn(withdrawn, reason, wait or 0.0)
    introduce_again(withdrawn)


def introduce_again(sms: Sequence[uuid.UUID]) -> None:
    """These SMS did not arrive, or perhaps not: the next text of their threads introduces itself.

    Texts that were made meanwhile, and count on the introduction that is lost, are composed anew.
    """
    if not sms:
        return
    with transaction.atomic():
        links = leases.introduce_again(sms)
        if links:
            withdraw(_without_introduction(links), "The introduction before it did not arrive.")


def _without_introduction(links: Sequence[int]) -> list[uuid.UUID]:
    """Ready texts of these leases, where the bridge introduces at all."""
    rows = fetch(
        "select s.id from smsbridge_lease l join smsbridge_outboundsms s on s.phone = l.phone"
        "  and s.number_id = l.number_id and s.conversation_id = l.conversation_id and s.user_id = l.user_id"
        " join smsbridge_bridge b on b.id = s.bridge_id and (b.introduction <> '' or b.introduction_function <> '')"
        " where l.id {in:links} and s.state = 'ready' and not s.introduces",
        links=Ids("bigint", links),
    )
    return [uuid_of(id_) for (id_,) in rows]


def hold(ids: Sequence[uuid.UUID]) -> None:
    """Texts whose account, number or bridge cannot be used now wait as those of a paused one do."""
    _wait(ids, _PAUSED_SECONDS)


def _wait(ids: Sequence[uuid.UUID], seconds: float) -> None:
    if ids:
        run(f"update {_SMS} set next_at = {{now+wait}} where id {{in:ids}}", ids=Ids("uuid", ids), wait=seconds)
