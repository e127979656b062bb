"""A demo started as an operator starts it, on a machine where nothing is configured."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from smsbridge.demo.services import free_port
from tests.processes import ROOT

START_SECONDS = 90.0


class Demo:
    """A running `manage.py demo`, its words and its children."""

    def __init__(self, temporary: Path, *arguments: str) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.port, self.said, self.left = free_port(), "", list[psutil.Process]()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "demo", "--port", str(self.port), *arguments],
            cwd=ROOT,
            env={**kept, "TMPDIR": str(temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def read_until(self, words: str) -> bool:
        """Whether it says these words before it ends."""
        return any(words in line for line in self._lines())

    def end(self, number: signal.Signals | None = None) -> int:
        """Send a signal, if any, and wait for the end; returns the exit status. `left` is what it left running."""
        family = self.family() if self.process.poll() is None else []
        if number is not None:
            self.process.send_signal(number)
        for _ in self._lines():
            pass
        status = self.process.wait(START_SECONDS)
        self.left = psutil.wait_procs(family, timeout=0)[1]
        return status

    def family(self) -> list[psutil.Process]:
        """All its descendants."""
        return list(psutil.Process(self.process.pid).children(recursive=True))

    def child(self, word: str) -> psutil.Process:
        """The child with this word on its command line."""
        return next(one for one in psutil.Process(self.process.pid).children() if word in one.cmdline())

    def listening_at(self) -> set[str]:
        """The addresses at which any of its processes listens."""
        sockets = (one for process in self.family() for one in process.net_connections())
        return {one.laddr.ip for one in sockets if one.status == psutil.CONN_LISTEN}

    def _lines(self) -> Iterator[str]:
        for line in self.process.stdout or ():
            self.said += line
            yield line


@contextmanager
def demo(temporary: Path, *arguments: str) -> Iterator[Demo]:
    """A demo that is ended with the block, however that ends, and after a while in any case."""
    running = Demo(temporary, *arguments)
    timer = threading.Timer(START_SECONDS, running.process.terminate)
    timer.start()
    try:
        yield running
    finally:
        timer.cancel()
        if running.process.poll() is None:
            running.end(signal.SIGTERM)
