"""The SMS side's stages run by hand, each by a worker of its own, and crashes where one may come."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import Any

import pytest

from notifier.runner import Step
from smsbridge.services.composing import Composer
from smsbridge.services.looking_up import LookUp
from smsbridge.services.reconciling import Reconciler
from smsbridge.services.replies import Poster
from smsbridge.services.sending import Sender
from tests.crashing import Crash


def compose() -> int:
    return _run(Composer())


def send() -> int:
    return _run(Sender())


def reply() -> int:
    return _run(Poster())


def reconcile() -> int:
    return _run(Reconciler())


def look_up() -> int:
    return _run(LookUp())


def _run(worker: Any) -> int:
    """Work for as long as the stage says that there is more, then let go of its connections."""
    done = 0
    try:
        while True:
            step: Step = worker.step()
            done += step.done
            if not step.more:
                return done
    finally:
        if worker._exchange is not None:
            worker._exchange.close()


@contextmanager
def crash_at(target: str, *, after: bool = False) -> Iterator[None]:
    """The process ends as soon as it calls `target`, a dotted path: before the call, or right after it."""

    def crashing(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if after:
                real(*args, **kwargs)
            raise Crash(target)

        return call

    module, _, name = target.rpartition(".")
    with pytest.MonkeyPatch.context() as patch:
        holder = resolve_name(module)
        patch.setattr(holder, name, crashing(getattr(holder, name)))
        with pytest.raises(Crash):
            yield
