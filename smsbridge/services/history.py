"""The history of a text: what happened to it besides the plain way, as [time, state, words] in its `log`."""

import json
from datetime import UTC, datetime

from django.db import connection


def entry(state: str, words: str) -> str:
    """One entry of now, as `appended` takes it. The words hold neither phone nor text."""
    told = [datetime.now(UTC).isoformat(timespec="milliseconds"), state, words]
    return json.dumps([told] if connection.vendor == "postgresql" else told)


def appended(expression: str) -> str:
    """SQL for the log with one more entry, where the expression is not null."""
    if connection.vendor == "postgresql":
        return f"case when {expression} is null then log else log || cast({expression} as jsonb) end"
    return f"case when {expression} is null then log else json_insert(log, '$[#]', json({expression})) end"
