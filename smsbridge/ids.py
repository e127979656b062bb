"""Time-ordered ids that a row can have before it is stored."""

import os
import time
import uuid


def uuid7() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, the rest random.

    New rows land at the right-hand end of their index, and a batch knows its ids before it is inserted.
    """
    value = int.from_bytes(os.urandom(16), "big")
    value = (value & ~(0xFFFFFFFFFFFF << 80)) | ((time.time_ns() // 1_000_000) << 80)
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return uuid.UUID(int=value)
