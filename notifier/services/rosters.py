"""Who takes part in a conversation, where events do not tell it: the platform is asked, and its answer stored.

Nobody is told of the conversation's messages as long as nobody is known to take part. After some tries it is given up,
until a later message or newcomer gives a reason to ask again. The rows are `roster_rows`'s.
"""

import logging
import time
from collections.abc import Mapping, Sequence

from django.conf import settings

from notifier.backoff import MAX_ATTEMPTS
from notifier.platforms.base import Can, Done, Later, No, Platform, Reading, Roster
from notifier.runner import Step
from notifier.services import roster_rows
from notifier.services.hooks import live_hooks
from notifier.services.roster_rows import Asked
from notifier.services.steps import follow_all
from notifier.traces import trace
from notifier.transport import Exchange

log = logging.getLogger(__name__)

_NOBODY_TELLS = "Nobody who took part in it can tell any more who does: write in it, then ask again."

# Seconds until news of a conversation that was given up let it be asked again: of a platform that was away soon, but
# checks that waited need a moment to go on; of one that refused seldom.
_SOON = 60.0
_TOMORROW = 86_400.0

Found = Mapping[int, Reading[Roster | None]]


class Asker:
    """The roster stage: one per process, as it keeps connections to the platforms."""

    def __init__(self) -> None:
        self._exchange: Exchange[str] | None = None

    def step(self) -> Step:
        """Ask about one batch of conversations, all of one chat app: one that does not answer holds up no other."""
        deadline = time.monotonic() + settings.CLAIM_SECONDS / 2
        chat_app, claimed = roster_rows.claim()
        if not claimed:
            return Step(next_in=roster_rows.seconds_to_next())
        for one, reading in _ask(self._opened(), _platform(chat_app), claimed, deadline):
            _end(one, reading)
        return Step(done=len(claimed), more=True)

    def _opened(self) -> Exchange[str]:
        if self._exchange is None:
            self._exchange = Exchange(connections=settings.CONNECTIONS_PER_STAGE, timeout=settings.HTTP_TIMEOUT_SECONDS)
        return self._exchange


def _platform(chat_app: int) -> Platform | None:
    """None when no hook of the chat app can be used."""
    return next((hook.platform for hook in live_hooks().values() if hook.chat_app == chat_app), None)


def _ask(
    exchange: Exchange[str], platform: Platform | None, claimed: Sequence[Asked], deadline: float
) -> list[tuple[Asked, Reading[Roster | None]]]:
    """What became of each. No transaction is open."""
    if platform is None:
        return [(one, Later("The chat app has no hook that can be used: correct it in the admin.")) for one in claimed]
    if Can.ROSTER not in platform.can:
        return [(one, No(f"{platform.title} cannot {Can.ROSTER.value}.")) for one in claimed]
    lost = [one for one in claimed if one.attempt > MAX_ATTEMPTS]
    found = _follow(exchange, platform, [one for one in claimed if one not in lost], deadline)
    late, ended = (
        Later(f"{platform.title} did not answer in time."),
        Later("Each time, the worker ended while it asked."),
    )
    return [(one, ended if one in lost else found.get(one.id, late)) for one in claimed]


def _follow(exchange: Exchange[str], platform: Platform, asked: Sequence[Asked], deadline: float) -> Found:
    """By primary key; who has no answer by the deadline is left out. One that trips the adapter fails alone."""
    try:
        series = {str(one.id): platform.roster_steps(one.key, roster_rows.users(one.id)) for one in asked}
        window = settings.CONNECTIONS_PER_STAGE
        told = follow_all(series, exchange, window=window, deadline=deadline)
        return {int(name): reading for name, reading in told.items()}
    except Exception as error:
        exchange.close()  # what is still in flight must not come back among later answers
        if len(asked) == 1:
            log.error("The roster of conversation %s tripped its adapter.\n%s", asked[0].id, trace(error))
            return {asked[0].id: Later(f"The adapter failed: {type(error).__name__}")}
    return {id_: reading for one in asked for id_, reading in _follow(exchange, platform, [one], deadline).items()}


def _end(one: Asked, reading: Reading[Roster | None]) -> None:
    """Store what was learnt, or when it is asked again, or why not."""
    if isinstance(reading, Done) and reading.value is not None:
        roster_rows.store(one, reading.value)
    elif isinstance(reading, Later) and one.attempt < MAX_ATTEMPTS:
        roster_rows.put_off(one, reading)
    else:
        why = _NOBODY_TELLS if isinstance(reading, Done) else reading.reason
        roster_rows.give_up(one, why, again=_SOON if isinstance(reading, Later) else _TOMORROW)
