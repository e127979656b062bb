"""What a project's own function says of texts that are to be made: outside any transaction, for a limited time."""

import copy
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace

from notifier.backoff import backoff
from notifier.sql import Ids, run
from smsbridge.guards import Outgoing, Verdict
from smsbridge.models import Notice
from smsbridge.services import leases, own_code
from smsbridge.services.notices import put_off, skip
from smsbridge.services.own_code import OwnCodeError
from smsbridge.services.storing import Letter
from smsbridge.services.wording import lines_of

log = logging.getLogger(__name__)


def guard(claim: uuid.UUID, letters: Sequence[Letter], *, deadline: float) -> list[Letter]:
    """These letters as the functions of their bridges leave them. Left out are those that are blocked or must wait.

    Where the function fails, the notices are tried later: nothing leaves unseen. `deadline` is a moment of the
    monotonic clock, after which no more are called: whom it is too late for is due again at once, and no try is spent.
    """
    if not any(letter.first.bridge.before_sending for letter in letters):
        return list(letters)
    known = _introduced(letters)
    ready: dict[int, Letter] = {}
    late: list[Letter] = []
    # Those that may be to blame for earlier tries are asked about last.
    for place, letter in sorted(enumerate(letters), key=lambda one: (_tries(one[1]), one[0])):
        if not letter.first.bridge.before_sending:
            ready[place] = letter
        elif time.monotonic() > deadline:
            late.append(letter)
        elif (seen := _seen(claim, letter, introduces=_introduces(letter, known))) is not None:
            known.add(_link(letter))
            ready[place] = seen
    put_off(claim, [(task.notice, 0.0) for letter in late for task in letter.tasks], spend=False)
    return [ready[place] for place in sorted(ready)]


_Link = tuple[int, str, int]


def _introduced(letters: Sequence[Letter]) -> set[_Link]:
    """Links of these letters that need no introduction, of bridges that introduce."""
    bridges = {letter.first.bridge.id: letter.first.bridge for letter in letters}
    return {
        (bridge.id, *key)
        for bridge in bridges.values()
        if bridge.before_sending and (bridge.introduction or bridge.introduction_function)
        for key in leases.known(
            [letter.want for letter in letters if letter.first.bridge.id == bridge.id], bridge.lineup.preferred.ids
        )
    }


def _link(letter: Letter) -> _Link:
    return letter.first.bridge.id, *letter.want.key


def _introduces(letter: Letter, known: set[_Link]) -> bool:
    """Once per link, by the first letter that is not kept back; as far as can be known before it is made."""
    bridge = letter.first.bridge
    return bool(bridge.introduction or bridge.introduction_function) and _link(letter) not in known


def _tries(letter: Letter) -> int:
    return max(task.attempts for task in letter.tasks)


def _times_asked(letter: Letter) -> int:
    return max(task.asked for task in letter.tasks)


def _seen(claim: uuid.UUID, letter: Letter, *, introduces: bool) -> Letter | None:
    """The letter as the function leaves it; None when it is blocked, or the function failed."""
    bridge = letter.first.bridge
    lines = lines_of(bridge, letter.said, letter.recipient)
    if not lines:
        return letter
    try:
        verdict = _asked(claim, letter, _outgoing(letter, "\n".join(lines), introduces))
    except OwnCodeError as error:
        _not_seen(claim, letter, error)
        return None
    blocked = verdict.block or (_NOTHING_LEFT if verdict.text == "" else "")
    if blocked:
        skip(claim, [(task.notice, Notice.Reason.BLOCKED, blocked) for task in letter.tasks])
        return None
    return replace(letter, lines=None if verdict.text is None else [verdict.text], tags=tuple(verdict.tags))


def _asked(claim: uuid.UUID, letter: Letter, about: Outgoing) -> Verdict:
    """What the function says. Raises OwnCodeError.

    One that was tried before may have stopped its whole process, in a way that lets nothing else run in it: this is
    written down before the call, and taken back after it.
    """
    path, notices = letter.first.bridge.before_sending, [task.notice for task in letter.tasks]
    own_code.refuse_if_it_stops(path, _times_asked(letter))
    if _tries(letter) < 2:
        return own_code.ask(path, about)
    _count_asked(claim, notices, 1)
    try:
        return own_code.ask(path, about)
    finally:
        _count_asked(claim, notices, -1)


def _count_asked(claim: uuid.UUID, notices: Sequence[int], by: int) -> None:
    run(
        "update smsbridge_notice set asked = asked + %(by)s where id {in:ids} and claim = %(claim)s",
        by=by,
        ids=Ids("bigint", notices),
        claim=claim,
    )


def _not_seen(claim: uuid.UUID, letter: Letter, error: OwnCodeError) -> None:
    """It is tried later, unless the function hangs on it."""
    if own_code.is_hopeless(error, _tries(letter), _times_asked(letter)):
        log.error("%s %s notices are given up.", error, len(letter.tasks))
        skip(claim, [(task.notice, Notice.Reason.BLOCKED, own_code.given_up(str(error))) for task in letter.tasks])
        return
    log.warning("%s %s notices are tried later.", error, len(letter.tasks))
    put_off(claim, [(task.notice, backoff(task.attempts)) for task in letter.tasks], note=str(error))


_NOTHING_LEFT = "The project's own function left nothing to send."


def _outgoing(letter: Letter, text: str, introduces: bool) -> Outgoing:
    first = letter.first
    return Outgoing(
        text=text,
        introduces=introduces,
        recipient=copy.deepcopy(letter.recipient.values),
        senders=tuple(copy.deepcopy(sender.values) for sender in letter.senders),
        conversation_id=first.conversation_key,
        title=first.title,
        message_ids=tuple(task.message_key for task in letter.tasks),
        chat_app=first.bridge.app_name,
        bridge=first.bridge.name,
    )
