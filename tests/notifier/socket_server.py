"""A real WebSocket server on loopback that tells of numbered events, and misbehaves when it is told to."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.waiting import eventually

PAGE = 2


class Spool:
    """From `with` to the end of its block. `said` holds every frame that clients sent, with their connection's number.

    `cuts`: after how many frames of ours the first connection is cut off, the second, and so on; then none is.
    `impatient`: it hangs up on whoever does not answer a ping within so many seconds.
    """

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.cuts: list[int] = []
        self.mute = self.binary = False
        self.refused, self.impatient = "", 0.0
        self.said: list[tuple[int, Any]] = []
        self.connections, self.most_at_once = 0, 0
        self.headers: list[Headers] = []
        self._open: dict[int, ServerConnection] = {}
        self._mutex = threading.Lock()
        self._server = serve(self._serve, "127.0.0.1", 0, ping_interval=None, compression=None, close_timeout=1)
        self.port: int = self._server.socket.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}/feed"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self.cut()

    @property
    def open(self) -> int:
        return len(self._open)

    def push(self, text: str) -> None:
        """It happens now, and whoever is connected is told."""
        with self._mutex:
            self.texts.append(text)
            told = json.dumps({"event": [len(self.texts) - 1, text]})
            for connection in self._open.values():
                with contextlib.suppress(ConnectionClosed):
                    connection.send(told)

    def cut(self) -> None:
        """Every connection ends without a word."""
        for connection in list(self._open.values()):
            _cut(connection)

    def waited(self, question: Callable[[], object], seconds: float = 10.0) -> bool:
        return bool(eventually(question, seconds))

    @property
    def goodbyes(self) -> int:
        return sum("bye" in frame for _, frame in self.said)

    def _serve(self, connection: ServerConnection) -> None:
        with self._mutex:
            self.connections += 1
            number = self.connections
            self._open[number] = connection
            self.most_at_once = max(self.most_at_once, len(self._open))
            self.headers.append(connection.request.headers if connection.request else Headers())
        cut_after = self.cuts.pop(0) if self.cuts else -1
        if self.impatient:
            threading.Thread(target=self._ping, args=[connection], daemon=True).start()
        try:
            self._converse(number, connection, cut_after)
        except (ConnectionClosed, OSError):
            pass
        finally:
            with self._mutex:
                del self._open[number]

    def _converse(self, number: int, connection: ServerConnection, cut_after: int) -> None:
        sent = 0
        while True:
            if sent == cut_after:
                _cut(connection)
            frame = json.loads(connection.recv())
            self.said.append((number, frame))
            if "from" in frame and not self.mute:
                answer = json.dumps(self._page(frame["from"]))
                connection.send(answer.encode() if self.binary else answer)
                sent += 1

    def _ping(self, connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while connection.ping().wait(self.impatient):
                time.sleep(self.impatient / 4)
        _cut(connection)

    def _page(self, begin: int) -> dict[str, Any]:
        if self.refused:
            return {"refused": self.refused}
        with self._mutex:
            told = list(enumerate(self.texts))[begin : begin + PAGE]
            return {"events": told, "more": begin + PAGE < len(self.texts)}


def _cut(connection: ServerConnection) -> None:
    with contextlib.suppress(OSError):
        connection.socket.shutdown(socket.SHUT_RDWR)


class Swallower:
    """A way to a server that can begin to swallow all that passes it, without ever closing anything."""

    def __init__(self, port: int) -> None:
        self._target, self.swallows = port, False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}/feed"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for end in [self._listener, *self._ends]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._ends += [near, far]
                swallows = threading.Event()
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(*pair, swallows), daemon=True).start()

    def _pass_on(self, near: socket.socket, far: socket.socket, swallows: threading.Event) -> None:
        """Once it has swallowed something of a connection, that one stays dead; a new one is not."""
        with contextlib.suppress(OSError):
            while data := near.recv(65536):
                if self.swallows:
                    swallows.set()
                if not swallows.is_set():
                    far.sendall(data)
