"""One run: the ground, the program, the outside world and the nemesis, and in the end the history of it all."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from smsbridge.demo.services import free_port
from tests.faults import plan as plans
from tests.faults import rows
from tests.faults.bugs import BUG, SCHEMA
from tests.faults.ground import Ground, ground
from tests.faults.history import History
from tests.faults.nemesis import Nemesis
from tests.faults.options import (
    CLAIM_SECONDS,
    DELAY,
    HTTP_TIMEOUT_SECONDS,
    SEND_WINDOW,
    SENDING_SECONDS,
    SWEEP_SECONDS,
    Options,
)
from tests.faults.supervised import Cast
from tests.faults.world import World
from tests.load.servers import NotHere
from tests.load.site import environment, manage
from tests.processes import START_SECONDS, healthy
from tests.waiting import eventually

NUMBERS = ",".join(f"+120255500{index:02}" for index in range(1, 10))
TELL_SECONDS = 30.0  # for what is still told to the program after the last fault

Say = Callable[[str], None]


def run(options: Options, say: Say = lambda _line: None) -> History:
    """Carry out the plan of these options, with all its faults. Raises NotHere when something is missing."""
    with (
        tempfile.TemporaryDirectory(prefix="smsbridge-faults-", ignore_cleanup_errors=True) as folder,
        ground(Path(folder)) as under,
    ):
        return _Run(options, under, say).all()


class _Run:
    def __init__(self, options: Options, under: Ground, say: Say) -> None:
        self._options, self._ground, self._say = options, under, say
        self._plan = plans.make(options)
        phones = {user: person.phone for user, person in self._plan.people.items()}
        self._history = History(DELAY, phones)
        web, upstream = free_port(), free_port()
        self._variables = variables(options, under, f"http://127.0.0.1:{upstream}", web, digest=self._plan.digest)
        self._world = World(options, self._plan, self._history, upstream, web)

    def all(self) -> History:
        self._world.start()
        try:
            for command in (["migrate", "-v0"], ["setup"]):
                manage(self._variables, *command)
            if statement := SCHEMA.get(self._options.bug):
                self._ground.postgres.rows(statement)
            cast = Cast(self._variables, self._options.workers)
            try:
                self._play(cast)
                self._history.ended = dict(cast.ended_by_themselves())
                for each in cast.all:
                    if each.ended_by_itself:
                        self._say(f"{each.name} had ended by itself, and said at last:\n{each.last_words}")
            finally:
                cast.stop()
            return self._history
        finally:
            self._world.stop()

    def _play(self, cast: Cast) -> None:
        url = self._variables["PUBLIC_URL"]
        if not eventually(lambda: healthy(url) and cast.ready(), START_SECONDS):
            said = "\n".join(f"== {each.name}\n{each.output[-3000:]}" for each in cast.all)
            raise NotHere(f"The program did not start. It said:\n{said}")
        options = self._options
        self._say(
            f"{options.messages} messages in {options.seconds:.0f} s, {'with' if self._plan.digest else 'no'} digest"
        )
        self._world.write(self._plan.writings, self._plan.forgings)
        with Nemesis(options, self._ground, cast, self._history).striking(options.seconds):
            time.sleep(options.seconds)
        self._calm_down()

    def _calm_down(self) -> None:
        """The last fault is over: probe how soon all is well, and wait for what is pending."""
        self._history.calm, self._world.upstream.misbehaves = time.time(), False
        self._world.write(self._plan.probes)
        time.sleep(self._options.probes / self._options.probe_rate + DELAY)
        if not eventually(self._world.idle, TELL_SECONDS, every=0.1):
            self._say("Not everything could be told to the program.")
        self._settle()
        self._history.rows = rows.look(self._ground.postgres)

    def _settle(self) -> None:
        """Until nothing is pending, twice in a row, as a reply may still come to a text that was sent last."""
        deadline, quiet = time.monotonic() + self._options.bounds.settle, 0
        while quiet < 3 and time.monotonic() < deadline:
            time.sleep(0.5)
            try:
                left = rows.pending(self._ground.postgres)
            except psycopg.OperationalError:
                left = {"database": 1}
            quiet = quiet + 1 if not left and self._world.idle() else 0


def variables(options: Options, under: Ground, upstream: str, port: int, *, digest: bool) -> dict[str, str]:
    """The environment of all processes: production's, with short times."""
    own = {
        "SMS_NUMBERS": NUMBERS,
        "SMS_DIGEST": "on" if digest else "off",
        "IDENTITY_CACHE": "20 seconds",
        "NOTIFY_DELAY": f"{DELAY} seconds",
        "CLAIM_SECONDS": str(CLAIM_SECONDS),
        "SENDING_SECONDS": str(SENDING_SECONDS),
        "HTTP_TIMEOUT_SECONDS": str(HTTP_TIMEOUT_SECONDS),
        "SWEEP_SECONDS": str(SWEEP_SECONDS),
        "SEND_WINDOW": str(SEND_WINDOW),
        "PYTHONFAULTHANDLER": "1",
    }
    bug = {"EXTRA_APPS": "tests.faults.bugs", BUG: options.bug} if options.bug else {}
    shared = environment(under.postgres.url, under.redis.url, upstream, port, "faults")
    return {**shared, **own, **bug, **dict(options.environment)}
