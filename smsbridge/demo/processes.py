"""The program's processes as children of the demo: started, watched, and ended in reverse order.

Each has a session of its own, so Ctrl-C reaches only the demo, which then ends them properly. What they say goes into
one log file each; of a child that fails, the last lines are shown.
"""

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from types import FrameType

PROJECT = Path(__file__).resolve().parent.parent.parent
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE_SECONDS = 10.0
TAIL_LINES = 15


class DemoError(Exception):
    """The demo cannot go on; the text says why, with the last lines of the log that tells more."""


class Child:
    """One running process, whose output is a file named after it."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def failure(self) -> DemoError:
        """What to say of a child that ended although nobody asked it to."""
        return DemoError(
            f"The {self.name} process ended by itself with status {self.process.poll()}.\n{tail(self.log)}"
        )

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """SIGTERM; after `grace` seconds, and for whatever it leaves behind, SIGKILL."""
        if not self.ended:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(grace)
        with suppress(ProcessLookupError, PermissionError):  # its session is empty, as it should be
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Children:
    """All processes of one demo."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment, self._folder = environment, folder
        self._children: list[Child] = []
        self._ended: SimpleQueue[Child] = SimpleQueue()

    def start(self, name: str, command: Sequence[str]) -> Child:
        """Run `python -m command`; its log is `<name>.log`."""
        child = Child(name, command, self._environment, self._folder)
        self._children.append(child)
        threading.Thread(target=self._await_end, args=[child], name=f"end of {name}", daemon=True).start()
        return child

    def check(self) -> None:
        """Raises DemoError when one has ended."""
        for child in self._children:
            if child.ended:
                raise child.failure()

    def wait(self) -> None:
        """Wait until one ends, which it should not: raises DemoError then."""
        raise self._ended.get().failure()

    def tails(self) -> str:
        """The last lines of every log."""
        return "\n".join(tail(child.log) for child in self._children)

    def stop(self) -> None:
        """End them, the last one first."""
        for child in reversed(self._children):
            child.stop()

    def _await_end(self, child: Child) -> None:
        child.process.wait()
        self._ended.put(child)


def tail(log: Path) -> str:
    """The last lines of a log, under a heading."""
    with suppress(FileNotFoundError), log.open(errors="replace") as lines:
        last = deque(lines, maxlen=TAIL_LINES)
        if last:
            return f"--- the last lines of {log.name}:\n{''.join(last).rstrip()}"
    return f"--- {log.name} is empty"


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the block, the first Ctrl-C, SIGTERM or SIGHUP raises KeyboardInterrupt; cleaning up is not interrupted.

    Installed although Python has a handler of its own: a shell's background jobs are started with SIGINT ignored.
    """
    former = {number: signal.signal(number, _interrupt) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def ignore_interrupts() -> None:
    """From here on the demo is cleaning up, which takes a bounded time."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:
    ignore_interrupts()
    raise KeyboardInterrupt
