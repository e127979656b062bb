"""What the measures of `tests.flows.outage` stand on: Django on a Postgres of their own, and a deployment."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

if TYPE_CHECKING:  # Django is set up by `own_database`
    from tests.flows.broker import Broker
    from tests.flows.town import Town

PATIENCE = 60.0


@contextmanager
def own_database() -> Iterator[None]:
    """Django on an empty Postgres of our own."""
    from tests.load import servers

    with ExitStack() as stack:
        url = stack.enter_context(stack.enter_context(servers.postgres("")).database())
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "ENV_FILE": "",
            "DEBUG": "on",
            "SECRET_KEY": "a key for measuring, which protects nothing",
            "SIMULATOR": "on",
            "DATABASE_URL": with_folder(url),
            "CELERY_BROKER_URL": "memory://",
        }
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("migrate", verbosity=0)
        stack.callback(connections.close_all)
        yield


def with_folder(url: str) -> str:
    """The folder of the server's socket in the place of a host, as the settings and `Line` want it."""
    parts = urlsplit(url)
    return f"postgres://{parts.username}@/{quote(parse_qs(parts.query)['host'][0])}{parts.path}"


@contextmanager
def ground(**variables: Any) -> "Iterator[tuple[Town, Broker]]":
    """A whole deployment, without a worker of its own to speak of."""
    from tests.flows.broker import Broker
    from tests.flows.town import town

    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(Path(folder))
        try:
            with town(os.environ["DATABASE_URL"], broker.url, **variables) as (here, worker):
                worker.stop()
                yield here, broker
        finally:
            broker.stop()


def waited(question: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    from tests.waiting import eventually

    return eventually(question, seconds)


def since(begun: float) -> str:
    return f"{time.monotonic() - begun:.1f} s"


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 (a command's output)
