"""Imitates the chat platform and the SMS vendor in one process: `python -m tests.load.upstream PORT`.

It records each text and each chat message with its time of arrival. /_stats counts the calls, /_dump is the record
(kind, microseconds, token, from, to, conversation), /_reset empties both, /_cfg?latency_ms=50 delays every answer.
"""

import asyncio
import itertools
import json
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = re.compile(r"zq(\d{7})z")
LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
KINDS = ("sms", "messages", "identities", "conversations", "other")


@dataclass
class Record:
    """What came in since the last reset."""

    calls: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    latency: float = 0.0
    serial: "itertools.count[int]" = field(default_factory=itertools.count)  # never starts anew: a vendor's ids do not

    def keep(self, kind: str, text: str, sender: str, recipient: str, conversation: str) -> None:
        token = TOKEN.search(text)
        moment = time.time_ns() // 1000
        self.lines.append(f"{kind} {moment} {token[1] if token else -1} {sender} {recipient} {conversation}\n")


def phone_of(user: str) -> str:
    """The phone of user u0000123 is 12022000123."""
    return f"1202{2_000_000 + int(re.sub('[^0-9]', '', user) or 0) % 7_000_000}"


def answer(record: Record, method: str, target: str, body: str) -> tuple[int, Any]:
    """Status and JSON of the answer to one call."""
    url = urlsplit(target)
    steps = url.path.strip("/").split("/")
    if steps[0].startswith("_"):
        return control(record, steps[0], url.query)
    if url.path == "/sms/json":
        return 200, accepted(record, {name: values[0] for name, values in parse_qs(body or url.query).items()})
    if steps[-1] == "identity":
        record.calls["identities"] += 1
        user = steps[steps.index("users") + 1]
        return 200, {"user_id": user, "display_name": f"Name {user}", "phone_number": phone_of(user), "metadata": {}}
    if "conversations" in steps and method == "POST" and steps[-1] == "messages":
        record.calls["messages"] += 1
        conversation = steps[steps.index("conversations") + 1]
        record.keep("M", body, "-", "-", conversation)
        return 201, {"id": f"layer:///messages/{next(record.serial):08x}-0000-4000-8000-000000000000"}
    record.calls["conversations" if "conversations" in steps else "other"] += 1
    return 200, {}


def accepted(record: Record, text: dict[str, str]) -> dict[str, Any]:
    record.calls["sms"] += 1
    sender, recipient = text["from"].lstrip("+"), text["to"].lstrip("+")
    record.keep("S", text["text"], sender, recipient, "-")
    part = {"to": recipient, "message-id": f"{next(record.serial):016X}", "status": "0", "message-price": "0.0333"}
    return {"message-count": "1", "messages": [part]}


def control(record: Record, command: str, query: str) -> tuple[int, Any]:
    if command == "_dump":
        return 200, "".join(record.lines)
    if command == "_reset":
        record.calls.clear()
        record.lines.clear()
    if command == "_cfg":
        record.latency = float(parse_qs(query)["latency_ms"][0]) / 1000
    return 200, {kind: record.calls[kind] for kind in KINDS}


class Connection(asyncio.Protocol):
    """One keep-alive connection; calls on it are answered one after the other."""

    def __init__(self, record: Record) -> None:
        self._record, self._buffer = record, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        size = int(length[1]) if length else 0
        if not found or len(rest) < size:
            return
        self._buffer = rest[size:]
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        status, content = answer(self._record, method, target, rest[:size].decode())
        # What is asked about the record itself is answered at once.
        delay = 0.0 if target.startswith("/_") else self._record.latency
        asyncio.get_running_loop().call_later(delay, self._reply, status, content)

    def _reply(self, status: int, content: Any) -> None:
        body = (content if isinstance(content, str) else json.dumps(content)).encode()
        head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        assert isinstance(self._transport, asyncio.WriteTransport)
        self._transport.write(head.encode() + body)


async def serve(port: int) -> None:
    record = Record()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(record), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
