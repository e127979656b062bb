"""The introductions that a project's own function writes: outside any transaction, and for a limited time."""

import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace

from notifier.backoff import backoff
from smsbridge.models import Notice
from smsbridge.services import leases, own_code
from smsbridge.services.accounts import LiveBridge
from smsbridge.services.leases import Want
from smsbridge.services.notices import put_off, skip
from smsbridge.services.storing import Letter
from smsbridge.services.wording import IntroductionError, introduction

log = logging.getLogger(__name__)


def introduce(claim: uuid.UUID, letters: Sequence[Letter], *, deadline: float) -> list[Letter]:
    """These letters, the first of each new link with its opening. Left out are those that must wait.

    Where the function fails, the notices are tried later. `deadline` is a moment of the monotonic clock, after which
    no more functions are called: whom it is too late for is due again at once, and no try is spent.
    """
    known = _introduced(letters)
    ready: list[Letter] = []
    late: list[Letter] = []
    for letter in letters:
        if not letter.first.bridge.introduction_function or _link(letter) in known:
            ready.append(letter)
        elif time.monotonic() > deadline:
            late.append(letter)
        elif (opened := _opened(claim, letter)) is not None:
            known.add(_link(letter))
            ready.append(opened)
    put_off(claim, [(task.notice, 0.0) for letter in late for task in letter.tasks], spend=False)
    return ready


def _introduced(letters: Sequence[Letter]) -> set[tuple[int, str, int]]:
    """Links of these letters that need no opening, by bridge, user and conversation."""
    bridges = {letter.first.bridge.id: letter.first.bridge for letter in letters}
    return {
        (bridge.id, *key)
        for bridge in bridges.values()
        if bridge.introduction_function
        for key in _without_opening(bridge, [letter.want for letter in letters if letter.first.bridge.id == bridge.id])
    }


def _without_opening(bridge: LiveBridge, wants: Sequence[Want]) -> set[tuple[str, int]]:
    """Those that are introduced already, or will be texted one way, as far as can be known before they are written."""
    lineup = bridge.lineup
    standing = leases.standing(wants, lineup.preferred.ids)
    known = {key for key, introduced in standing.items() if introduced}
    others = [want for want in wants if want.key not in standing]
    if not others or (lineup.working is None and not lineup.senders.ids):
        return known
    without = leases.without_number(others, lineup.preferred.near)
    if lineup.senders.ids:
        return known | {want.key for want in without}
    return known | leases.known(without, lineup.numbers.ids)


def _link(letter: Letter) -> tuple[int, str, int]:
    return letter.first.bridge.id, *letter.want.key


def _opened(claim: uuid.UUID, letter: Letter) -> Letter | None:
    """None when the function failed."""
    bridge = letter.first.bridge
    try:
        return replace(letter, opening=introduction(bridge, letter.said[-1], letter.recipient))
    except IntroductionError as error:
        if error.hangs and max(task.attempts for task in letter.tasks) >= own_code.MOST_TRIES:
            note = own_code.given_up(str(error))
            skip(claim, [(task.notice, Notice.Reason.BLOCKED, note) for task in letter.tasks])
            return None
        log.warning("%s %s notices are tried later.", error, len(letter.tasks))
        put_off(claim, [(task.notice, backoff(task.attempts)) for task in letter.tasks], note=str(error))
        return None
