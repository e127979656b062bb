"""What a project's own functions say of texts that came in, after it is known where they belong and before the post.

Outside any transaction, and for a limited time. A post that is tried again has its text looked at again.
"""

import time
from collections import deque
from collections.abc import Sequence

from django.conf import settings
from django.db.models import F

from notifier.platforms.base import Later
from smsbridge.guards import Incoming, Verdict
from smsbridge.models import InboundSms
from smsbridge.services import filing, optouts, own_code
from smsbridge.services.accounts import after_receiving, live_bridges
from smsbridge.services.filing import Filed
from smsbridge.services.own_code import OwnCodeError
from smsbridge.services.routing import Reply, posting_of, words_of


class Unseen:
    """Claimed texts that the project's own functions have yet to see."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Reply, Sequence[str], float]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def sift(self, replies: Sequence[Reply]) -> list[Reply]:
        """Those of these texts that no function sees; the others are kept, those that were tried before come last."""
        until = time.monotonic() + settings.CLAIM_SECONDS / 2
        free: list[Reply] = []
        for reply in sorted(replies, key=lambda one: one.attempts):
            paths = after_receiving(reply.link.chat_app)
            if paths:
                self._waiting.append((reply, paths, until))
            else:
                free.append(reply)
        return free

    def look(self) -> tuple[Reply, Filed | None]:
        """Let the functions see the next text; with its end, if it is not to be posted."""
        reply, paths, until = self._waiting.popleft()
        return reply, filing.too_late(reply) if time.monotonic() > until else _seen(reply, paths)

    def too_late(self) -> list[Filed]:
        """All of them are left to another time."""
        ends = [filing.too_late(reply) for reply, *_ in self._waiting]
        self._waiting.clear()
        return ends


def _seen(reply: Reply, paths: Sequence[str]) -> Filed | None:
    """Its end if it is not to be posted. Each function sees what the one before it left."""
    words = text = words_of(reply.row)
    links = reply.row.text.removeprefix(words).strip()
    try:
        for path in paths:
            verdict = _asked(path, reply, _incoming(reply, text, links))
            reply.tags = own_code.joined(reply.tags, verdict.tags)
            text = text if verdict.text is None else verdict.text
            if verdict.opt_out:
                return filing.blocked(reply, optouts.wished(reply.row.phone, reply.row.account, reply.came, path))
            if verdict.block:
                return filing.blocked(reply, verdict.block)
    except OwnCodeError as error:
        if own_code.is_hopeless(error, reply.attempts, reply.row.asked):
            return filing.given_up(reply, own_code.given_up(str(error)))
        return filing.not_posted(reply, Later(str(error)))
    return _changed(reply, text, links) if text != words and not reply.refused else None


def _asked(path: str, reply: Reply, about: Incoming) -> Verdict:
    """What the function says. Raises OwnCodeError.

    One that was tried before may have stopped its whole process, in a way that lets nothing else run in it: this is
    written down before the call, and taken back after it.
    """
    own_code.refuse_if_it_stops(path, reply.row.asked)
    if reply.attempts < 2:
        return own_code.ask(path, about)
    _count_asked(reply, 1)
    try:
        return own_code.ask(path, about)
    finally:
        _count_asked(reply, -1)


def _count_asked(reply: Reply, by: int) -> None:
    InboundSms.objects.filter(pk=reply.id, claim=reply.claim).update(asked=F("asked") + by)


def _changed(reply: Reply, text: str, links: str) -> Filed | None:
    """Post these words instead; the row keeps what came in."""
    whole = f"{text}\n{links}".strip()
    if not whole:
        return filing.blocked(reply, "The project's own function left nothing to post.")
    posting = posting_of(reply.row, reply.link, reply.hook, whole)
    if isinstance(posting, str):
        return Filed(reply, "dead", posting)
    reply.posting, reply.note = posting, "The project's own function changed its words."
    return None


def _incoming(reply: Reply, text: str, links: str) -> Incoming:
    return Incoming(
        text=text,
        media=tuple(links.split("\n")) if links else (),
        phone=reply.row.phone,
        number=reply.row.number,
        user_id=reply.link.user_id,
        conversation_id=reply.link.conversation_key,
        chat_app=next((one.app_name for one in live_bridges().values() if one.chat_app == reply.link.chat_app), ""),
        refused=reply.refused,
    )
