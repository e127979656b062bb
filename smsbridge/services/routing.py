"""Which text came first, and where it belongs: claiming inbound texts and finding their conversations.

Of the texts from one phone to one number only the oldest is claimed, so that they are posted in order.
"""

import json
import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from notifier.platforms.base import Can
from notifier.services import watermarks
from notifier.services.hooks import LiveHook, live_hooks
from notifier.sql import Rows, fetch, moment, seconds_between, try_lock
from notifier.takeovers import count_taken_over, taken_over
from notifier.traces import trace
from notifier.wire import Request
from smsbridge.services import belonging, filing, media, optouts, refusing
from smsbridge.services.accounts import live_bridges, live_numbers
from smsbridge.services.belonging import Link
from smsbridge.services.optouts import Heard

log = logging.getLogger(__name__)

_CLAIM_LOCK = 7_405_002
_MOST_COUNTED = 1_000  # tries; the column ends at 32,767, and a text may be tried for as long as an outage lasts


@dataclass(slots=True)
class Reply:
    """A claimed text with the conversation it belongs to, and what is still to be told to the platform.

    `note` and `tags` are what the project's own function made of it. `began`: the platform was called, or may have
    been. `refused`: why it cannot be posted, or empty.
    """

    id: int
    row: "Waiting"
    claim: uuid.UUID
    attempts: int
    came: datetime
    age: timedelta
    hook: LiveHook
    link: Link
    lifetime: timedelta
    unread: list[tuple[int, str]] = field(default_factory=list)
    posting: list[Request] = field(default_factory=list)
    posted: str = ""
    marking: bool = False
    reading: int = 0
    note: str = ""
    tags: tuple[str, ...] = ()
    began: bool = False
    refused: str = ""


class Waiting(NamedTuple):
    """A claimed text as it was stored. `slug` is of its account, which this process may not know or be able to use."""

    id: int
    account: int
    slug: str
    vendor_id: str
    number: str
    phone: str
    text: str
    media: str
    meaning: str
    attempts: int
    post_began: bool
    asked: int
    came: datetime
    received_at: datetime
    now: datetime


def claim(limit: int) -> tuple[int, list[Reply]]:
    """Claim the oldest waiting text of each phone and number, and route it. Returns how many rows, and what to post.

    Nothing while another worker claims: it may have frozen, and what is due is looked for again in a moment.
    """
    token = uuid.uuid4()
    with transaction.atomic():
        if not try_lock(_CLAIM_LOCK):
            return 0, []
        rows = _claim(token, limit)
        if not rows:
            return 0, []
        rows = _without_keywords(token, rows)
        return len(rows) or 1, _routed(token, rows)


#: no earlier text from this phone to this number waits, of the same account, as another one's vendor could name any
#: phone; in this form it is asked row by row, until the limit is reached
_IS_FIRST = (
    "i.id = (select e.id from smsbridge_inboundsms e where e.state = 'waiting' and e.phone = i.phone"
    " and e.number = i.number and e.account_id = i.account_id order by e.id limit 1)"
)


def _claim(token: uuid.UUID, limit: int) -> list[Waiting]:
    rows = fetch(
        "update smsbridge_inboundsms set claim = %(token)s, next_at = {now+lasts},"
        f" attempts = case when attempts < {_MOST_COUNTED} then attempts + 1 else attempts end,"
        # Whoever had it and lost his claim may have posted it.
        " post_began = post_began or claim is not null"
        " where id in (select i.id from smsbridge_inboundsms i where i.state = 'waiting' and i.next_at <= {now}"
        f"   and {_IS_FIRST} order by i.next_at limit %(limit)s {{lock:i}})"
        " returning id, account_id, (select a.slug from smsbridge_vendoraccount a where a.id = account_id), vendor_id,"
        " number, phone, text, media, meaning, attempts, post_began, asked, coalesce(sent_at, received_at),"
        " received_at, {now},"
        f" {taken_over('smsbridge_inboundsms')}",
        token=token,
        lasts=settings.CLAIM_SECONDS + settings.HTTP_TIMEOUT_SECONDS,
        limit=limit,
    )
    rows = count_taken_over("reply", rows)
    return [Waiting(*row[:-3], *map(moment, row[-3:])) for row in rows]


def _without_keywords(token: uuid.UUID, rows: Sequence[Waiting]) -> list[Waiting]:
    """Obey keywords that were not obeyed when they came, as their number was added since; they are not posted.

    By phone, as whoever answers several phones in one transaction takes their locks in this order.
    """
    kept = []
    for row in sorted(rows, key=lambda row: (row.phone, row.id)):
        said = words_of(row)
        heard = Heard(row.account, row.number, row.phone, said, row.received_at, row.came, row.now, row.meaning)
        obeyed = optouts.obey(heard)
        if obeyed is None:
            kept.append(row)
        else:
            filing.end(token, [(row.id, "keyword", obeyed)])
    return kept


def words_of(row: Waiting) -> str:
    """Its own words, without the addresses of the pictures that are stored beneath them."""
    return media.words(row.text, json.loads(row.media))


