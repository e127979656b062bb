"""From notices to texts: who is it, may he be texted, from which number, in which words.

A claim lasts CLAIM_SECONDS; the questions to the platform and the project's own functions lie between two
transactions. The second one makes leases, texts and ends the notices together, so a crash at any point leaves
notices that are composed again.
"""

import logging
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence

from django.conf import settings
from django.db import InternalError, OperationalError

from notifier.backoff import backoff
from notifier.runner import Step
from notifier.sql import Rows, fetch
from notifier.traces import trace
from notifier.transport import Exchange
from smsbridge.models import Notice
from smsbridge.services import courtesy
from smsbridge.services.accounts import LiveBridge
from smsbridge.services.claiming import NotOurTurnError, prolong, seconds_to_next
from smsbridge.services.confirming import confirm
from smsbridge.services.contacts import People, Person, Unavailable, people
from smsbridge.services.countries import refusal
from smsbridge.services.gathering import Task, gather
from smsbridge.services.guarding import guard
from smsbridge.services.notices import put_off, skip
from smsbridge.services.openings import introduce
from smsbridge.services.phone_facts import untextable
from smsbridge.services.storing import ClaimLostError, Letter, write

log = logging.getLogger(__name__)

STAGE = "compose"
_TURN_SECONDS = 0.02


class Composer:
    """The compose stage: one per process, as it keeps connections to the platform."""

    def __init__(self) -> None:
        self._exchange: Exchange[str] | None = None

    def step(self) -> Step:
        """Compose one batch of due notices."""
        claim = uuid.uuid4()
        try:
            claimed, tasks = gather(claim, settings.COMPOSE_BATCH)
        except NotOurTurnError:
            return Step(next_in=_TURN_SECONDS)
        try:
            self._compose(claim, tasks)
        except ClaimLostError:
            log.warning("Composing took longer than CLAIM_SECONDS; %s notices are composed again.", len(tasks))
        except (OperationalError, InternalError):  # also a transaction that was ended, as we had stood still
            raise
        except Exception as error:  # anything of a project's own, or a row that the database refuses
            self._scatter(claim, tasks, error)
        full = claimed >= settings.COMPOSE_BATCH
        return Step(done=claimed, more=bool(claimed), busy=full, next_in=None if claimed else seconds_to_next())

    def _compose(self, claim: uuid.UUID, tasks: Sequence[Task]) -> None:
        began = time.monotonic()
        letters = self._address(claim, tasks)
        _prolong_if_slow(claim, letters, began)
        letters = confirm(claim, letters, self._opened(), deadline=time.monotonic() + settings.CLAIM_SECONDS / 2)
        _prolong_if_slow(claim, letters, began)
        letters = guard(claim, letters, deadline=time.monotonic() + settings.CLAIM_SECONDS / 2)
        _prolong_if_slow(claim, letters, began)
        letters = introduce(claim, letters, deadline=time.monotonic() + settings.CLAIM_SECONDS / 2)
        _prolong_if_slow(claim, letters, began)
        write(claim, letters)

    def _scatter(self, claim: uuid.UUID, tasks: Sequence[Task], error: Exception) -> None:
        """One notice of the batch trips it: the jitter parts them, so that next time it trips few others, or none."""
        log.error(
            "%s notices are tried later, as composing raised %s:\n%s", len(tasks), type(error).__name__, trace(error)
        )
        if self._exchange is not None:
            self._exchange.close()  # what is still in flight must not come back among the answers of the next batch
        held = [(task.notice, backoff(task.attempts)) for task in tasks]
        put_off(claim, held, note=f"Composing raised {type(error).__name__}; the log says where.")

    def _address(self, claim: uuid.UUID, tasks: Sequence[Task]) -> list[Letter]:
        """Ask who the people are, and put aside whoever cannot be texted. No transaction is open."""
        by_bridge: dict[int, list[Task]] = defaultdict(list)
        for task in tasks:
            by_bridge[task.bridge.id].append(task)
        letters: list[Letter] = []
        # Half the claim for asking and a third for the last answer leave time to write.
        deadline = time.monotonic() + settings.CLAIM_SECONDS / 2
        for of_bridge in by_bridge.values():
            bridge, hook = of_bridge[0].bridge, of_bridge[0].hook
            exchange = self._opened()
            found = people(hook, _asked(of_bridge), bridge.region, exchange, deadline=deadline)
            letters += _letters(_textable(claim, of_bridge, found), found)
        return letters

    def _opened(self) -> Exchange[str]:
        if self._exchange is None:
            timeout = min(settings.HTTP_TIMEOUT_SECONDS, settings.CLAIM_SECONDS / 3)
            self._exchange = Exchange(connections=settings.CONNECTIONS_PER_STAGE, timeout=timeout)
        return self._exchange


