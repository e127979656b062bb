"""Replies: what a person texts to one of our numbers is posted into its conversation as his own message.

Exactly once: the platform de-duplicates by a key made of the account and the vendor's message id, so a post is
repeated until the platform answers. In order: of the texts from one phone to one number only the oldest is claimed.
"""

import logging
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from notifier import runner
from notifier.platforms.base import Can, Done, Later
from notifier.runner import Step
from notifier.services.hooks import LiveHook, live_hooks
from notifier.sql import Rows, fetch, moment
from notifier.transport import Exchange
from notifier.wire import Answer, Request
from smsbridge.services import filing, leases, optouts
from smsbridge.services.accounts import live_accounts, live_bridges
from smsbridge.services.filing import Filed
from smsbridge.services.leases import Link

log = logging.getLogger(__name__)

STAGE = "reply"
_CLAIM_LOCK = 7_405_002
_WAIT = 0.02
_WRITE_AT = 64
_LONGEST_STEP = 10.0


@dataclass(slots=True)
class Reply:
    """A claimed text with the conversation it belongs to, and what is still to be told to the platform."""

    id: int
    claim: uuid.UUID
    attempts: int
    age: timedelta
    hook: LiveHook
    link: Link
    lifetime: timedelta
    unread: list[tuple[int, str]] = field(default_factory=list)
    posting: list[Request] = field(default_factory=list)
    posted: str = ""
    marking: bool = False
    reading: int = 0


class Poster:
    """The reply stage: one per process, as it keeps connections to the platform."""

    def __init__(self) -> None:
        self._exchange: Exchange[Reply] | None = None

    def step(self) -> Step:
        """Post whatever is waiting, pipelined: as one answer comes, the next text goes."""
        exchange = self._opened()
        filed: list[Filed] = []
        done, active, empty = 0, 0, False
        until, written_at = time.monotonic() + _LONGEST_STEP, time.monotonic()
        while not empty or exchange.in_flight:
            over = runner.stopping() or time.monotonic() > until
            empty = empty or over
            if not empty and active <= settings.CONNECTIONS_PER_STAGE // 2:
                claimed, replies = claim(min(settings.REPLY_BATCH, settings.CONNECTIONS_PER_STAGE - active))
                empty, done, active = not claimed, done + claimed, active + len(replies)
                filed += [end for reply in replies if (end := _start(exchange, reply))]
            for reply, answer in exchange.finished(_WAIT):
                filed += _go_on(exchange, reply, answer)
            if filed and _is_time(len(filed), written_at, exchange.in_flight):
                filing.file(filed)
                # A text that was filed lets the next one of its phone be claimed.
                active, filed, empty, written_at = active - len(filed), [], over, time.monotonic()
        return Step(done=done, more=bool(done), busy=done >= settings.REPLY_BATCH, next_in=_seconds_to_next())

    def _opened(self) -> Exchange[Reply]:
        if self._exchange is None:
            self._exchange = Exchange(connections=settings.CONNECTIONS_PER_STAGE, timeout=settings.HTTP_TIMEOUT_SECONDS)
        return self._exchange


def _is_time(count: int, written_at: float, in_flight: int) -> bool:
    return count >= _WRITE_AT or not in_flight or time.monotonic() - written_at >= _WAIT


def _start(exchange: Exchange[Reply], reply: Reply) -> Filed | None:
    """Begin to post; an end at once where that cannot be."""
    try:
        exchange.start(reply, reply.posting.pop(0))
    except ValueError as error:
        return filing.not_posted(reply, Later(f"{error}. Correct the chat app: see `manage.py doctor`."))
    return None


def _go_on(exchange: Exchange[Reply], reply: Reply, answer: Answer) -> Iterator[Filed]:
    """The next request of a reply after an answer, or its end."""
    platform = reply.hook.platform
    if not reply.marking:
        reading = platform.posted(answer)
        if not isinstance(reading, Done):
            yield filing.not_posted(reply, reading)
            return
        reply.posted = reading.value
        if reply.posting:
            exchange.start(reply, reply.posting.pop(0))
            return
        reply.marking, reply.reading = True, len(reply.unread)
        for _, key in reply.unread:
            exchange.start(reply, platform.read_request(reply.link.conversation_key, key, as_user=reply.link.user_id))
    else:
        reply.reading -= 1
        if isinstance(platform.marked_read(answer), Later):
            log.warning("Inbound SMS %s was posted, but a message could not be marked read.", reply.id)
    if not reply.reading:
        yield filing.posted(reply)


def claim(limit: int) -> tuple[int, list[Reply]]:
    """Claim the oldest waiting text of each phone and number, and route it. Returns how many rows, and what to post."""
    token = uuid.uuid4()
    with transaction.atomic():
        if connection.vendor == "postgresql":
            fetch("select pg_advisory_xact_lock(%(key)s)", key=_CLAIM_LOCK)
        rows = _claim(token, limit)
        if not rows:
            return 0, []
        rows = _without_keywords(token, rows)
        return len(rows) or 1, _routed(token, rows)


