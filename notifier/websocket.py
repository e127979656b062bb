"""A WebSocket connection of ours to a chat platform, as a client (RFC 6455).

A thread of the library reads at all times and answers the platform's pings, also while we are busy storing. TLS
certificates are verified; proxies of the environment, redirects and compression are not used. A connection on which
nothing was heard for DEAD_SECONDS, neither frame nor ping nor the answer to a ping of ours, is dead.
"""

import logging
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, cast
from urllib.parse import urlsplit

import certifi
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException
from websockets.frames import CloseCode
from websockets.sync.client import ClientConnection, connect

from notifier.platforms.socket import BrokenError, RefusedError

DEAD_SECONDS = 25.0
OPEN_SECONDS = 10.0
PING_SECONDS = 10.0
_SEND_SECONDS = 10.0
_CLOSE_SECONDS = 1.0
#: a page of a hundred messages, with whatever is told along with each of them
_LARGEST_MESSAGE = 16 * 1024 * 1024
#: Reading pauses while so many messages wait for us; until then pings are answered.
_MOST_WAITING = 1024

# Below this level the library writes whole frames, which hold tokens and what people wrote.
_log = logging.getLogger(f"{__name__}.frames")
_log.setLevel(logging.WARNING)


class _Connection(ClientConnection):
    """Knows when it last heard anything. Frames, pings and the answers to ours all pass `process_event`."""

    heard_at = 0.0

    def process_event(self, event: Any) -> None:
        self.heard_at = time.monotonic()
        super().process_event(event)


class Link:
    """An open connection. Every method raises BrokenError once it is of no more use."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self.heard_at = time.monotonic()

    def send(self, frame: str) -> None:
        try:
            self._connection.send(frame)
        except (WebSocketException, OSError) as error:
            raise BrokenError(_why_it_ended(error)) from None

    def receive(self, most: int, seconds: float) -> list[str | bytes]:
        """What comes within so many seconds: all that is there by the time that anything is, at most so many frames."""
        frames: list[str | bytes] = []
        while len(frames) < most:
            try:
                frames.append(self._connection.recv(0 if frames else seconds))
            except TimeoutError:
                break
            except (WebSocketException, OSError) as error:
                if not frames:
                    raise BrokenError(_why_it_ended(error)) from None
                break  # it is raised again when these are done
        self._look(bool(frames))
        return frames

    def _look(self, heard: bool) -> None:
        """What waited for us was heard before; nothing that we are slow at may seem to be silence."""
        now = time.monotonic()
        self.heard_at = now if heard else max(self.heard_at, self._connection.heard_at)
        if now - self.heard_at > DEAD_SECONDS:
            raise BrokenError(f"Nothing was heard for {DEAD_SECONDS:g} s, not even an answer to our pings.")


@contextmanager
def opened(url: str, headers: Mapping[str, str]) -> Iterator[Link]:
    """A connection for the length of a block, closed with a closing handshake of a second at most.

    Raises BrokenError when none can be made, and RefusedError for an address to which none ever could.
    """
    connection = _connected(url, headers)
    try:
        yield Link(connection)
    finally:
        connection.close()


def _connected(url: str, headers: Mapping[str, str]) -> _Connection:
    begun = time.monotonic()
    try:
        wire = _wire(url)
        connection = connect(
            url,
            sock=wire,  # with a socket of our own it neither follows redirects nor looks for a proxy
            ssl=_context() if url.startswith("wss:") else None,
            compression=None,
            proxy=None,
            additional_headers=headers,
            user_agent_header="smsbridge",
            open_timeout=max(OPEN_SECONDS - (time.monotonic() - begun), 0.001),
            ping_interval=PING_SECONDS,
            ping_timeout=None,  # see Link._look
            close_timeout=_CLOSE_SECONDS,
            max_size=_LARGEST_MESSAGE,
            max_queue=_MOST_WAITING,
            logger=_log,
            create_connection=_Connection,
            legacy=True,
        )
    except InvalidURI:
        raise RefusedError(_NO_ADDRESS) from None
    except (WebSocketException, OSError, ValueError) as error:
        raise BrokenError(_why_none(error)) from None
    connection.socket.settimeout(_SEND_SECONDS)  # for sending; reading begins when there is something to read
    return cast(_Connection, connection)


_NO_ADDRESS = "The platform's address is no WebSocket address: correct it in the chat app's options."


def _wire(url: str) -> socket.socket:
    """Raises RefusedError for what is no address, OSError when nobody answers there."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or {"ws": 80, "wss": 443}[parts.scheme]
    except (ValueError, KeyError):
        raise RefusedError(_NO_ADDRESS) from None
    if not host:
        raise RefusedError(_NO_ADDRESS)
    return socket.create_connection((host, port), timeout=OPEN_SECONDS)


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


def _why_none(error: Exception) -> str:
    """Without the library's own words, which may hold the address."""
    error = error.__cause__ if isinstance(error.__cause__, InvalidStatus) else error  # a redirect
    if isinstance(error, InvalidStatus):
        return f"The platform answered HTTP {error.response.status_code} instead of opening a WebSocket."
    if isinstance(error, ssl.SSLError):
        return "TLS failed: the platform's certificate or protocol is not accepted."
    if isinstance(error, TimeoutError):
        return f"The platform did not open a WebSocket within {OPEN_SECONDS:g} s."
    if isinstance(error, ConnectionRefusedError):
        return "Nobody listens at the platform's address."
    if isinstance(error, socket.gaierror):
        return "The platform's host name is not known."
    return f"No WebSocket could be opened ({type(error).__name__})."


def _why_it_ended(error: Exception) -> str:
    if isinstance(error, ConnectionClosed) and error.sent is not None and error.sent.code == CloseCode.MESSAGE_TOO_BIG:
        return f"The platform sent a message of more than {_LARGEST_MESSAGE // 2**20} MiB."
    if isinstance(error, ConnectionClosed) and error.rcvd is not None:
        return f"The platform closed the connection (code {error.rcvd.code})."
    return "The connection was lost."
