"""The program's processes under a supervisor that starts each again whenever it ends, as every platform has one."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from tests.load.site import procfile
from tests.processes import Program

AGAIN_AFTER = 0.2
GRACE = 15.0  # from SIGTERM to SIGKILL, as platforms have it


class Supervised:
    """One process. `ended_by_itself` counts the ends that nobody here had asked for."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        self.name, self._command, self._environment = name, command, environment
        self.ended_by_itself = 0
        self.last_words = ""
        self._asked = self._over = False
        self._mutex = threading.Lock()
        self._program = self._begin()
        self._thread = threading.Thread(target=self._watch, name=f"supervisor of {name}", daemon=True)
        self._thread.start()

    def _is_over(self) -> bool:
        return self._over

    def _begin(self) -> Program:
        return Program(self.name, self._command, self._environment, "")

    def _watch(self) -> None:
        while True:
            self._program.process.wait()
            self._program.kill()  # its children too, and what it said is read to the end
            with self._mutex:
                if self._over:
                    return
                if not self._asked:
                    self.ended_by_itself += 1
                    self.last_words = self._program.output[-2000:]
                self._asked = False
            time.sleep(AGAIN_AFTER)
            with self._mutex:
                if self._is_over():
                    return
                self._program = self._begin()

    @property
    def output(self) -> str:
        return self._program.output

    def kill(self) -> None:
        """SIGKILL to it and its children."""
        self._signal(signal.SIGKILL, ends=True)

    def terminate(self) -> None:
        """SIGTERM to it and its children; SIGKILL when it takes too long."""
        program = self._program
        self._signal(signal.SIGTERM, ends=True)
        try:
            program.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            program.kill()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """For good."""
        with self._mutex:
            self._over = True
        self.thaw()
        self.terminate()
        self._thread.join(GRACE)

    def _signal(self, number: int, *, ends: bool = False) -> None:
        with self._mutex:
            if self._program.process.poll() is None:
                self._asked = self._asked or ends
                with suppress(ProcessLookupError):
                    os.killpg(self._program.process.pid, number)


class Cast:
    """All processes of a run: web, workers, beat, by the Procfile."""

    def __init__(self, variables: dict[str, str], workers: int) -> None:
        self.web = Supervised("web", procfile("web", variables), variables)
        self.workers = [
            Supervised(f"worker {index}", [*procfile("worker", variables), "-n", f"w{index}@localhost"], variables)
            for index in range(workers)
        ]
        self.beat = Supervised("beat", procfile("beat", variables), variables)

    @property
    def all(self) -> list[Supervised]:
        return [self.web, *self.workers, self.beat]

    def ready(self) -> bool:
        """Whether the workers have come up; who asks the web server finds out by himself."""
        return all("ready." in worker.output for worker in self.workers)

    def restart(self) -> None:
        """SIGTERM to all at once, as on a deploy; the supervisors start them again."""
        threads = [threading.Thread(target=each.terminate) for each in self.all]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def stop(self) -> None:
        threads = [threading.Thread(target=each.stop) for each in self.all]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def ended_by_themselves(self) -> Mapping[str, int]:
        return {each.name: each.ended_by_itself for each in self.all if each.ended_by_itself}
