"""What is forgotten by age: words first, after KEEP_TEXTS, and whole rows after KEEP_ROWS.

Nothing goes that is still at work: what is to be told, what is being told, and what tells where a reply belongs.
Each half names its own kinds, and says which of the other's rows it still needs.
"""

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings

from notifier.services.forgetting import Kind, counts, deleted, forget_all

#: SQL conditions on a message `x` under which it is still needed, or still to be told of; each half adds its own
MESSAGE_NEEDED: list[str] = []
MESSAGE_PENDING: list[str] = [
    "exists (select 1 from notifier_receiptcheck c where c.message_id = x.id and c.due_at is not null)"
]

#: kinds of the other half, which go before ours: their rows are about our messages
WORDS: list[Kind] = []
ROWS: list[Kind] = []


def _none_of(conditions: list[str]) -> str:
    return "".join(f" and not {condition}" for condition in conditions)


def _words() -> list[Kind]:
    return [
        *WORDS,
        Kind(
            what="texts of messages",
            table="notifier_message",
            which="x.sent_at < {now+age} and (x.text <> '' or x.parts is not null)" + _none_of(MESSAGE_PENDING),
            acts=("update notifier_message set text = '', parts = null where id {in:ids}",),
        ),
        Kind(
            what="events that could not be read",
            table="notifier_inboxevent",
            which="x.state = 1 and x.received_at < {now+age}",
            acts=(deleted("notifier_inboxevent"),),
        ),
        Kind(
            what="events that could not be told",
            table="notifier_listenedevent",
            which="x.state = 'dead' and x.received_at < {now+age}",
            acts=(deleted("notifier_listenedevent"),),
        ),
    ]


def _rows() -> list[Kind]:
    return [
        *ROWS,
        Kind(
            what="messages",
            table="notifier_message",
            which="coalesce(x.sent_at, x.deleted_at) < {now+age}" + _none_of(MESSAGE_PENDING + MESSAGE_NEEDED),
            acts=(
                "delete from notifier_receipt where message_id {in:ids}",
                "delete from notifier_receiptcheck where message_id {in:ids}",
                deleted("notifier_message"),
            ),
        ),
        Kind(
            what="departures",
            table="notifier_departure",
            which="x.left_at < {now+age}",
            acts=(deleted("notifier_departure"),),
        ),
    ]


def forget_old(
    texts: timedelta | None = None, rows: timedelta | None = None, *, tick: Callable[[], object] = lambda: None
) -> dict[str, int]:
    """Forget what is older than KEEP_TEXTS and KEEP_ROWS, or than what is given; 0 keeps for ever. How many of each."""
    return _each(texts, rows, lambda kinds, age: forget_all(kinds, tick=tick, age=age))


def would_forget(texts: timedelta | None = None, rows: timedelta | None = None) -> dict[str, int]:
    """How many of each `forget_old` would forget now."""
    return _each(texts, rows, lambda kinds, age: counts(kinds, age=age))


def _each(
    texts: timedelta | None, rows: timedelta | None, do: Callable[[list[Kind], float], dict[str, int]]
) -> dict[str, int]:
    ages = (settings.KEEP_TEXTS if texts is None else texts, settings.KEEP_ROWS if rows is None else rows)
    done: dict[str, int] = {}
    for kinds, age in zip((_words(), _rows()), ages, strict=True):
        if age:
            done |= do(kinds, -age.total_seconds())
    return done
