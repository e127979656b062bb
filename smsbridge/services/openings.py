"""The introductions that a project's own function writes: outside any transaction, and for a limited time."""

import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace

from notifier.backoff import backoff
from smsbridge.services import leases
from smsbridge.services.notices import put_off
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
        for key in leases.known(
            [letter.want for letter in letters if letter.first.bridge.id == bridge.id], bridge.numbers
        )
    }


def _link(letter: Letter) -> tuple[int, str, int]:
    return letter.first.bridge.id, *letter.want.key


def _opened(claim: uuid.UUID, letter: Letter) -> Letter | None:
    """None when the function failed."""
    bridge = letter.first.bridge
    try:
        return replace(letter, opening=introduction(bridge, letter.said[-1], letter.recipient))
    except IntroductionError as error:
        log.warning("%s %s notices are tried later.", error, len(letter.tasks))
        put_off(claim, [(task.notice, backoff(task.attempts)) for task in letter.tasks], note=str(error))
        return None
