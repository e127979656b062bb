"""Small local HTTP servers that behave, or misbehave, exactly as told.

    with Server(answer(200, b"{}")) as server:            # every request is answered so
        ...server.url, server.requests, server.connections

    with Server([answer(), close, answer(500)]) as server:  # one step per request, the last one for all that follow
        ...

A step is any function of (peer, received); the ones below cover what upstreams do wrong. One that looks at
`received.path` first and then calls another step makes a router. Each connection has a thread of its own, so a
step may block; leaving the `with` ends them all.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Self

_REASONS = {200: "OK", 201: "Created", 204: "No Content", 301: "Moved Permanently", 303: "See Other"}


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came in. Header names are lower-case; `connection` counts from 1."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int


@dataclass(slots=True)
class Peer:
    """The server's end of one connection. `stopping` is set when the server is being closed."""

    sock: socket.socket
    stopping: threading.Event
    open: bool = True

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def close(self) -> None:
        self.open = False
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def reset(self) -> None:
        """Send RST: the client's next read or write fails with ECONNRESET."""
        self.open = False
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


Step = Callable[[Peer, Received], None]
Script = Step | Sequence[Step]


def raw(data: bytes) -> Step:
    """Send exactly these bytes as the answer."""
    return lambda peer, _: peer.send(data)


def answer(status: int = 200, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> Step:
    """A good answer with a Content-Length. The connection stays open."""
    return raw(_head(status, {"Content-Length": str(len(body)), **(headers or {})}) + body)


def no_content(peer: Peer, received: Received) -> None:
    peer.send(_head(204, {}))


def head_only(length: int) -> Step:
    """The answer to a HEAD: a Content-Length and no body."""
    return raw(_head(200, {"Content-Length": str(length)}))


def chunked(*chunks: bytes) -> Step:
    """A good answer with chunked transfer coding."""
    coded = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return raw(_head(200, {"Transfer-Encoding": "chunked"}) + coded + b"0\r\n\r\n")


def answer_then_close(body: bytes = b"{}") -> Step:
    """A good answer that promises keep-alive, after which the connection is closed all the same."""

    def step(peer: Peer, received: Received) -> None:
        answer(200, body)(peer, received)
        peer.close()

    return step


def until_close(body: bytes) -> Step:
    """An answer without a length, ended by closing the connection."""

    def step(peer: Peer, received: Received) -> None:
        peer.send(_head(200, {"Connection": "close"}) + body)
        peer.close()

    return step


def close(peer: Peer, received: Received) -> None:
    """Read the request, close without a word."""
    peer.close()


def reset(peer: Peer, received: Received) -> None:
    """Read the request, reset the connection."""
    peer.reset()


def hang(peer: Peer, received: Received) -> None:
    """Read the request and say nothing until the client gives up or the server is closed."""
    _wait_for_end(peer)


def cut_body(peer: Peer, received: Received) -> None:
    """Promise a hundred bytes, send ten, close."""
    peer.send(_head(200, {"Content-Length": "100"}) + b"0123456789")
    peer.close()


def cut_chunk(peer: Peer, received: Received) -> None:
    """Begin a chunk, close in the middle of it."""
    peer.send(_head(200, {"Transfer-Encoding": "chunked"}) + b"20\r\n0123456789")
    peer.close()


def hang_in_body(peer: Peer, received: Received) -> None:
    """Promise a hundred bytes, send ten, say no more."""
    peer.send(_head(200, {"Content-Length": "100"}) + b"0123456789")
    _wait_for_end(peer)


def dribble(interval: float = 0.02) -> Step:
    """An endless body, a byte at a time: only an overall deadline ends it."""

    def step(peer: Peer, received: Received) -> None:
        peer.send(_head(200, {"Content-Length": "1000000"}))
        while not peer.stopping.wait(interval):
            peer.send(b".")

    return step


def garbage(peer: Peer, received: Received) -> None:
    """Answer with something that is not HTTP."""
    peer.send(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
    peer.close()


class Server:
    """A server on a free port of 127.0.0.1 from `with` to the end of its block.

    `on_accept`, when given, is done to each new connection before anything is read. `context` makes it speak TLS.
    """

    def __init__(
        self,
        script: Script,
        *,
        on_accept: Callable[[Peer], None] | None = None,
        context: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self._steps: Sequence[Step] = [script] if callable(script) else list(script)
        self._on_accept, self._context = on_accept, context
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._peers: list[Peer] = []
        self._threads: list[threading.Thread] = []
        self.requests: list[Received] = []
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}" if self._context else f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections were ever accepted."""
        return len(self._peers)

    def wait_for(self, requests: int, timeout: float = 5.0) -> None:
        """Block until so many requests were read in full. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= requests, timeout):
                raise TimeoutError(f"{len(self.requests)} requests came instead of {requests}")

    def close_connections(self) -> None:
        """Close every open connection, as a server does with idle ones."""
        for peer in self._peers:
            peer.close()

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the accept() that a thread is in
        self._listener.close()
        self.close_connections()
        for thread in list(self._threads):
            thread.join(5)

    def _run(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = Peer(sock, self._stopping)
            self._peers.append(peer)
            self._run(self._serve, peer, len(self._peers))

    def _serve(self, peer: Peer, connection: int) -> None:
        with contextlib.suppress(OSError, ValueError):  # the client went away, or close() came between
            if self._context:
                peer.sock = self._context.wrap_socket(peer.sock, server_side=True)
            if self._on_accept:
                self._on_accept(peer)
            stream = peer.sock.makefile("rb")
            while peer.open and (received := _read_request(stream, connection)):
                self._record(received)(peer, received)
        peer.close()

    def _record(self, received: Received) -> Step:
        with self._changed:
            step = self._steps[min(len(self.requests), len(self._steps) - 1)]
            self.requests.append(received)
            self._changed.notify_all()
        return step


@contextlib.contextmanager
def black_hole() -> Iterator[str]:
    """A URL whose connects are neither accepted nor refused (its queue of connections is full)."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def refusing_url() -> str:
    """A URL on a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {_REASONS.get(status, 'Something')}\r\n{fields}\r\n".encode()


def _read_request(stream: BinaryIO, connection: int) -> Received | None:
    """The next request of a connection, None at its end. Understands a Content-Length only."""
    words = stream.readline().decode("latin-1").split()
    if len(words) != 3:
        return None
    headers = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", "0")))
    return Received(words[0], words[1], headers, body, connection)


def _wait_for_end(peer: Peer) -> None:
    with contextlib.suppress(OSError):
        while not peer.stopping.is_set() and peer.sock.recv(4096):
            pass
