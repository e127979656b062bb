"""Who breaks things: blow after blow at random instants, each let go or started again after a while."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.faults.ground import Ground
from tests.faults.history import Blow, History
from tests.faults.options import BLOWS, CLAIM_SECONDS, SENDING_SECONDS, Options
from tests.faults.supervised import Cast, Supervised
from tests.load.servers import NotHere


class Nemesis:
    """When its last blow is over, nothing is frozen, and both servers are up."""

    def __init__(self, options: Options, ground: Ground, cast: Cast, history: History) -> None:
        self._options, self._ground, self._cast, self._history = options, ground, cast, history
        self._rng = random.Random(f"{options.seed}/nemesis")
        self._thaws: list[threading.Thread] = []
        self._over = threading.Event()
        self._error: NotHere | None = None
        self._acts: dict[str, Callable[[], None]] = {
            "kill worker": lambda: self._worker().kill(),
            "kill web": cast.web.kill,
            "kill beat": cast.beat.kill,
            "kill redis": self._kill_redis,
            "kill postgres": self._kill_postgres,
            "flush redis": ground.redis.flush,
            "freeze worker": self._freeze,
            "restart all": cast.restart,
        }

    @contextmanager
    def striking(self, seconds: float) -> Iterator[None]:
        """Blows for so long, beside the block and to their end before it is left. Raises NotHere."""
        thread = threading.Thread(target=self._run, args=[seconds], name="nemesis", daemon=True)
        thread.start()
        try:
            yield
            thread.join()
        finally:  # also when Ctrl-C ends it: nothing may be started again behind our back
            self._over.set()
            thread.join()
        if self._error:
            raise self._error

    def _run(self, seconds: float) -> None:
        try:
            self._strike(seconds)
        except NotHere as error:
            self._error = error

    def _strike(self, seconds: float) -> None:
        """Each kind once before any comes often."""
        if not self._options.every:
            return
        end, ahead = time.monotonic() + seconds, self._in_order()
        while True:
            pause = self._rng.uniform(0.5, 1.5) * self._options.every
            if time.monotonic() + pause > end:
                break
            if self._over.wait(pause):
                break
            kind = ahead.pop() if ahead else self._any()
            blow = Blow(kind, time.time(), 0.0)
            self._history.blows.append(blow)
            self._acts[kind]()
            blow.until = blow.until or time.time()
        for thread in self._thaws:
            thread.join()

    def _in_order(self) -> list[str]:
        kinds = list(self._options.blows)
        self._rng.shuffle(kinds)
        return kinds

    def _any(self) -> str:
        kinds = self._options.blows
        return self._rng.choices(kinds, [BLOWS[kind] for kind in kinds])[0]

    def _worker(self) -> Supervised:
        return self._rng.choice(self._cast.workers)

    def _kill_redis(self) -> None:
        self._ground.redis.kill()
        time.sleep(self._rng.choice([0.0, self._rng.uniform(0.5, 3)]))
        self._ground.redis.start()

    def _kill_postgres(self) -> None:
        self._ground.postgres.kill()
        time.sleep(self._rng.choice([0.0, self._rng.uniform(0.5, 2)]))
        self._ground.postgres.start()

    def _freeze(self) -> None:
        """Beyond its claim, and sometimes beyond what it was sending; other blows fall meanwhile."""
        worker, blow = self._worker(), self._history.blows[-1]
        seconds = self._rng.uniform(CLAIM_SECONDS + 0.5, SENDING_SECONDS + 2)
        worker.freeze()
        blow.until = blow.at + seconds

        def thaw() -> None:
            time.sleep(max(blow.until - time.time(), 0))
            worker.thaw()

        self._thaws.append(threading.Thread(target=thaw, name="thaw", daemon=True))
        self._thaws[-1].start()
