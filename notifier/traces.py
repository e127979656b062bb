"""Tracebacks for the log, without the words of the exception: these may hold texts and phone numbers."""

import traceback


def trace(error: BaseException) -> str:
    """The calls that led to it, and its type."""
    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__