_UNROUTED = (
    "When it came, this number stood for no conversation of which this phone was told, or was not of the account that"
    " delivered it."
)
_ONE_WAY = "Texts from this number cannot be answered: it stands for no conversation."
_MOVED = "The conversation of the last text from this number goes on from another number by now."


def _unrouted(rows: Sequence[Waiting]) -> list[tuple[int, str, str]]:
    """Why these texts belong to no conversation, as well as that can be told."""
    one_way = {(number.account, number.e164) for number in live_numbers().values() if number.one_way} if rows else set()
    moved = belonging.moved([(row.id, row.account, row.number, row.phone, row.came) for row in rows])
    return [(row.id, "unrouted", _why(row, one_way, moved)) for row in rows]


def _why(row: Waiting, one_way: Collection[tuple[int, str]], moved: Collection[int]) -> str:
    if (row.account, row.number) in one_way:
        return _ONE_WAY
    return _MOVED if row.id in moved else _UNROUTED


def _routed(token: uuid.UUID, rows: Sequence[Waiting]) -> list[Reply]:
    """Each text with its conversation; those that belong to none are kept as unrouted."""
    links = belonging.links([(row.id, row.account, row.number, row.phone, row.came) for row in rows])
    replies, ended, lost = [], [], []
    for row in rows:
        link = links.get(row.id)
        hook = _hook(link.chat_app) if link else None
        if link is None or hook is None:
            lost.append(row)
        elif not row.text:
            ended.append((row.id, "unrouted", "The text is empty."))
        elif refused := refusing.why_not(hook.platform, link):
            replies.append(_reply(token, row, link, hook, [], refused))
        elif isinstance(posting := posting_of(row, link, hook, row.text), str):
            ended.append((row.id, "dead", posting))
        else:
            replies.append(_reply(token, row, link, hook, posting))
    filing.end(token, ended + _unrouted(lost))
    _unread([reply for reply in replies if not reply.refused and Can.MARK_READ in reply.hook.platform.can])
    return replies


def _hook(chat_app: int) -> LiveHook | None:
    return next((hook for hook in live_hooks().values() if hook.chat_app == chat_app and hook.receipts), None)


def posting_of(row: Waiting, link: Link, hook: LiveHook, text: str) -> list[Request] | str:
    """The requests that post it in these words; why not, in a sentence, when the adapter cannot make them of this."""
    key = f"{row.slug}/{row.vendor_id}"
    try:
        return hook.platform.post_requests(link.conversation_key, as_user=link.user_id, text=text, key=key)
    except Exception as error:  # it would take all other texts of the claim with it, again and again
        log.error("Inbound SMS %s cannot be posted: %s", row.id, trace(error))
        return f"Preparing the post raised {type(error).__name__}; the log says where. Then let it be tried again."


def _reply(
    token: uuid.UUID, row: Waiting, link: Link, hook: LiveHook, posting: list[Request], refused: str = ""
) -> Reply:
    lifetimes = [bridge.lease_lifetime for bridge in live_bridges().values() if bridge.chat_app == link.chat_app]
    return Reply(
        id=row.id,
        row=row,
        claim=token,
        attempts=row.attempts,
        began=bool(row.post_began),
        came=row.came,
        age=row.now - row.received_at,
        hook=hook,
        link=link,
        lifetime=max(lifetimes, default=timedelta(weeks=1)),
        posting=posting,
        refused=refused,
    )


def _unread(replies: Sequence[Reply]) -> None:
    """The messages that each person was texted before he answered and has not read: by answering, he has.

    The newest come last. Not those of a text that did not arrive.
    """
    if not replies:
        return
    rows = fetch(
        "select distinct text.id, m.id, m.key, coalesce(m.position, 0) as place,"
        f" {watermarks.passed('m', 'text.user_id')} from {{rows:text}}"
        " join smsbridge_outboundsms s on s.conversation_id = text.conversation_id and s.user_id = text.user_id"
        f"   and s.state in ('sending', 'sent', 'delivered', 'uncertain') and {belonging.HAD_LEFT}"
        " join smsbridge_notice n on n.sms_id = s.id"
        " join notifier_message m on m.id = n.message_id and m.deleted_at is null"
        " join notifier_receipt r on r.message_id = m.id and r.user_id = text.user_id and r.rank < 2"
        " order by place, m.id",
        text=Rows(
            {
                "id": "bigint",
                "conversation_id": "bigint",
                "user_id": "text",
                "came": "timestamptz",
                "latest": "timestamptz",
            },
            [
                (one.id, one.link.conversation, one.link.user_id, one.came, belonging.latest(one.came))
                for one in replies
            ],
        ),
    )
    by_id = {reply.id: reply for reply in replies}
    for id_, message, key, _, read in rows:
        if not read:
            by_id[id_].unread.append((message, key))


def seconds_to_next() -> float | None:
    """Of those that wait for an earlier one nobody knows when they are due."""
    rows = fetch(
        f"select i.next_at, {{now}} from smsbridge_inboundsms i where i.state = 'waiting' and {_IS_FIRST}"
        " order by i.next_at limit 1"
    )
    return seconds_between(rows[0][1], rows[0][0]) if rows else None
