"""A pretend PrivMX Bridge, over real HTTP and real WebSockets: in a thread of a test, or a program to try things with.

It does what a stock Bridge of version 3.0.0 was seen to do, or is known to do by its published interface: errors under
HTTP 200, tokens that rotate, subscriptions that stay mute without a solution among the scopes, pushes that nobody keeps
for whoever is away.

    with Bridge() as bridge:
        context = bridge.world.add_context(users=["ann", "ben"])
        thread = bridge.world.create_thread(context, ["ann", "ben"])
        bridge.faults.cut("out", "threadNewMessage")
        bridge.world.write(thread, "ann", {"subject": "Lunch"})
"""

import argparse
import asyncio
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

from tests.privmx.access import Access, Key
from tests.privmx.doors import Doors
from tests.privmx.faults import Faults, RateLimit
from tests.privmx.kinds import Channel
from tests.privmx.methods import Methods
from tests.privmx.rpc import Asked, Rpc
from tests.privmx.world import Event, World

PING_SECONDS = 10.0
_WAIT_SECONDS = 10.0

T = TypeVar("T")


class Bridge:
    """Runs from `start` to `stop`. `key` may do everything; `access.add_key` makes others."""

    def __init__(self, port: int = 0, *, ping_seconds: float = PING_SECONDS) -> None:
        self.port = port
        self.access, self.faults, self.limit = Access(), Faults(), RateLimit()
        self.world = World(self._tell)
        self.key = self.access.add_key(Key("K", "S"))
        self._rpc = Rpc(Methods(self.world, self.access), self.access, self.faults, self.limit)
        self._doors, self._loop = Doors(self._rpc, ping_seconds), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="privmx bridge", daemon=True)

    def start(self) -> Self:
        self._thread.start()
        self.port = self._run(self._doors.open(self.port))
        asyncio.run_coroutine_threadsafe(self._doors.ping(), self._loop)
        return self

    def stop(self) -> None:
        self._run(self._doors.close())
        self._run(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT_SECONDS)
        self._loop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def calls(self) -> list[Asked]:
        """All that was asked so far."""
        return list(self._rpc.calls)

    @property
    def opened(self) -> int:
        """How many WebSockets were ever opened."""
        return self._doors.opened

    @property
    def connected(self) -> int:
        return len(self._doors.connections)

    def asked(self, method: str) -> int:
        """How often a method was asked, whatever came of it."""
        return sum(one.method == method for one in self.calls)

    def listeners(self, channel: Channel = "thread") -> int:
        """How many connections hear of this channel."""
        return sum(bool(one.socket.channels.get(channel)) for one in list(self._doors.connections.values()))

    def cut(self) -> None:
        """End every connection hard."""
        self._loop.call_soon_threadsafe(self._doors.cut)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens at its port within the block; what happens there meanwhile is told to nobody."""
        self._run(self._doors.close())
        try:
            yield
        finally:
            self._run(self._doors.open(self.port))

    def _tell(self, event: Event, solution: str) -> None:
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._doors.push, event, solution)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_WAIT_SECONDS)


async def _cancel_all() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def main() -> None:
    """Serve until the input ends; each line of it is a message of Ann's, of which the Bridge keeps no word."""
    parser = argparse.ArgumentParser(prog="python -m tests.privmx.bridge", description=main.__doc__)
    parser.add_argument("--port", type=int, default=9111, help="default: 9111, as in the official container")
    with Bridge(parser.parse_args().port) as bridge:
        context = bridge.world.add_context(users=["ann", "ben"])
        thread = bridge.world.create_thread(context, ["ann", "ben"], meta={"title": "Lunch"})
        say(
            f"PRIVMX_API_URL={bridge.url}\nPRIVMX_API_KEY_ID={bridge.key.id}\nPRIVMX_API_KEY_SECRET={bridge.key.secret}"
        )
        say(f"Ann and Ben are in context {context}, thread {thread}. Each Enter is a message of Ann's; Ctrl-D ends.")
        for _ in sys.stdin:
            say(f"message {bridge.world.write(thread, 'ann', {'subject': 'Lunch'})}")


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 (a program's output)


if __name__ == "__main__":
    main()