#: no earlier text from this phone to this number waits; in this form it is asked row by row, until the limit is reached
_IS_FIRST = (
    "i.id = (select e.id from smsbridge_inboundsms e where e.state = 'waiting' and e.phone = i.phone"
    " and e.number = i.number order by e.id limit 1)"
)


def _claim(token: uuid.UUID, limit: int) -> list[tuple[Any, ...]]:
    return fetch(
        "update smsbridge_inboundsms set claim = %(token)s, next_at = {now+lasts}, attempts = attempts + 1"
        " where id in (select i.id from smsbridge_inboundsms i where i.state = 'waiting' and i.next_at <= {now}"
        f"   and {_IS_FIRST} order by i.next_at limit %(limit)s {{lock:i}})"
        " returning id, account_id, vendor_id, number, phone, text, attempts, coalesce(sent_at, received_at),"
        " received_at, {now}",
        token=token,
        lasts=settings.CLAIM_SECONDS + settings.HTTP_TIMEOUT_SECONDS,
        limit=limit,
    )


def _without_keywords(token: uuid.UUID, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Obey STOP and START; such a text is never posted."""
    kept = []
    for row in rows:
        obeyed = optouts.obey(row[4], row[5])
        if obeyed is None:
            kept.append(row)
        else:
            filing.end(token, [(row[0], "keyword", obeyed)])
    return kept


def _routed(token: uuid.UUID, rows: Sequence[tuple[Any, ...]]) -> list[Reply]:
    """Each text with its conversation; those that belong to none are kept as unrouted."""
    links = leases.links([(row[0], row[3], row[4], moment(row[7])) for row in rows])
    replies, unrouted = [], []
    for row in rows:
        link = links.get(row[0])
        hook = _hook(link.chat_app) if link else None
        if link is None or hook is None:
            unrouted.append((row[0], "unrouted", "This number stands for no conversation on this phone now."))
        elif not row[5]:
            unrouted.append((row[0], "unrouted", "The text is empty."))
        else:
            replies.append(_reply(token, row, link, hook))
    filing.end(token, unrouted)
    _unread([reply for reply in replies if Can.MARK_READ in reply.hook.platform.can])
    return replies


def _hook(chat_app: int) -> LiveHook | None:
    return next((hook for hook in live_hooks().values() if hook.chat_app == chat_app and hook.receipts), None)


def _reply(token: uuid.UUID, row: tuple[Any, ...], link: Link, hook: LiveHook) -> Reply:
    id_, account, vendor_id, _, _, text, attempts, _, received_at, now = row
    lifetimes = [bridge.lease_lifetime for bridge in live_bridges().values() if bridge.chat_app == link.chat_app]
    key = f"{live_accounts()[account].slug}/{vendor_id}"
    return Reply(
        id=id_,
        claim=token,
        attempts=attempts,
        age=moment(now) - moment(received_at),
        hook=hook,
        link=link,
        lifetime=max(lifetimes, default=timedelta(weeks=1)),
        posting=hook.platform.post_requests(link.conversation_key, as_user=link.user_id, text=text, key=key),
    )


def _unread(replies: Sequence[Reply]) -> None:
    """The messages that each person was texted in his conversation and has not read: by answering, he has."""
    if not replies:
        return
    rows = fetch(
        "select distinct reply.id, m.id, m.key from {rows:reply}"
        " join smsbridge_outboundsms s on s.conversation_id = reply.conversation_id and s.user_id = reply.user_id"
        "   and s.state in ('sending', 'sent', 'delivered', 'undelivered', 'uncertain')"
        " join smsbridge_notice n on n.sms_id = s.id"
        " join notifier_message m on m.id = n.message_id and m.deleted_at is null"
        " join notifier_receipt r on r.message_id = m.id and r.user_id = reply.user_id and r.rank < 2"
        " order by m.id",
        reply=Rows(
            {"id": "bigint", "conversation_id": "bigint", "user_id": "text"},
            [(reply.id, reply.link.conversation, reply.link.user_id) for reply in replies],
        ),
    )
    by_id = {reply.id: reply for reply in replies}
    for id_, message, key in rows:
        by_id[id_].unread.append((message, key))


def _seconds_to_next() -> float | None:
    """Of those that wait for an earlier one nobody knows when they are due."""
    rows = fetch(
        f"select i.next_at, {{now}} from smsbridge_inboundsms i where i.state = 'waiting' and {_IS_FIRST}"
        " order by i.next_at limit 1"
    )
    return max((moment(rows[0][0]) - moment(rows[0][1])).total_seconds(), 0.0) if rows else None