def _prolong_if_slow(claim: uuid.UUID, letters: Sequence[Letter], began: float) -> None:
    if time.monotonic() - began > settings.CLAIM_SECONDS / 4:
        prolong(claim, [task.notice for letter in letters for task in letter.tasks])


def _asked(tasks: Sequence[Task]) -> list[str]:
    """Users whose identity is needed: every recipient, and the senders if the template or introduction tells them."""
    users = {task.user_id for task in tasks}
    bridge = tasks[0].bridge
    templates = [template for template in (bridge.template, bridge.introduction) if template is not None]
    if bridge.introduction_function or any("sender" in template.roots for template in templates):
        users |= {task.sender_id for task in tasks if task.sender_id is not None}
    return sorted(users)


def _textable(claim: uuid.UUID, tasks: Sequence[Task], found: People) -> list[Task]:
    """Those whose people are known and whose recipient has a phone that may be texted."""
    ready: list[tuple[Task, Person]] = []
    skipped: list[tuple[int, str, str]] = []
    waiting: list[tuple[Task, Unavailable]] = []
    opted_out = _opted_out([person.phone for person in found.values() if isinstance(person, Person) and person.phone])
    for task in tasks:
        recipient, sender = found[task.user_id], found.get(task.sender_id or "")
        if isinstance(recipient, Unavailable):
            waiting.append((task, recipient))
        elif isinstance(sender, Unavailable):
            waiting.append((task, sender))
        elif not recipient.known:
            skipped.append((task.notice, Notice.Reason.NO_IDENTITY, ""))
        elif not recipient.phone:
            skipped.append((task.notice, Notice.Reason.NO_PHONE, ""))
        elif recipient.phone in opted_out:
            skipped.append((task.notice, Notice.Reason.OPTED_OUT, ""))
        elif refused := refusal(task.bridge, recipient.phone):
            skipped.append((task.notice, *refused))
        else:
            ready.append((task, recipient))
    ready, cannot = _that_get_texts(tasks[0].bridge, ready)
    skip(claim, skipped + cannot)
    _wait(claim, waiting)
    return courtesy.hold(claim, tasks[0].bridge, ready)


def _that_get_texts(
    bridge: LiveBridge, told: Sequence[tuple[Task, Person]]
) -> tuple[list[tuple[Task, Person]], list[tuple[int, str, str]]]:
    """Those whose phone is not known to get none, and the others as notices to be skipped."""
    cannot = untextable(bridge, [person.phone for _, person in told])
    skipped = [
        (task.notice, str(Notice.Reason.UNTEXTABLE), cannot[person.phone])
        for task, person in told
        if person.phone in cannot
    ]
    return [(task, person) for task, person in told if person.phone not in cannot], skipped


def _wait(claim: uuid.UUID, waiting: Sequence[tuple[Task, Unavailable]]) -> None:
    """Who could not be asked about is tried later; whom there was no time for, at once, and no try is spent."""
    later: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for task, person in waiting:
        if person.asked:
            later[person.reason].append((task.notice, backoff(task.attempts)))
    for reason, held in later.items():
        put_off(claim, held, note=reason)
    put_off(claim, [(task.notice, 0.0) for task, person in waiting if not person.asked], spend=False)


def _opted_out(phones: Sequence[str]) -> set[str]:
    """By a join: a list to be compared with costs fifty times as much while the table is new to the planner."""
    rows = fetch(
        "select asked.phone from {rows:asked} join smsbridge_optout on smsbridge_optout.phone = asked.phone",
        asked=Rows({"phone": "text"}, [(phone,) for phone in phones]),
    )
    return {phone for (phone,) in rows}


def _letters(tasks: Sequence[Task], found: People) -> list[Letter]:
    """One letter per person and conversation on a bridge with digest, else one per message."""
    groups: dict[tuple[object, ...], list[Task]] = defaultdict(list)
    for task in tasks:
        alone = () if task.bridge.digest else (task.notice,)
        groups[(task.conversation, task.user_id, *alone)].append(task)
    return [
        Letter(group, _known(found, group[0].user_id), [_sender(found, task) for task in group])
        for group in groups.values()
    ]


def _known(found: People, user: str) -> Person:
    person = found.get(user)
    return person if isinstance(person, Person) else Person(user, user)


def _sender(found: People, task: Task) -> Person:
    if task.sender_id is None:  # a bot, or nobody whom the platform could name: then the place stands for him
        return Person("", task.sender_name or task.title or task.bridge.app_name)
    return _known(found, task.sender_id)
