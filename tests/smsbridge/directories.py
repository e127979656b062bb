"""A pretend network that is asked about phones, on a socket, and notes which."""

import json
import threading
from typing import Any
from urllib.parse import unquote

from tests.notifier.servers import Peer, Received, Server, Step, answer


class Directory(Server):
    """`lines` maps phones to what is told of them; nobody's number is 404. `script` is done first, a step a call."""

    def __init__(self, **lines: dict[str, Any]) -> None:
        self.lines = lines
        self.script: list[Step] = []
        self.asked: list[str] = []
        self._guard = threading.Lock()
        super().__init__(self._tell)

    def _tell(self, peer: Peer, received: Received) -> None:
        phone = unquote(received.path.rpartition("/")[2])
        with self._guard:
            self.asked.append(phone)
            step = self.script.pop(0) if self.script else None
        if step is None and phone in self.lines:
            told = {"phone": phone, "in_service": True, **self.lines[phone]}
            step = answer(200, json.dumps(told).encode())
        (step or answer(404, b'{"error": {"code": "20404"}}'))(peer, received)
