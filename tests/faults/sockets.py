"""HTTP by hand over asyncio: a server that can misbehave at any point, and a caller that tells only a status."""

import asyncio
import json
import re
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
RESET, HANG = "reset", "hang"  # ends of a call other than an answer


@dataclass(frozen=True, slots=True)
class Asked:
    """One call that came in whole."""

    method: str
    target: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back, or with an `end` a reset or silence instead. `sent` is called once it was written."""

    status: int = 200
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    end: str = ""
    sent: Callable[[float], None] | None = None

    def raw(self) -> bytes:
        """A text goes out as it is, anything else as JSON."""
        body = (self.content if isinstance(self.content, str) else json.dumps(self.content)).encode()
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"HTTP/1.1 {self.status} -\r\n{lines}\r\n".encode() + body


Handler = Callable[[Asked], Awaitable[Answer]]


async def serve(handler: Handler, port: int, *, silence: float) -> asyncio.Server:
    """Listen on the loopback interface. `silence`: seconds that a hanging call is kept before it is closed."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await _one(handler, reader, writer, silence):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # the caller went away
        finally:
            writer.transport.abort()

    return await asyncio.start_server(connected, "127.0.0.1", port, backlog=4096)


async def _one(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silence: float) -> bool:
    """Take one call and answer it; whether another may follow."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    body = await reader.readexactly(int(length[1])) if length else b""
    answer = await handler(_asked(head, body))
    if answer.end == RESET:
        _reset(writer)
        return False
    if answer.end == HANG:
        await asyncio.wait([asyncio.ensure_future(reader.read(1))], timeout=silence)  # until the caller gives up
        return False
    if reader.at_eof():  # it gave up, or died, before there was an answer
        return False
    writer.write(answer.raw())
    await writer.drain()
    if answer.sent:
        answer.sent(time.time())
    return True


def _asked(head: bytes, body: bytes) -> Asked:
    first, *rest = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    fields = (line.partition(":") for line in rest if line)
    return Asked(method, target, {name.lower(): value.strip() for name, _, value in fields}, body.decode())


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN, as a machine that crashed or a firewall does."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def call(port: int, request: bytes, timeout: float) -> int:
    """The status of the answer to one request on a connection of its own; 0 when none came."""
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                return int(head.split(b" ", 2)[1])
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError, IndexError):
        return 0
