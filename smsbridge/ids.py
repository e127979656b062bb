"""Time-ordered ids that a row can have before it is stored."""

import os
import threading
import time
import uuid
from datetime import datetime

_mutex = threading.Lock()
_last = 0


def uuid7() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562, 5.7), each above the one before in this process.

    48 bits of Unix milliseconds and 12 of their fraction (method 3 of 6.2), the rest random. New rows land at the
    right-hand end of their index, a batch knows its ids before it is inserted, and their order is that of making.
    """
    ticks = _next_ticks()
    head = (ticks >> 12) << 16 | 0x7 << 12 | (ticks & 0xFFF)
    tail = int.from_bytes(os.urandom(8), "big") & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=head << 64 | tail)


def first_of(moment: datetime) -> uuid.UUID:
    """Below every id that is made from that moment on, and above those that were made before it."""
    return uuid.UUID(int=max(int(moment.timestamp() * 1000), 0) << 80 | 0x7 << 76)


def _next_ticks() -> int:
    """Units of 1/4096 ms since 1970; one further than the last when the clock has not moved, or was set back."""
    global _last
    with _mutex:
        _last = max(_last + 1, (time.time_ns() << 12) // 1_000_000)
        return _last
