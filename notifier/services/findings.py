"""What `doctor` finds, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    WRONG = "wrong"  # something does not work
    NOTE = "note"  # worth knowing, perhaps wanted so
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, and the remedy unless all is good. Neither holds phones, texts or secrets."""

    level: Level
    what: str
    remedy: str = ""


def wrong(what: str, remedy: str = "") -> Finding:
    return Finding(Level.WRONG, what, remedy)


def note(what: str, remedy: str = "") -> Finding:
    return Finding(Level.NOTE, what, remedy)


def good(what: str) -> Finding:
    return Finding(Level.GOOD, what)
