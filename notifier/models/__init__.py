"""The chat side's rows: what we listen to, what we were told, and what is still to be looked at.

Identity is decided by the constraints below, never by code. Each partial index serves exactly one
query of a worker, named beside it. The tables that every message passes through have no foreign-key constraints
to rows that are written in the same transaction or are few and protected: each would be checked again at commit, for
a tenth of all that a message costs the database.
"""

from notifier.models.configuration import ChatApp, Hook, Listener, Rule
from notifier.models.conversations import Conversation, Departure, Participant, Watermark
from notifier.models.incoming import InboxEvent, ListenedEvent
from notifier.models.messages import EarlyEdit, Message, Receipt, ReceiptCheck
from notifier.models.signs import Heartbeat, Tally

__all__ = [
    "ChatApp",
    "Conversation",
    "Departure",
    "EarlyEdit",
    "Heartbeat",
    "Hook",
    "InboxEvent",
    "ListenedEvent",
    "Listener",
    "Message",
    "Participant",
    "Receipt",
    "ReceiptCheck",
    "Rule",
    "Tally",
    "Watermark",
]
