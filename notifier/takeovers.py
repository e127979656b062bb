"""Telling a row that nobody had from one that is taken over from a worker whose claim ran out."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from notifier.counters import CLAIMS_EXPIRED


def taken_over(table: str) -> str:
    """An SQL expression for RETURNING of the UPDATE that claims: whether the row bore another's claim until then.

    Whoever ends his work takes his claim off the row, so one that is due and still bears it was left behind. In
    Postgres a query within RETURNING sees the row as it was before; SQLite, with one writer on one machine, does not,
    and there nothing is told.
    """
    if connection.vendor != "postgresql":
        return "0"
    return f"(select old.claim is not null from {table} old where old.id = {table}.id)"


def count_taken_over(stage: str, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Claimed rows without their last column, which is `taken_over`: those that were are counted."""
    CLAIMS_EXPIRED.add_on_commit(stage, by=sum(bool(row[-1]) for row in rows))
    return [row[:-1] for row in rows]
