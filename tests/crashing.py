"""A process that ends in the middle of its work, wherever that may be.

What outlives a process is what it wrote to the database and what it said to others. So its work is done again and
again, and ends before its first statement, commit or call, then before the second, and so on, and last after all of
them: between two of these nothing changes that anybody else could see. A statement that is added is met by itself.

Commits must be real ones: these tests are `django_db(transaction=True)`.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import count
from typing import Any, Self

import pytest
from django.db import connections, transaction
from django.utils import timezone

from notifier import stages, transport
from notifier.models import Conversation, ListenedEvent
from smsbridge.models import InboundSms, Notice, OutboundSms
from tests import factories

PATIENCE = 20


class Crash(BaseException):
    """The process ended here. No code of the program catches it."""


class Life:
    """A process that ends before the thing of this number that it does; `did` tells what it did until then."""

    def __init__(self, ends_before: int, *, reads: bool = True) -> None:
        self.did: list[str] = []
        self.crashed = False
        self._reads = reads
        self._ends_before = ends_before
        self._patch = pytest.MonkeyPatch()
        self._connection: Any = connections["default"]
        self._watch = self._connection.execute_wrapper(self._statement)

    def __repr__(self) -> str:
        return " | ".join(self.did) + (" | the end" if self.crashed else "")

    def __enter__(self) -> Self:
        commit, start = self._connection._commit, transport.Exchange.start
        self._patch.setattr(self._connection, "_commit", self._noting("commit", commit))
        self._patch.setattr(transport.Exchange, "start", self._noting("call", start))
        self._patch.setattr(transport, "call", self._noting("call", transport.call))
        self._watch.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> bool:
        self._watch.__exit__(None, None, None)
        self._patch.undo()
        self._connection.close()  # also when it came to no end: a process that ends later leaves nothing behind
        return kind is Crash

    def _statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        words = " ".join(str(sql).split())[:60]
        if self.crashed or self._reads or not words.startswith("SELECT"):
            self._about_to(words)
        return execute(sql, params, many, context)

    def _noting(self, what: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._about_to(what)
            return real(*args, **kwargs)

        return call

    def _about_to(self, do: str) -> None:
        if self.crashed:
            raise Crash  # the dead do nothing more, whatever is in a `finally`
        if len(self.did) == self._ends_before:
            self.crashed = True
            self._connection.close()  # the database rolls back what was not committed
            raise Crash
        self.did.append(do)


def lives(begin: Callable[[], object], act: Callable[[], object], *, reads: bool = True) -> Iterator[Life]:
    """Begin anew and act, once for each moment at which a process may end; the last one came to the end of its work.

    Without `reads` it does not end before a SELECT, for work that reads much, and whose reads change nothing.
    """
    for moment in count():
        begin()
        factories.forget()
        with Life(moment, reads=reads) as life:
            act()
        yield life
        if not life.crashed:
            return


def restarted(steps: Mapping[str, Callable[[], object]]) -> None:
    """A new process comes up when the claims have run out: whatever its sweep finds due is done, until nothing is.

    `steps` runs each stage to its end, by name.
    """
    for _ in range(PATIENCE):
        factories.forget()
        claims_run_out()
        due: list[str] = []
        stages.sweep(due.append)
        mine = [steps[name] for name in due if name in steps]
        if not mine:
            return
        for step in mine:
            step()
    raise AssertionError(f"{due} never comes to rest")


def claims_run_out() -> None:
    """What was claimed, put off or handed to a vendor is due again."""
    past = timezone.now() - timedelta(milliseconds=1)
    with transaction.atomic():
        Notice.objects.filter(state="waiting").update(next_at=past)
        OutboundSms.objects.filter(state__in=["ready", "sending"]).update(next_at=past)
        InboundSms.objects.filter(state="waiting").update(next_at=past)
        ListenedEvent.objects.filter(state="waiting").update(next_at=past)
        Conversation.objects.filter(roster_due_at__isnull=False).update(roster_due_at=past)
