"""Read up to here: one mark for all messages of a conversation up to one of them.

A user's marks are a set that only grows: each says that its own message was read, and every one before it. So they may
come late, twice and in any order. What a higher one makes superfluous is dropped. A mark on a message that is not
known to us is kept, and counts as soon as the message has a place.
"""

from collections.abc import Sequence

from notifier.platforms.base import Platform
from notifier.services.conversations import Arrived, fits
from notifier.sql import Rows, run

_MARKS = {"conversation_id": "bigint", "user_id": "text", "message": "text"}


def passed(message: str, user: str) -> str:
    """SQL: whether this user (an expression) has read this row of notifier_message (an alias), by a mark of his.

    Another message in the same place, such as one of the same microsecond, is not read by it. It takes a look into the
    primary key of the marks, and for a mark whose message came after it one for that. No "exists": the database would
    make a join of it, and may read all marks there are.
    """
    place = (
        "coalesce(mark.position, (select marked.position from notifier_message marked where marked.key = mark.message"
        f" and marked.chat_app_id = {message}.chat_app_id and marked.conversation_id = {message}.conversation_id))"
    )
    return (
        f"(select 1 from notifier_watermark mark where mark.conversation_id = {message}.conversation_id"
        f" and mark.user_id = {user} and (mark.message = {message}.key or {place} > {message}.position)"
        " limit 1) is not null"
    )


def note(chat_app: int, conversations: dict[str, int], arrived: Sequence[Arrived], platform: Platform | None) -> None:
    """Take over what these events say was read up to where."""
    in_order = platform is not None and platform.in_order
    marks: dict[tuple[int, str, str], None] = {}
    for _, event, *_ in arrived:
        if event.conversation is None:
            continue
        for user, message in event.read_up_to.items():
            if fits(user) and fits(message) and (platform is None or platform.may_be_told(user)):
                marks[conversations[event.conversation], user, message] = None
    if marks:
        _store(chat_app, sorted(marks))
        _drop_superfluous(chat_app, {mark[:2]: mark[2] for mark in marks}, in_order=in_order)


def _store(chat_app: int, marks: Sequence[tuple[int, str, str]]) -> None:
    run(
        "insert into notifier_watermark (conversation_id, user_id, message, position, marked_at)"
        " select new.conversation_id, new.user_id, new.message, m.position, {now} from {rows:new}"
        " left join notifier_message m on m.chat_app_id = %(app)s and m.key = new.message"
        "   and m.conversation_id = new.conversation_id"
        " where true order by new.conversation_id, new.user_id, new.message"
        " on conflict (conversation_id, user_id, message) do update"
        " set position = excluded.position, marked_at = excluded.marked_at"
        " where notifier_watermark.position is null and excluded.position is not null",
        app=chat_app,
        new=Rows(_MARKS, marks),
    )


def _drop_superfluous(chat_app: int, last: dict[tuple[int, str], str], *, in_order: bool) -> None:
    """Marks below another one of the same user. One that somebody else holds at this moment may stay: it does no harm.

    Where events come in order, so does the message before its mark: an older mark on an unknown one is of no use.
    """
    run(
        "delete from notifier_watermark where (conversation_id, user_id, message) in ("
        "  select old.conversation_id, old.user_id, old.message from {rows:new} join notifier_watermark old"
        "    on old.conversation_id = new.conversation_id and old.user_id = new.user_id"
        "  where coalesce(old.position, (select m.position from notifier_message m where m.chat_app_id = %(app)s"
        "      and m.key = old.message and m.conversation_id = old.conversation_id))"
        "    < (select max(high.position) from notifier_watermark high"
        "      where high.conversation_id = old.conversation_id and high.user_id = old.user_id)"
        "    or (%(in_order)s and old.position is null and old.message <> new.message)"
        "  {lock:old})",
        app=chat_app,
        in_order=in_order,
        new=Rows(_MARKS, sorted((*who, message) for who, message in last.items())),
    )
