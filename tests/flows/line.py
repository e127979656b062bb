"""A line to the tests' database that can be cut: connections through it break, and new ones are refused."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Line:
    """A TCP port of the loopback interface that leads to a Postgres, on a host or a folder with its socket."""

    def __init__(self, host: str, port: str) -> None:
        self._host, self._target_port = host, int(port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._listen()

    @contextmanager
    def cut(self) -> Iterator[None]:
        """No connection lives through this block, and none can be made in it."""
        self.close()
        yield
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listen()

    def close(self) -> None:
        for end in [self._listener, *self._ends]:
            _close(end)
        self._ends.clear()

    def _listen(self) -> None:
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the line is cut
            while True:
                near, _ = listener.accept()
                far = self._connect()
                self._ends += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_pass_on, args=pair, daemon=True).start()

    def _connect(self) -> socket.socket:
        if not self._host.startswith("/"):
            return socket.create_connection((self._host, self._target_port))
        far = socket.socket(socket.AF_UNIX)
        far.connect(f"{self._host}/.s.PGSQL.{self._target_port}")
        return far

    def leading_to(self, settings: dict[str, Any]) -> dict[str, Any]:
        """An entry of DATABASES, changed to go through here."""
        return {**settings, "HOST": "127.0.0.1", "PORT": str(self.port)}


def _pass_on(near: socket.socket, far: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := near.recv(65536):
            far.sendall(data)
    for end in (near, far):
        _close(end)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in it
    end.close()
