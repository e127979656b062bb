"""Whether the work can go on: the database, its tables, the broker, and whether anything lies undone for too long.

Each answer comes within ANSWER_SECONDS, also when the database or the broker hangs, and is kept for some seconds, so
that probes cannot hammer. What is told holds nothing personal and no address: anybody may ask.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

from notifier.questions import Question
from notifier.sql import fetch

ANSWER_SECONDS = 1.5
_KEEP_SECONDS = 3.0
_BROKER_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `facts` are for people and monitors."""

    ok: bool
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overdue:
    """The row that has been due for longest, of all that nothing holds back. `stage` is the one that should do it."""

    stage: str
    seconds: float


Checks = dict[str, Check]
UNKNOWN = Check(False, {"error": "not known"})


class Readiness:
    """All checks of a process. `overdue` finds the oldest overdue row of both halves; None when nothing is due."""

    def __init__(self, overdue: Callable[[], Overdue | None]) -> None:
        self._overdue = overdue
        self._migrated = False
        self._database = Question(self._ask_database, keep=_KEEP_SECONDS)
        self._broker = Question(ask_broker, keep=_KEEP_SECONDS)

    def checks(self) -> Checks:
        """`database`, `migrations`, `overdue` and `broker`, within ANSWER_SECONDS all together."""
        deadline = time.monotonic() + ANSWER_SECONDS
        self._broker.begin()  # both are asked at once
        try:
            found = self._database.answer(deadline - time.monotonic())
        except TimeoutError:
            found = _unknown(f"no answer within {ANSWER_SECONDS:g} s")
        return {**found, "broker": self.broker(deadline - time.monotonic())}

    def broker(self, seconds: float = ANSWER_SECONDS) -> Check:
        """The broker alone."""
        try:
            return self._broker.answer(seconds)
        except TimeoutError:
            return Check(False, {"error": f"no answer within {ANSWER_SECONDS:g} s"})

    def _ask_database(self) -> Checks:
        began = time.monotonic()
        try:
            fetch("select 1")
            database = Check(True, {"seconds": round(time.monotonic() - began, 4)})
            migrations = self._ask_migrations()
            overdue = self._ask_overdue() if migrations.ok else UNKNOWN
            return {"database": database, "migrations": migrations, "overdue": overdue}
        except (DatabaseError, InterfaceError) as error:
            return _unknown(type(error).__name__)

    def _ask_migrations(self) -> Check:
        """What is applied stays so, and looking costs some milliseconds."""
        missing = 0 if self._migrated else _missing_migrations()
        self._migrated = not missing
        return Check(False, {"missing": missing, "remedy": "run manage.py migrate"}) if missing else Check(True)

    def _ask_overdue(self) -> Check:
        limit, oldest = settings.OVERDUE_SECONDS, self._overdue()
        if oldest is None:
            return Check(True, {"oldest_seconds": 0, "limit_seconds": limit})
        facts = {"oldest_seconds": round(oldest.seconds, 1), "limit_seconds": limit, "stage": oldest.stage}
        return Check(oldest.seconds <= limit, facts)


def _unknown(error: str) -> Checks:
    return {"database": Check(False, {"error": error}), "migrations": UNKNOWN, "overdue": UNKNOWN}


def _missing_migrations() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def ask_broker() -> Check:
    """One connection, and what its protocol says first. Each transport raises errors of its own."""
    began = time.monotonic()
    try:
        with current_app.connection_for_write(connect_timeout=_BROKER_SECONDS) as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=_BROKER_SECONDS)
    except Exception as error:
        return Check(False, {"error": type(error).__name__})
    return Check(True, {"seconds": round(time.monotonic() - began, 4)})
