"""Posts raw HTTP requests over keep-alive connections and notes when each was sent and answered."""

import asyncio
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

CONNECTIONS = 32
LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Posted:
    """One request: its status, and moments in seconds since the epoch. `planned`: when it was due, at a fixed rate."""

    token: int
    status: int
    planned: float
    sent: float
    answered: float


def post(url: str, requests: list[tuple[int, bytes]], rate: float = 0) -> list[Posted]:
    """Post each once: as fast as 32 connections allow, or `rate` per second. An error of a connection is raised."""
    return asyncio.run(_post(url, requests, rate))


async def _post(url: str, requests: list[tuple[int, bytes]], rate: float) -> list[Posted]:
    begun, ahead = time.time(), iter(enumerate(requests))
    where = urlsplit(url)
    lanes = [_lane(str(where.hostname), where.port or 80, ahead, begun, rate) for _ in range(CONNECTIONS)]
    return [posted for lane in await asyncio.gather(*lanes) for posted in lane]


async def _lane(
    host: str, port: int, ahead: Iterator[tuple[int, tuple[int, bytes]]], begun: float, rate: float
) -> list[Posted]:
    reader, writer = await asyncio.open_connection(host, port)
    done = []
    for index, (token, request) in ahead:
        planned = begun + index / rate if rate else time.time()
        await asyncio.sleep(max(planned - time.time(), 0))
        sent = time.time()
        writer.write(request)
        status = await _status(reader)
        done.append(Posted(token, status, planned, sent, time.time()))
    writer.close()
    return done


async def _status(reader: asyncio.StreamReader) -> int:
    """The status of the next answer, which is read to its end."""
    head = await reader.readuntil(b"\r\n\r\n")
    if b"chunked" in head.lower():
        await reader.readuntil(b"0\r\n\r\n")
    elif length := LENGTH.search(head):
        await reader.readexactly(int(length[1]))
    return int(head.split(b" ", 2)[1])


def summary(posted: list[Posted]) -> dict[str, Any]:
    """Counts, rate, and milliseconds from planned to answered."""
    fine = [each for each in posted if 200 <= each.status < 300]
    seconds = max(each.answered for each in posted) - min(each.sent for each in posted)
    waits = sorted(1000 * (each.answered - each.planned) for each in fine)
    return {
        "n": len(posted),
        "ok": len(fine),
        "seconds": round(seconds, 3),
        "per_s": round(len(fine) / seconds, 1),
        "p50_ms": at(waits, 0.5),
        "p99_ms": at(waits, 0.99),
    }


def at(ordered: list[float], share: float) -> float | None:
    """A percentile of an ordered list."""
    return round(ordered[int((len(ordered) - 1) * share)], 1) if ordered else None
