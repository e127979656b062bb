"""Questions that take more than one request: the adapter's side of them, without input or output.

`Steps` is a generator that yields a `Request`, is sent its `Answer`, and in the end returns what it found out.
`notifier.services.steps` drives it. It never raises for what an answer holds.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from notifier.wire import Answer, Request

T = TypeVar("T")

Steps = Generator[Request, Answer, T]


@dataclass(frozen=True, slots=True)
class Question:
    """Has this user still not read this message? `sent_at` is the platform's stamp, as far as it was told."""

    conversation: str
    message: str
    user: str
    sent_at: datetime | None = None


class Standing(StrEnum):
    """How a message stands with one recipient, right now."""

    UNREAD = "unread"
    READ = "read"
    DELETED = "deleted"  # the message, or its conversation
    LEFT = "left"  # he takes no part any more
    MUTED = "muted"  # he does not want to be told of this conversation
    UNKNOWN = "unknown"  # the platform does not tell, and will not: what we know counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """Who takes part in a conversation now. `title` and `encrypted` are None where they were not told."""

    users: Sequence[str]
    title: str | None = None
    encrypted: bool | None = None
