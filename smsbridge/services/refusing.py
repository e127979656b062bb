"""Texts that cannot be posted into their chat: nobody can write there as somebody else, or its words are encrypted.

They are kept and end as refused, after the project's own functions have seen them, and whoever texted is told.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from notifier.platforms.base import Can, Platform
from smsbridge.services import answering, optouts
from smsbridge.services.answering import Asked
from smsbridge.services.belonging import Link

if TYPE_CHECKING:
    from smsbridge.services.routing import Reply


def why_not(platform: Platform, link: Link) -> str:
    """Why nothing can be posted there, in a sentence; empty where it can."""
    if Can.POST_AS_USER not in platform.can:
        return f"{platform.title} cannot {Can.POST_AS_USER.value}, so it is not posted."
    if link.encrypted and not platform.posts_into_encrypted:
        return "The conversation is encrypted, and plain words are not posted into it."
    return ""


def tell(refused: Sequence["Reply"]) -> dict[int, str]:
    """Answer these texts; by their primary keys, in words what became of that. In the transaction that ends them."""
    return {reply.id: _tell(reply) for reply in sorted(refused, key=lambda reply: (reply.row.phone, reply.id))}


def _tell(reply: "Reply") -> str:
    row = reply.row
    line = answering.line(row.account, row.number)
    if line is None:  # the number was taken away meanwhile
        return "It is not answered: the number is not among ours any more."
    optouts.one_at_a_time(row.phone)
    return answering.answer(line, Asked(None, row.phone, row.now))
