"""The outside world of a run: people who write and answer, a platform and a vendor that tell the program of it.

Both are honest senders: what they tell is told again until a 2xx has come, also twice and late. Everything runs in one
thread with an event loop of its own.
"""

import asyncio
import random
import threading
import time
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from tests.faults import bodies, sockets
from tests.faults.history import Call, Forgery, History, Message, Receipt, Reply, Withdrawal
from tests.faults.options import HTTP_TIMEOUT_SECONDS, Options
from tests.faults.plan import Change, Forging, Plan, Writing
from tests.faults.strangers import Places, Strangers
from tests.faults.upstream import Upstream

PATIENCE = 6.0  # how long the senders wait for an answer
LONGEST_WAIT = 2.0
SAYINGS = ("Yes, on my way", "Grüße & Küße = 100 % 😀", "No.\nNot today", "1+1=2?")


class Told(Protocol):
    """Whatever is told to the program until it is acknowledged."""

    begun: float
    acked: float | None


class World:
    """`start` serves the upstreams, `write` carries out a plan, `idle` tells when nobody has anything left to tell."""

    def __init__(self, options: Options, plan: Plan, history: History, upstream_port: int, web_port: int) -> None:
        self._options, self._plan, self._history = options, plan, history
        self._upstream_port, self._web_port = upstream_port, web_port
        self._places = Places(f"http://127.0.0.1:{web_port}/webhooks")
        self.upstream = Upstream(options, plan, history)
        self.upstream.arrived = self._text_arrived
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="outside world", daemon=True)
        self._server: asyncio.Server | None = None
        self._busy: set[asyncio.Task[None]] = set()
        self._strangers = Strangers(options, plan, history, self._places)

    def start(self) -> None:
        self._thread.start()
        server = sockets.serve(self.upstream.handle, self._upstream_port, silence=HTTP_TIMEOUT_SECONDS + 1)
        self._server = asyncio.run_coroutine_threadsafe(server, self._loop).result(10)

    def write(self, writings: Sequence[Writing], forgings: Sequence[Forging] = ()) -> None:
        """Everything as planned, beginning now; returns at once."""
        begin = time.time()

        def begin_all() -> None:
            for writing in writings:
                self._go(self._write(begin, writing))
            for forging in forgings:
                self._go(self._forge(begin, forging))

        self._loop.call_soon_threadsafe(begin_all)

    def idle(self) -> bool:
        return not self._busy

    def stop(self) -> None:
        async def cancel() -> None:
            if self._server:
                self._server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(cancel(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def _until(self, moment: float) -> None:
        await asyncio.sleep(max(moment - time.time(), 0))

    async def _tell(self, request: bytes, told: Told) -> None:
        """Until it is acknowledged. Other tellings of the same may succeed first."""
        wait = 0.2
        while told.acked is None:
            if await self._tell_once(request, told):
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    async def _tell_once(self, request: bytes, told: Told) -> bool:
        done = 200 <= await sockets.call(self._web_port, request, PATIENCE) < 300
        if done and told.acked is None:
            told.acked = time.time()
        return done

    # The chat

    async def _write(self, begin: float, writing: Writing) -> None:
        stamp = begin + writing.at
        for change in writing.changes:
            self._go(self._change(stamp, writing, change))
        await self._until(stamp + writing.told)
        message = Message(
            token=writing.token,
            key=bodies.uuid_of(f"m{writing.token}"),
            conversation=bodies.uuid_of(writing.conversation),
            sender=writing.sender,
            recipients=writing.recipients,
            stamp=stamp,
            begun=time.time(),
            probe=writing.probe,
        )
        self._history.messages[writing.token] = message
        request = self._event("message.sent", writing, dict.fromkeys(writing.recipients, "sent"), stamp)
        if writing.again is not None:
            self._go(self._tell_again(writing.again, request, message))
        await self._tell(request, message)

    async def _tell_again(self, after: float, request: bytes, told: Told) -> None:
        await asyncio.sleep(after)
        await self._tell_once(request, told)

    def _event(
        self, kind: str, writing: Writing, statuses: dict[str, str], stamp: float, *, at: float = 0, actor: str = ""
    ) -> bytes:
        return bodies.message_event(
            self._places.chat,
            kind,
            writing.token,
            conversation=writing.conversation,
            sender=writing.sender,
            statuses=statuses,
            stamp=stamp,
            at=at or stamp,
            actor=actor,
        )

    async def _change(self, stamp: float, writing: Writing, change: Change) -> None:
        at = stamp + change.after
        await self._until(at)
        if change.kind == "left":  # who leaves before his message is known has nothing to leave behind
            while not (known := self._history.messages.get(writing.token)) or known.acked is None:
                await asyncio.sleep(0.05)
            remaining = [writing.sender]
            request = bodies.left_event(
                self._places.chat, conversation=writing.conversation, remaining=remaining, at=at, actor=change.user
            )
        else:
            statuses = dict.fromkeys(writing.recipients, "sent")
            if change.kind != "deleted":
                statuses[change.user] = change.kind
            request = self._event(f"message.{change.kind}", writing, statuses, stamp, at=at, actor=change.user)
        user = "" if change.kind == "deleted" else change.user
        told = Withdrawal(writing.token, user, change.kind, time.time())
        if change.kind != "delivered":
            self._history.withdrawals.append(told)
        await self._tell(request, told)

    # The phones

    def _text_arrived(self, call: Call, id_: str) -> None:
        """A text is on a phone: its carrier says so, and its owner may answer."""
        rng = random.Random(f"{self._options.seed}/arrived/{call.tokens}/{call.phone}")
        shares = self._options.shares
        if rng.random() < shares.receipts:
            self._go(self._receipt(call, id_, rng.uniform(0.2, 2), "delivered" if rng.random() < 0.97 else "failed"))
        else:
            self._strangers.unreceipted.append(call)
        message = self._history.messages.get(call.tokens[0]) if call.tokens else None
        reader = self._reader(message, call.phone) if message else ""
        if message and reader and rng.random() < shares.answered:
            reply = Reply(
                id=f"in{call.reference[-12:]}{call.tokens[0]}",
                phone=call.phone,
                number=call.number,
                conversation=message.conversation,
                user=reader,
                text=f"{rng.choice(SAYINGS)} {bodies.marker(call.tokens[0])}",
                begun=0.0,
            )
            self._go(self._answer(reply, rng.uniform(0.1, 2), rng.random() < shares.repeated))

    def _reader(self, message: Message, phone: str) -> str:
        return next((user for user in message.recipients if self._plan.people[user].phone == phone), "")

    async def _answer(self, reply: Reply, after: float, twice: bool) -> None:
        await asyncio.sleep(after)
        reply.begun = time.time()
        self._history.replies[reply.id] = reply
        method = "GET" if len(reply.id) % 2 else "POST"
        request = self._places.sms(reply.id, reply.phone, reply.number, reply.text, method)
        if twice:
            self._go(self._tell_again(0.0, request, reply))
        await self._tell(request, reply)

    async def _receipt(self, call: Call, id_: str, after: float, status: str) -> None:
        await asyncio.sleep(after)
        told = Receipt(call.reference, status, time.time())
        self._history.receipts.append(told)
        await self._tell(self._places.receipt(call, id_, status), told)

    async def _forge(self, begin: float, forging: Forging) -> None:
        await self._until(begin + forging.at)
        made = self._strangers.make(forging)
        if made is not None:
            at = time.time()
            status = await sockets.call(self._web_port, made.request, PATIENCE)
            self._history.forgeries.append(Forgery(forging.kind, made.subject, at, status))
