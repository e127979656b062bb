"""Puts the program up: broker, database, web, worker, beat, webhooks and numbers; and takes it down again."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connections

from smsbridge.demo import services
from smsbridge.demo.environment import HOST, Plan, is_free
from smsbridge.demo.operator import Operator, make_operator
from smsbridge.demo.processes import Children, DemoError, ignore_interrupts, tail
from smsbridge.demo.world import World
from smsbridge.models import Number, VendorAccount

START_SECONDS = 60.0
LOOK_SECONDS = 0.1

# The time-out is for a stop right after the start: a granian worker that does not listen to signals yet would stay.
WEB = f"granian --interface wsgi --host {HOST} --blocking-threads 4 --no-ws --workers-kill-timeout 3".split()
WORKER = ["celery", "-A", "config", "worker", "--pool=threads", "--without-gossip", "--without-mingle", "-l", "INFO"]
BEAT = ["celery", "-A", "config", "beat", "--loglevel=INFO"]


class Stage:
    """A running program: its world, its processes, and what is said about it."""

    def __init__(self, plan: Plan, children: Children, broker: str) -> None:
        self.plan, self.children, self.broker = plan, children, broker
        self.world = World(plan.web)
        self.operator: Operator | None = None

    @property
    def summary(self) -> str:
        engine = {"sqlite": "SQLite", "postgresql": "Postgres"}[connections["default"].vendor]
        return f"{engine}, {self.broker}, chat by {settings.CHAT_PLATFORM}, SMS by {settings.SMS_VENDOR}"


@contextmanager
def running(plan: Plan, tell: Callable[[str], None]) -> Iterator[Stage]:
    """The whole program, ready, for as long as the block lasts. Raises DemoError when it cannot be had.

    Its folder stays when anything went wrong, as the logs are there.
    """
    if not is_free(plan.port):
        raise DemoError(f"Port {plan.port} is taken: stop what listens there, or choose another with --port.")
    plan.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.push(folder_remover(plan))
        broker = stack.enter_context(chosen_broker(plan.folder))
        stage = Stage(plan, Children({**os.environ, **processes_environment(broker)}, plan.folder), broker.name)
        stack.callback(stage.children.stop)
        stack.callback(connections.close_all)
        stack.callback(ignore_interrupts)
        start(stage, tell)
        yield stage


def folder_remover(plan: Plan) -> Callable[..., None]:
    """Removes a temporary folder at the end, unless an error needs its logs."""

    def remove(kind: type[BaseException] | None, *_: object) -> None:
        if plan.temporary and (kind is None or issubclass(kind, KeyboardInterrupt)):
            shutil.rmtree(plan.folder)

    return remove


@contextmanager
def chosen_broker(folder: Path) -> Iterator[services.Broker]:
    """CELERY_BROKER_URL when the user names one, else the best that can be had here. Raises DemoError."""
    given = os.environ.get("CELERY_BROKER_URL", "")
    files = {"BROKER_FOLDER": os.environ.get("BROKER_FOLDER") or str(folder / "broker")}
    name = "files in a folder" if given.startswith("filesystem:") else "the broker of CELERY_BROKER_URL"
    try:
        with nullcontext(services.Broker(name, files)) if given else services.broker(folder) as broker:
            yield broker
    except services.ServiceError as error:
        raise DemoError(str(error)) from error


def processes_environment(broker: services.Broker) -> dict[str, str]:
    """The log level is not left to the user: it is from the log that the demo knows when the worker is ready."""
    return {**broker.environment, "PYTHONUNBUFFERED": "1", "LOG_LEVEL": "info"}


def start(stage: Stage, tell: Callable[[str], None]) -> None:
    """Start everything in the order in which it needs each other."""
    plan, children = stage.plan, stage.children
    tell("Preparing the database")
    run_command("migrate", plan.folder, interactive=False)
    run_command("setup", plan.folder)
    stage.operator = make_operator(guessable=plan.own_database and plan.web == settings.PUBLIC_URL)
    tell("Starting web, worker and beat")
    children.start("web", [*WEB, "--port", str(plan.port), "config.wsgi:application"])
    worker = children.start("worker", [*WORKER, f"--hostname=demo-{plan.port}@localhost"])
    children.start("beat", BEAT)
    until(stage.world.serves, children, "The web process does not answer")
    tell("Registering the webhooks and the numbers")
    run_command("register_webhooks", plan.folder)
    have_numbers(plan.web)
    run_command("register_numbers", plan.folder)
    until(lambda: " ready." in worker.log.read_text(errors="replace"), children, "The worker does not become ready")


def until(question: Callable[[], bool], children: Children, complaint: str) -> None:
    """Wait for a process of ours to become what it should. Raises DemoError when it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while not question():
        children.check()
        if time.monotonic() > deadline:
            raise DemoError(f"{complaint} after {START_SECONDS:.0f} seconds.\n{children.tails()}")
        time.sleep(LOOK_SECONDS)


def run_command(name: str, folder: Path, **options: object) -> None:
    """Run a management command in this process; what it says is in `<name>.log`. Raises DemoError."""
    log = folder / f"{name}.log"
    try:
        with log.open("w") as output:
            call_command(name, stdout=output, stderr=output, no_color=True, **options)
    except (CommandError, DatabaseError) as error:
        raise DemoError(f"`manage.py {name}` failed: {str(error).strip()}\n{tail(log)}") from error


def have_numbers(web: str) -> None:
    """Have the simulator's vendors own our numbers, which a real vendor would sell. Real ones are left alone."""
    world = World(web)
    for account in VendorAccount.objects.all():
        urls = [str(value) for name, value in account.options.items() if name.endswith("url") and value]
        if urls and all(url.startswith(f"{web}/simulator/") for url in urls):
            for number in Number.objects.filter(account=account, active=True).order_by("e164"):
                world.own_number(account.vendor, number.e164)
