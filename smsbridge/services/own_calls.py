"""Calls of a project's own functions, each for a limited time.

A thread cannot be ended from outside, so a function runs in a thread beside the stage that asks. If it does not return
in time, that thread is left behind, and the stage goes on. Whatever a function raises there is its own failure, also
SystemExit or a cancellation: no signal to this process arrives in such a thread.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connections
from django.utils.module_loading import import_string

#: so many calls of this process may hang; until one of them returns, no more are made
MOST_LEFT_BEHIND = 20

_IDLE_SECONDS = 1.0


class CallError(Exception):
    """A call failed. The text says how, to stand behind the function's name, without anything that it was given."""


class NotReturnedError(CallError):
    """It hangs: so would another call, it seems."""


def call(path: str, value: Any) -> Any:
    """What the function at a dotted path returns for a value. Raises CallError.

    It may take half of CLAIM_SECONDS. Its thread has a database connection of its own, as any thread has.
    """
    one = _Call(lambda: import_string(path)(value))
    with _mutex:
        if len(_left_behind) >= MOST_LEFT_BEHIND:
            raise CallError(f"was not called: {MOST_LEFT_BEHIND} calls of such functions hang, so restart the worker")
        thread = _idle.pop() if _idle else _Thread()
    seconds = settings.CLAIM_SECONDS / 2
    thread.take(one)
    if not one.done.wait(seconds) and _leave_behind(thread, one):
        raise NotReturnedError(f"did not return within {seconds:g} seconds")
    if one.error is not None:
        raise CallError(f"raised {type(one.error).__name__}") from one.error
    return one.result


class _Call:
    def __init__(self, function: Callable[[], Any]) -> None:
        self.done = threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None
        self._function = function

    def run(self) -> None:
        close_old_connections()
        try:
            self.result = self._function()
        except BaseException as error:  # a project's own code may raise anything
            self.error = error
        close_old_connections()  # also one that it left in the middle of a transaction


class _Thread:
    """Makes one call after another, and ends when there are none for a second, or when it was left behind."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        # A daemon: one that hangs must not keep the process from ending.
        threading.Thread(target=self._work, name="own code", daemon=True).start()

    def take(self, one: _Call) -> None:
        self._calls.put(one)

    def _work(self) -> None:
        try:
            while (one := self._next()) is not None:
                one.run()
                if not self._is_kept(one):
                    return
        finally:
            connections.close_all()

    def _next(self) -> _Call | None:
        try:
            return self._calls.get(timeout=_IDLE_SECONDS)
        except Empty:
            with _mutex:
                if self in _idle:
                    _idle.remove(self)
                    return None
            return self._calls.get()  # it was taken in this moment

    def _is_kept(self, one: _Call) -> bool:
        with _mutex:
            one.done.set()
            if self in _left_behind:
                _left_behind.remove(self)
                return False
            _idle.append(self)
            return True


_mutex = threading.Lock()
_idle: list[_Thread] = []
_left_behind: set[_Thread] = set()


def _leave_behind(thread: _Thread, one: _Call) -> bool:
    """Whether the call has still not ended, in this moment."""
    with _mutex:
        if not one.done.is_set():
            _left_behind.add(thread)
        return not one.done.is_set()
