"""The trail of an event: one id in every line about it, from the webhook to the vendor and back.

The id, such as e4711, is that of the row by which the event was accepted. Its message keeps it, and so does the text
that tells of the message. A line is written per batch and names all that went through, so it costs next to nothing:
`grep -w e4711` finds every step of one event.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from functools import partial

from django.db import transaction

log = logging.getLogger("trail")


def name(trace: int | None, reference: object = "") -> str:
    """How lines name an event, and with it what was made of it: "e4711", "e4711/<reference>". "e0" is not known."""
    return f"e{trace or 0}/{reference}" if reference else f"e{trace or 0}"


def note(what: str, names: Iterable[str], **facts: object) -> None:
    """One line: `what` happened to these, once that is committed. `facts` are neither phones nor texts."""
    if not log.isEnabledFor(logging.INFO):
        return
    traces = list(names)
    if traces:
        transaction.on_commit(partial(log.info, what, extra={"facts": {"traces": traces, **facts}}))


def note_by(fact: str, what: str, named: Iterable[tuple[str, str]], **facts: object) -> None:
    """A line for each value of a fact, given as (value, name)."""
    groups: dict[str, list[str]] = defaultdict(list)
    for value, one in named:
        groups[value].append(one)
    for value, names in sorted(groups.items()):
        note(what, names, **{fact: value}, **facts)
