"""How long to wait before another try."""

import random

CAP_SECONDS = 15 * 60.0
BASE_SECONDS = 2.0
MAX_ATTEMPTS = 8


def backoff(attempt: int, retry_after: float | None = None) -> float:
    """Seconds before try `attempt` + 1: half to all of min(15 minutes, 2 s x 2^attempt), never under Retry-After.

    The jitter keeps a crowd that failed together from coming back together.
    """
    longest = min(CAP_SECONDS, BASE_SECONDS * 2.0 ** min(attempt, 16))
    return max(random.uniform(0.5, 1.0) * longest, min(retry_after or 0.0, CAP_SECONDS * 4))  # noqa: S311 (no secret)
