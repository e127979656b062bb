"""The two ways out of the chat side, for the SMS side and for a project's own code.

`message_unread` is sent inside the transaction that ends the check, a batch at a time: what a receiver writes is
committed together with it, or not at all. Receivers must not call the network. Arguments: `hook` (a `LiveHook`: its
`slug`, `chat_app` and the like) and `unread` (a list of `Unread`).

`event_received` is sent for each event of a listening hook, and again with growing pauses while a receiver raises.
Arguments: `hook` (a `LiveHook`), `event` (a `notifier.platforms.base.ChatEvent`), `body` (the delivery, parsed).
"""

from dataclasses import dataclass
from datetime import datetime

from django.dispatch import Signal


@dataclass(frozen=True, slots=True)
class Unread:
    """One recipient who has not read one message. `message` and `conversation` are primary keys of the chat's rows."""

    message: int
    conversation: int
    user_id: str
    rank: int
    due_at: datetime


message_unread = Signal()
event_received = Signal()
