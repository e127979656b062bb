"""How messages stand with their recipients right now, as the platform says when it is asked."""

import time
from collections.abc import Collection

from django.conf import settings

from notifier.platforms.base import Later, Question, Rank, Reading, Standing
from notifier.services.hooks import LiveHook
from notifier.services.steps import follow_all
from notifier.sql import Rows, run
from notifier.transport import Exchange

_TOO_SLOW = "the platform did not say in time whether the message is still unread"
_SILENT = "the platform's answer does not tell of the message"


def standings(
    hook: LiveHook, questions: Collection[Question], exchange: Exchange[str], *, deadline: float
) -> dict[Question, Reading[Standing]]:
    """What the platform says to each question. No transaction may be open: it is called.

    `deadline` is a moment of the monotonic clock; what there was no time for is left out. Raises ValueError where the
    platform's address is none.
    """
    if not questions or time.monotonic() > deadline:
        return {}
    batches = hook.platform.standing_steps(list(questions))
    series = {str(place): steps for place, steps in enumerate(batches)}
    told = follow_all(series, exchange, window=settings.CONNECTIONS_PER_STAGE, deadline=deadline)
    found = {question: reading for batch in told.values() for question, reading in batch.items()}
    if len(told) == len(series):
        return {question: found.get(question, Later(_SILENT)) for question in questions}
    # Where all the time was not enough for one answer, the same time would not be next time: that is a try.
    return found if told else dict.fromkeys(questions, Later(_TOO_SLOW))


def note_read(read: Collection[tuple[int, str]]) -> None:
    """These users have read these messages, each given as (primary key, user)."""
    if read:
        run(
            "insert into notifier_receipt (message_id, user_id, rank)"
            f" select new.message_id, new.user_id, {int(Rank.READ)} from {{rows:new}} where true"
            " on conflict (message_id, user_id) do update set rank = excluded.rank"
            " where notifier_receipt.rank < excluded.rank",
            new=Rows({"message_id": "bigint", "user_id": "text"}, sorted(set(read))),
        )
