"""What is forgotten by age: words first, after KEEP_TEXTS, and whole rows after KEEP_ROWS.

Nothing goes that is still at work: what is to be told, what is being told, and what tells where a reply belongs.
Each half names its own kinds, and says which of the other's rows it still needs.
"""

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings

from notifier.services.forgetting import Kind, counts, deleted, forget_all, of_conversations, of_messages

#: what is younger may be at work: KEEP_TEXTS and KEEP_ROWS are no shorter either
SHORTEST = timedelta(days=2)

#: SQL conditions of the other half on a message `x`: its words are still to be told; its row is needed (also for that)
MESSAGE_PENDING: list[str] = []
MESSAGE_NEEDED: list[str] = []

# By hook and message, as checks are indexed; there may be a million of them.
_CHECKED = (
    "exists (select 1 from notifier_hook h where"
    " (select c.due_at from notifier_receiptcheck c where c.hook_id = h.id and c.message_id = x.id) is not null)"
)
_CHECKS_GO = (
    "delete from notifier_receiptcheck where hook_id in (select h.id from notifier_hook h) and message_id {in:ids}"
)
_DAY = -86_400.0

#: kinds of the other half, which go before ours: their rows are about our messages
WORDS: list[Kind] = []
ROWS: list[Kind] = []


def _words() -> list[Kind]:
    return [
        *WORDS,
        Kind(
            what="texts of messages",
            table="notifier_message",
            which="x.sent_at < {now+age} and (x.text <> '' or x.parts is not null)",
            unless=(_CHECKED, *MESSAGE_PENDING),
            acts=("update notifier_message set text = '', parts = null where id {in:ids}",),
        ),
        of_messages("edits of messages that were not seen", "notifier_earlyedit", "x.noted_at < {now+age}"),
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
            which="coalesce(x.sent_at, x.deleted_at, x.changed_at) < {now+age}",
            unless=(_CHECKED, *MESSAGE_NEEDED),
            acts=(
                "delete from notifier_receipt where message_id {in:ids}",
                "delete from notifier_earlyedit where message_id {in:ids}",
                _CHECKS_GO,
                deleted("notifier_message"),
            ),
        ),
        Kind(
            what="departures",
            table="notifier_departure",
            which="x.left_at < {now+age}",
            acts=(deleted("notifier_departure"),),
        ),
        # Whatever such a mark is about was sent before it, and is as old.
        of_conversations("read marks", "notifier_watermark", "x.marked_at < {now+age}"),
        of_conversations(
            "participants of conversations that were deleted",
            "notifier_participant",
            (
                "exists (select 1 from notifier_conversation c"
                " where c.id = x.conversation_id and c.deleted_at < {now+age})"
            ),
        ),
        *(
            Kind(what=what, table=table, which="x.attempt_time < {now+age}", acts=(deleted(table),))
            for what, table in (("logins", "axes_accesslog"), ("failed logins", "axes_accessfailurelog"))
        ),
    ]


def forget_old(
    texts: timedelta | None = None, rows: timedelta | None = None, *, tick: Callable[[], object] = lambda: None
) -> dict[str, int]:
    """Forget what is older than KEEP_TEXTS and KEEP_ROWS, or than what is given; 0 keeps for ever. How many of each."""
    return _each(texts, rows, lambda kinds, age: forget_all(kinds, tick=tick, age=age, yesterday=_DAY))


def would_forget(texts: timedelta | None = None, rows: timedelta | None = None) -> dict[str, int]:
    """How many of each `forget_old` would forget now."""
    return _each(texts, rows, lambda kinds, age: counts(kinds, age=age, yesterday=_DAY))


def _each(
    texts: timedelta | None, rows: timedelta | None, do: Callable[[list[Kind], float], dict[str, int]]
) -> dict[str, int]:
    ages = (settings.KEEP_TEXTS if texts is None else texts, settings.KEEP_ROWS if rows is None else rows)
    done: dict[str, int] = {}
    for kinds, age in zip((_words(), _rows()), ages, strict=True):
        if age:
            done |= do(kinds, -age.total_seconds())
    return done
