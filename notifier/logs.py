"""How lines of the log are written: as JSON or for people, and in neither with anything personal in them.

The words of an exception may hold a phone or a text (a database names the values that it refuses), so a traceback
is written without them: the calls and the types are what mends a program.
"""

import logging
import re
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from notifier.traces import trace

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class Unquoting(logging.Filter):
    """For Celery's lines about tasks that failed: it writes the exception's words into the line itself."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, dict) and "exc" in record.args:
            kind = record.exc_info[0] if record.exc_info else None
            record.args = {**record.args, "exc": kind.__name__ if kind else "an exception", "traceback": ""}
        return True


class Linkless(logging.Filter):
    """For Django's lines about calls that failed, which name the path: whoever has a link of these has the picture."""

    _LINK = re.compile(r"(/media/)[^\s?#]+")

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        if "/media/" in said:
            record.msg, record.args = self._LINK.sub(r"\1…", said), ()
        return True


class _Wordless(logging.Formatter):
    """Tracebacks without the words of their exceptions."""

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 (the name is logging's)
        return trace(ei[1]) if ei[1] is not None else ""


class Plain(_Wordless):
    """For people: time, level, logger, words, and behind them what else the line tells, as name=value."""

    def __init__(self, **_: Any) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        facts: dict[str, object] = getattr(record, "facts", {})
        return " ".join([super().formatMessage(record), *(f"{name}={value}" for name, value in facts.items())])


class Json(_Wordless, JsonFormatter):
    """One JSON object per line: time, level, logger, message, and what else the line tells under its own name.

    What other programs hang on their lines is left out: Django's would be whole requests, with their query strings.
    """

    def __init__(self, **_: Any) -> None:
        super().__init__("{message}", style="{")

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        log_data |= {"time": at, "level": record.levelname, "logger": record.name, "message": record.message}
        log_data |= getattr(record, "facts", {})
        log_data |= {name: message_dict[name] for name in ("exc_info", "stack_info") if message_dict.get(name)}
