"""Edits: the newest one is the text of what is still pending, if it is the sender's own.

A platform may pass on an edit by anybody: a Matrix homeserver accepts m.replace from every member, and leaves it to
clients to ignore those of others (client-server API, "Validity of replacement events"). Where the edit or the message
names nobody, there is nothing to compare, and it counts. An edit of a message that was not seen itself yet waits until
it is, one for each editor: a stranger's newer one must not displace the sender's.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from notifier.platforms.base import MessageFacts
from notifier.services.contents import as_json, contents
from notifier.sql import Ids, Rows, fetch, moment, run

#: a user's id and a bot's name, each empty where it is not told
Person = tuple[str, str]


class Edit(NamedTuple):
    """New contents of a message (a primary key), as it keeps them, and the platform's stamp."""

    message: int
    editor: Person
    text: str
    parts: str | None
    at: datetime


def person(facts: MessageFacts) -> Person:
    return facts.sender_id or "", facts.sender_name or ""


def edit(message: int, facts: MessageFacts, at: datetime) -> Edit:
    return Edit(message, person(facts), *contents(facts), at)


def apply(edits: Sequence[Edit], appeared: Collection[int]) -> None:
    """Take over these edits, and those that waited for messages which were seen or deleted just now.

    The caller's transaction has locked the rows of all these messages.
    """
    found = [*_waited_for(appeared), *edits]
    if not found:
        return
    senders = _senders({one.message for one in found})
    early: dict[tuple[int, Person], Edit] = {}
    counting: dict[int, Edit] = {}
    for one in sorted(found, key=lambda one: one.at):  # stable: of two with one stamp, whichever came later
        if one.message not in senders:
            continue  # it was deleted
        sender = senders[one.message]
        if sender is None:
            early[one.message, one.editor] = one
        elif _is_by(sender, one.editor):
            counting[one.message] = one
    _wait(early)
    _change(counting)


def _is_by(sender: Person, editor: Person) -> bool:
    """A bot may be told by its id one time and by its name another: a Matrix user who edits a text into a notice."""
    if not any(sender) or not any(editor):
        return True
    return bool({*sender} & {*editor} - {""})


def _senders(messages: Collection[int]) -> dict[int, Person | None]:
    """Of those that are not deleted; None: not seen itself yet."""
    rows = fetch(
        "select id, sent_at is not null, coalesce(sender_id, ''), coalesce(sender_name, '') from notifier_message"
        " where id {in:ids} and deleted_at is null",
        ids=Ids("bigint", sorted(messages)),
    )
    return {id_: (user, name) if seen else None for id_, seen, user, name in rows}


def _waited_for(messages: Collection[int]) -> list[Edit]:
    if not messages:
        return []
    rows = fetch(
        "delete from notifier_earlyedit where message_id {in:ids}"
        " returning message_id, editor_id, editor_name, text, parts, edited_at",
        ids=Ids("bigint", sorted(messages)),
    )
    return [Edit(id_, (user, name), text, parts, moment(at)) for id_, user, name, text, parts, at in rows]


_COLUMNS = {"message_id": "bigint", "body": "text", "parts": "text", "stamp": "timestamptz"}


def _wait(edits: Mapping[tuple[int, Person], Edit]) -> None:
    if edits:
        run(
            "insert into notifier_earlyedit (message_id, editor_id, editor_name, text, parts, edited_at, noted_at)"
            f" select new.message_id, new.editor_id, new.editor_name, new.body, {as_json('new.parts')}, new.stamp,"
            " {now} from {rows:new} where true on conflict (message_id, editor_id, editor_name) do update"
            " set text = excluded.text, parts = excluded.parts, edited_at = excluded.edited_at"
            " where notifier_earlyedit.edited_at <= excluded.edited_at",
            new=Rows(
                {**_COLUMNS, "editor_id": "text", "editor_name": "text"},
                [(one.message, one.text, one.parts, one.at, *one.editor) for _, one in sorted(edits.items())],
            ),
        )


def _change(edits: Mapping[int, Edit]) -> None:
    if edits:
        run(
            f"update notifier_message set text = new.body, parts = {as_json('new.parts')}, edited_at = new.stamp,"
            " changed_at = {now}"
            " from {rows:new} where notifier_message.id = new.message_id and deleted_at is null"
            " and (edited_at is null or edited_at <= new.stamp)",
            new=Rows(_COLUMNS, [(one.message, one.text, one.parts, one.at) for _, one in sorted(edits.items())]),
        )
