"""The last question before a text is made: does its recipient really not know yet what it tells of?

Receipts can get lost on their way to us. Of a hook that asks first the platform is therefore asked about each message,
once everything else says that it is to be told. While it cannot be asked, the notice waits: nothing is texted blindly.
"""

import logging
import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from notifier.backoff import backoff
from notifier.platforms.base import Done, Later, Question, Rank, Reading, Standing
from notifier.services.asking import note_read, standings
from notifier.services.hooks import LiveHook
from notifier.transport import Exchange
from smsbridge.models import Notice
from smsbridge.services.contacts import phones_of_rules
from smsbridge.services.gathering import Task
from smsbridge.services.notices import put_off, skip
from smsbridge.services.storing import Letter

log = logging.getLogger(__name__)

_ENDS = {
    Standing.READ: Notice.Reason.READ,
    Standing.DELETED: Notice.Reason.DELETED,
    Standing.LEFT: Notice.Reason.LEFT,
    Standing.MUTED: Notice.Reason.MUTED,
}

_Told = dict[Question, Reading[Standing]]


def confirm(claim: uuid.UUID, letters: Sequence[Letter], exchange: Exchange[str], *, deadline: float) -> list[Letter]:
    """These letters without what their platform says need not be told; a letter of which nothing is left is gone.

    Such notices end, and what was read is stored. Where the platform cannot be asked they are tried later. `deadline`
    is a moment of the monotonic clock: whom there is no time for is due again at once, and no try is spent.
    """
    by_hook: dict[int, list[Task]] = defaultdict(list)
    for task in (task for letter in letters for task in letter.tasks if task.hook.asks_first):
        by_hook[task.hook.id].append(task)
    if not by_hook:
        return list(letters)
    found = _Found()
    for of_hook in filter(None, map(_known, by_hook.values())):
        told = _ask(of_hook[0].hook, {_question(task): None for task in of_hook}, exchange, deadline)
        for task in of_hook:
            found.take(task, told.get(_question(task)))
    found.store(claim)
    return [kept for letter in letters if (kept := _without(letter, found.gone)).tasks]


def _known(of_hook: Sequence[Task]) -> list[Task]:
    """Those whose recipient the platform knows: whoever is no more than a phone of a rule is nobody to it."""
    phones = phones_of_rules(of_hook[0].hook, [task.user_id for task in of_hook])
    return [task for task in of_hook if task.user_id not in phones]


def _question(task: Task) -> Question:
    return Question(task.conversation_key, task.message_key, task.user_id, task.sent_at)


def _ask(hook: LiveHook, questions: Collection[Question], exchange: Exchange[str], deadline: float) -> _Told:
    """A platform that cannot be asked, such as one whose address is none, fails for its own messages only."""
    try:
        return standings(hook, questions, exchange, deadline=deadline)
    except (AttributeError, TypeError, ValueError) as error:
        log.error("The hook %s cannot ask who has read a message (%s): see `manage.py doctor`.", hook.slug, error)
        exchange.close()  # what is still in flight must not come back among the answers of the next batch
        return dict.fromkeys(questions, Later(f"the platform cannot be asked: {type(error).__name__}"))


@dataclass(slots=True)
class _Found:
    """What becomes of notices by the platform's word; those not in `gone` go on."""

    gone: set[int] = field(default_factory=set)
    read: list[tuple[int, str]] = field(default_factory=list)
    ended: list[tuple[int, str, str]] = field(default_factory=list)
    late: list[tuple[int, float]] = field(default_factory=list)
    waiting: dict[str, list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))

    def take(self, task: Task, reading: Reading[Standing] | None) -> None:
        if isinstance(reading, Done):
            self._told(task, reading.value)
            return
        self.gone.add(task.notice)
        if reading is None:
            self.late.append((task.notice, 0.0))
        else:
            after = reading.after if isinstance(reading, Later) else None
            self.waiting[reading.reason].append((task.notice, backoff(task.attempts, after)))

    def _told(self, task: Task, standing: Standing) -> None:
        if standing is Standing.READ:
            self.read.append((task.message, task.user_id))
            if Rank.READ in task.hook.ranks:
                return
        if (reason := _ENDS.get(standing)) is not None:
            self.gone.add(task.notice)
            self.ended.append((task.notice, reason, ""))

    def store(self, claim: uuid.UUID) -> None:
        note_read(self.read)
        skip(claim, self.ended)
        for reason, held in self.waiting.items():
            put_off(claim, held, note=reason)
        put_off(claim, self.late, spend=False)


def _without(letter: Letter, gone: Collection[int]) -> Letter:
    if not any(task.notice in gone for task in letter.tasks):
        return letter
    kept = [pair for pair in zip(letter.tasks, letter.senders, strict=True) if pair[0].notice not in gone]
    return replace(letter, tasks=[task for task, _ in kept], senders=[sender for _, sender in kept])
