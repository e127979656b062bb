"""Questions to something that may hang, such as a database that is frozen: asked in a thread of their own."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from django.db import connections

T = TypeVar("T")


class Question(Generic[T]):
    """`ask` runs in one thread at a time, however many want to know; its answer is kept for `keep` seconds.

    One that has hung for `patience` seconds is left behind and asked anew: its connection may be a dead one.
    It holds up one that wants to know, once; the others hear what the one before it has come to.
    """

    def __init__(self, ask: Callable[[], T], *, keep: float, patience: float = 30.0) -> None:
        self._ask, self._keep, self._patience = ask, keep, patience
        self._mutex = threading.Lock()
        self._asked_at = self._answered_at = float("-inf")
        self._future: Future[T] = Future()
        self._before: Future[T] | None = None  # the one asked before
        self._hangs: Future[T] | None = None  # what somebody has waited for in vain
        self._waits = threading.Lock()

    def begin(self) -> "Future[T]":
        """Ask, unless the answer is at hand or on its way."""
        with self._mutex:
            if self._is_to_be_asked():
                self._before = self._future if self._asked_at > float("-inf") else None
                self._future, self._asked_at = Future(), time.monotonic()
                threading.Thread(target=self._run, args=[self._future], name="question", daemon=True).start()
            return self._future

    def answer(self, seconds: float) -> T:
        """Raises TimeoutError when there is none in time, and whatever `ask` raised."""
        future = self.begin()
        if future.done() or future is self._hangs:
            return future.result(0.0)
        before = self._before
        if self._waits.acquire(blocking=False):
            try:
                return self._wait_for(future, seconds)
            finally:
                self._waits.release()
        return before.result(0.0) if before else self._wait_for(future, seconds)

    def _wait_for(self, future: "Future[T]", seconds: float) -> T:
        try:
            return future.result(max(seconds, 0.0))
        except TimeoutError:
            self._hangs = future
            raise

    def _is_to_be_asked(self) -> bool:
        now = time.monotonic()
        if self._future.done():
            return now - self._answered_at > self._keep
        return now - self._asked_at > self._patience

    def _run(self, future: Future[T]) -> None:
        try:
            answer = self._ask()
        except Exception as error:  # it is raised where the answer is wanted
            self._answered_at = time.monotonic()
            future.set_exception(error)
        else:
            self._answered_at = time.monotonic()
            future.set_result(answer)
        finally:
            connections.close_all()  # this thread's own
