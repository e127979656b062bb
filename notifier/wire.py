"""What travels over HTTP, as plain values: the vocabulary that adapters and the transport share.

Nothing here does any input or output. An adapter builds a `Request` and reads an `Answer`;
`notifier.transport` carries the one and brings back the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to be made exactly once: never repeated, never redirected."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """A complete HTTP answer. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """No complete answer came.

    `reached` is False only when it is certain that no byte of the request left for the server's
    application: the name was not found, the connection was refused or timed out, TLS failed.
    In every other case (reset, time-out, cut body) the server may have acted, and `reached` is True.
    `detail` is a short sentence for people; it holds no header, body or query string.
    """

    reached: bool
    detail: str


Answer = Response | Failure


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request that came in to us, untouched, for an adapter to verify and read.

    `url` is the public URL that the caller used (PUBLIC_URL + path + query), which URL signatures cover.
    `query` is the raw query string. Header names are lower-case. `rest` is what follows the address that was given to
    the caller, such as "_matrix/app/v1/ping"; percent codes in it are decoded.
    """

    method: str
    url: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    rest: str = ""


#: bytes of body that a call may bring when a platform promises to check its token first (`Platform.most_bytes`)
LARGEST_CALL: Final = 16 * 1024 * 1024


class BadCall(Exception):
    """An incoming call that is not accepted; `status` is what the caller is answered."""

    status = 400


class Forged(BadCall):
    """Missing or wrong signature, credentials, account: 403, and nothing of it is kept."""

    status = 403


class Unreadable(BadCall):
    """Rightly signed, but not of the promised form: 400 with the reason."""

    status = 400


class TooLarge(BadCall):
    """More bytes than such a call may have: 413, unread."""

    status = 413


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """The Retry-After header in seconds (RFC 9110, 10.2.3), None when absent or not a plain number of seconds."""
    value = headers.get("retry-after", "").strip()
    return float(value) if value.isdecimal() and len(value) < 8 else None
