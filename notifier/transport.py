"""The one HTTP transport: `Exchange` for stages (one thread, many keep-alive connections), `call` for a rare call.

A request is put on the wire at most once, whatever happens, because a repeated POST is a second SMS: nothing is
retried and no redirect is followed (a 3xx is a `Response` like any other). What comes back is a `Response`, or a
`Failure` that says whether the server may have acted. TLS certificates are verified. Proxies, `.netrc` and
cookies are not used, whatever the environment says. Bodies are handed over as they came, not decompressed.

Why libcurl (pycurl): CPU per call at an instant upstream, window 64, two cores, 3 x 20,000 POSTs, medians in us:
libcurl multi.perform 20, multi.socket_action 26, http.client over epoll 72, aiohttp with uvloop 72 and without 94,
urllib3 over epoll 119; all of `Exchange` over multi.perform, with its checks and `Response`s, 26. At 50 ms latency
and a window of 128: perform 46, socket_action 48, aiohttp with uvloop 114, all of `Exchange` 60. The wheels bring TLS.

The price is a trap: libcurl repeats a request, POST included, when a *reused* connection dies before the first
byte of the answer. It asks PREREQFUNCTION right before every write, though: `transport_curl.Slot.permit` says yes
only once. The same question tells exactly which failures are `reached`.

For metrics, wrap `Exchange.finished`: it sees every answer with its tag, once.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Generic, Self, TypeVar

import certifi
import pycurl

from notifier import transport_rules as rules
from notifier.transport_call import call
from notifier.transport_curl import Slot, Sockets, options
from notifier.wire import Answer, Request

__all__ = ["Exchange", "call"]

T = TypeVar("T")

#: longest sleep in seconds: select() does not see descriptors above 1023, so never rely on it alone
_NAP = 0.05


class Exchange(Generic[T]):
    """Many requests at once, all driven by the thread that calls `finished` or `all`.

    Not thread-safe: one per stage and thread. Nothing is opened before the first `start`, so one that was made
    before a fork may be used after it. `connections` is the most that are open to one origin; what is started
    beyond that waits its turn, so a host that does not answer holds up nobody else. Seconds: `connect_timeout`
    for name, connection and TLS, `timeout` for all of a request from its turn on, `idle_seconds` after which an
    idle connection is not used again. `ca_file`: PEM file of trusted authorities, certifi's when None.
    """

    def __init__(
        self,
        *,
        connections: int = 128,
        connect_timeout: float = rules.CONNECT_TIMEOUT,
        timeout: float = rules.TIMEOUT,
        idle_seconds: float = 20.0,
        ca_file: str | None = None,
    ) -> None:
        self._connections = connections
        self._options = options(connect_timeout, timeout, idle_seconds, ca_file or certifi.where())
        self._sockets = Sockets(4 * connections)
        self._multi: pycurl.CurlMulti | None = None
        self._idle: list[Slot[T]] = []
        self._busy: dict[pycurl.Curl, Slot[T]] = {}
        self._open: dict[str, int] = {}
        self._waiting: dict[str, deque[tuple[T, Request, list[bytes]]]] = {}
        self._queued = 0

    @property
    def in_flight(self) -> int:
        """How many were started and have not come back from `finished`."""
        return len(self._busy) + self._queued

    def start(self, tag: T, request: Request) -> None:
        """Take a request on. Raises ValueError for one that is not HTTP, and nothing else.

        It moves only while `finished` or `all` runs, but its time-outs go on meanwhile: do not stay away for seconds.
        The tag comes back with the answer; it need not be unique.
        """
        rules.check(request)
        origin, lines = rules.origin(request.url), rules.header_lines(request)
        if self._open.get(origin, 0) < self._connections:
            self._begin(origin, tag, request, lines)
        else:
            self._waiting.setdefault(origin, deque()).append((tag, request, lines))
            self._queued += 1

    def finished(self, wait: float) -> list[tuple[T, Answer]]:
        """What has finished, as soon as anything has; [] after `wait` seconds, or at once when nothing is in flight."""
        if self._multi is None or not self.in_flight:
            return []
        deadline = time.monotonic() + wait
        while True:
            self._multi.perform()
            done = self._collect(self._multi)
            left = deadline - time.monotonic()
            if done or left <= 0:
                return done
            if self._multi.select(min(left, _NAP)) <= 0:
                time.sleep(0.001)  # select() returns at once while there is no socket yet

    def all(self, pairs: Iterable[tuple[T, Request]], *, window: int) -> Iterator[tuple[T, Answer]]:
        """Carry all of `pairs`, in any order, pulling the next ones only when fewer than `window` are in flight."""
        source = iter(pairs)
        while True:
            for tag, request in islice(source, max(0, window - self.in_flight)):
                self.start(tag, request)
            if not self.in_flight:
                return
            yield from self.finished(1.0)

    def close(self) -> None:
        """Close every connection. What is still in flight gets no answer: its outcome is unknown."""
        for slot in self._busy.values():
            if self._multi is not None:
                self._multi.remove_handle(slot.curl)
        for slot in (*self._busy.values(), *self._idle):
            slot.curl.close()
        self._busy.clear()
        self._idle.clear()
        self._open.clear()
        self._waiting.clear()
        self._queued = 0
        if self._multi is not None:
            self._multi.close()
            self._multi = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, origin: str, tag: T, request: Request, lines: list[bytes]) -> None:
        if self._multi is None:
            self._multi = pycurl.CurlMulti()
            self._multi.setopt(pycurl.M_MAXCONNECTS, 2 * self._connections)
        slot = self._idle.pop() if self._idle else self._new_slot()
        slot.load(tag, origin, request, lines)
        self._open[origin] = self._open.get(origin, 0) + 1
        self._busy[slot.curl] = slot
        self._multi.add_handle(slot.curl)

    def _new_slot(self) -> Slot[T]:
        curl = pycurl.Curl()
        for option, value in self._options.items():
            curl.setopt(option, value)
        return Slot(self._sockets, curl)

    def _collect(self, multi: pycurl.CurlMulti) -> list[tuple[T, Answer]]:
        done: list[tuple[T, Answer]] = []
        more = 1
        while more:
            more, good, bad = multi.info_read()
            done += [self._end(multi, curl, self._busy[curl].response()) for curl in good]
            for curl, code, text in bad:
                slot = self._busy[curl]
                if slot.stale:
                    self._begin_again(multi, slot)
                else:
                    done.append(self._end(multi, curl, slot.failure(code, text)))
        return done

    def _begin_again(self, multi: pycurl.CurlMulti, slot: Slot[T]) -> None:
        """The idle connection was found closed before a byte was written: take another, which is no repetition."""
        multi.remove_handle(slot.curl)
        slot.stale = False
        multi.add_handle(slot.curl)

    def _end(self, multi: pycurl.CurlMulti, curl: pycurl.Curl, answer: Answer) -> tuple[T, Answer]:
        multi.remove_handle(curl)
        slot = self._busy.pop(curl)
        self._idle.append(slot)
        self._open[slot.origin] -= 1
        tag = slot.tag
        if waiting := self._waiting.get(slot.origin):
            self._queued -= 1
            self._begin(slot.origin, *waiting.popleft())
        return tag, answer
