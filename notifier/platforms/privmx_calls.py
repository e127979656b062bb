"""Calls over one socket: several at a time, each answered in time or the connection is broken.

What is asked one after the other is written as a `Script`: a generator that yields an `Ask` and is sent its result, or
thrown the RpcError. The rate limit's answer is taken here: the call is repeated after a second.
"""

from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from notifier.platforms.privmx_rpc import FINAL_CODES, INTERNAL, TOKEN_CODES, Answered, RpcError, call
from notifier.platforms.socket import BrokenError, RefusedError

ANSWER_SECONDS: Final = 15.0
#: after the rate limit's answer; by then ten calls' worth is back
PAUSE_SECONDS: Final = 1.0
#: calls that are unanswered at any time
WINDOW: Final = 4
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Ask:
    """One call. `params` may be made anew for each try. `opens`: it is made while others wait for a session."""

    method: str
    params: Mapping[str, Any] | Callable[[], Mapping[str, Any]]
    opens: bool = False

    def frame(self, id_: int) -> str:
        return call(id_, self.method, self.params() if callable(self.params) else self.params)


Script = Generator[Ask, Any, None]


@dataclass(slots=True)
class _Open:
    """A call that is to be made, or to be answered until `due`."""

    ask: Ask
    script: Script
    tries: int = 0
    due: float = 0.0


class Calls:
    """While `held`, only calls that open a session are made. `expired` is called when a call finds the token dead."""

    def __init__(self, expired: Callable[[], None]) -> None:
        self.held = True
        self._expired = expired
        self._waiting: deque[_Open] = deque()
        self._asked: dict[int, _Open] = {}
        self._next_id = 1
        self._paused_until = float("-inf")

    def start(self, script: Script) -> None:
        """Run a script up to its first call. Raises BrokenError or RefusedError for an error that it does not take."""
        self._go_on(script, lambda: next(script))

    def frames(self, now: float) -> list[str]:
        """What is to be sent now."""
        sent: list[str] = []
        while now >= self._paused_until and len(self._asked) < WINDOW:
            open_ = self._take()
            if open_ is None:
                break
            id_, self._next_id = self._next_id, self._next_id + 1
            open_.due = now + ANSWER_SECONDS
            self._asked[id_] = open_
            sent.append(open_.ask.frame(id_))
        return sent

    def answered(self, answer: Answered, now: float) -> None:
        """Take an answer. One that nobody waits for is left. Raises BrokenError or RefusedError."""
        if answer.id is None and answer.error is not None:
            raise BrokenError(f"{answer.failure('a call')}.")
        open_ = self._asked.pop(answer.id or 0, None)
        if open_ is None:
            return
        if answer.limited:
            self._paused_until = now + PAUSE_SECONDS
            self._waiting.appendleft(open_)
            return
        error = answer.failure(open_.ask.method)
        if error is None:
            self._go_on(open_.script, lambda: open_.script.send(answer.result))
        elif not self._again(open_, error):
            self._go_on(open_.script, lambda: open_.script.throw(error))

    def wake_at(self) -> float | None:
        """When `check` and `frames` are to be called."""
        times = [open_.due for open_ in self._asked.values()]
        if len(self._asked) < WINDOW and any(open_.ask.opens or not self.held for open_ in self._waiting):
            times.append(self._paused_until)
        return min(times, default=None)

    def check(self, now: float) -> None:
        """Raises BrokenError when an answer is overdue."""
        late = next((open_ for open_ in self._asked.values() if open_.due <= now), None)
        if late is not None:
            raise BrokenError(f"PrivMX Bridge did not answer {late.ask.method} within {ANSWER_SECONDS:.0f} s.")

    def _take(self) -> _Open | None:
        for index, open_ in enumerate(self._waiting):
            if open_.ask.opens or not self.held:
                del self._waiting[index]
                return open_
        return None

    def _again(self, open_: _Open, error: RpcError) -> bool:
        """Whether the call is worth making once more: with a new token, or after a failure inside the Bridge."""
        dead = error.code in TOKEN_CODES and not open_.ask.opens
        if open_.tries + 1 >= _TRIES or not (dead or error.code == INTERNAL):
            return False
        open_.tries += 1
        self._waiting.appendleft(open_)
        if dead:
            self._expired()
        return True

    def _go_on(self, script: Script, step: Callable[[], Ask]) -> None:
        try:
            ask = step()
        except StopIteration:
            return
        except RpcError as error:
            raise (RefusedError if error.code in FINAL_CODES else BrokenError)(f"{error}.") from None
        self._waiting.append(_Open(ask, script))
