"""Replies: what a person texts to one of our numbers is posted into its conversation as his own message.

Exactly once: the platform de-duplicates by a key made of the account and the vendor's message id, so a post is
repeated until the platform answers. Which text is posted where is `routing`'s.
"""

import logging
import time
from collections.abc import Iterator

from django.conf import settings

from notifier import runner
from notifier.platforms.base import Done, Later
from notifier.runner import Step
from notifier.transport import Exchange
from notifier.wire import Answer
from smsbridge.services import filing, routing
from smsbridge.services.filing import Filed
from smsbridge.services.receiving import Unseen
from smsbridge.services.routing import Reply

log = logging.getLogger(__name__)

STAGE = "reply"
_WAIT = 0.02
_WRITE_AT = 64
_LONGEST_STEP = 10.0


class Poster:
    """The reply stage: one per process, as it keeps connections to the platform."""

    def __init__(self) -> None:
        self._exchange: Exchange[Reply] | None = None

    def step(self) -> Step:
        """Post whatever is waiting, pipelined: as one answer comes, the next text goes."""
        exchange, unseen = self._opened(), Unseen()
        filed: list[Filed] = []
        done, active, empty = 0, 0, False
        until, written_at = time.monotonic() + _LONGEST_STEP, time.monotonic()
        while not empty or unseen or exchange.in_flight:
            over = runner.stopping() or time.monotonic() > until
            empty = empty or over
            if not empty and not unseen and active <= settings.CONNECTIONS_PER_STAGE // 2:
                claimed, replies = routing.claim(min(settings.REPLY_BATCH, settings.CONNECTIONS_PER_STAGE - active))
                empty, done, active = not claimed, done + claimed, active + len(replies)
                filed += [end for reply in unseen.sift(replies) if (end := _start(exchange, reply))]
            filed += unseen.too_late() if over else _seen(exchange, unseen)
            for reply, answer in exchange.finished(0.0 if unseen else _WAIT):
                filed += _go_on(exchange, reply, answer)
            if filed and _is_time(len(filed), written_at, exchange.in_flight + len(unseen)):
                filing.file(filed)
                # A text that was filed lets the next one of its phone be claimed.
                active, filed, empty, written_at = active - len(filed), [], over, time.monotonic()
        return Step(done=done, more=bool(done), busy=done >= settings.REPLY_BATCH, next_in=routing.seconds_to_next())

    def _opened(self) -> Exchange[Reply]:
        if self._exchange is None:
            self._exchange = Exchange(connections=settings.CONNECTIONS_PER_STAGE, timeout=settings.HTTP_TIMEOUT_SECONDS)
        return self._exchange


def _is_time(count: int, written_at: float, to_come: int) -> bool:
    return count >= _WRITE_AT or not to_come or time.monotonic() - written_at >= _WAIT


def _seen(exchange: Exchange[Reply], unseen: Unseen) -> Iterator[Filed]:
    """Show one text to the project's own functions, and begin to post it before they are called for the next one."""
    if unseen:
        reply, end = unseen.look()
        end = end or _start(exchange, reply)
        if end:
            yield end


def _start(exchange: Exchange[Reply], reply: Reply) -> Filed | None:
    """Begin to post; an end at once where that cannot be."""
    if reply.refused:
        return filing.refused(reply)
    try:
        exchange.start(reply, reply.posting.pop(0))
        reply.began = True
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
        marks = reply.unread[-1:] if platform.marks_up_to else reply.unread
        reply.marking, reply.reading = True, len(marks)
        for _, key in marks:
            exchange.start(reply, platform.read_request(reply.link.conversation_key, key, as_user=reply.link.user_id))
    else:
        reply.reading -= 1
        if isinstance(platform.marked_read(answer), Later):
            log.warning("Inbound SMS %s was posted, but a message could not be marked read.", reply.id)
    if not reply.reading:
        yield filing.posted(reply)
