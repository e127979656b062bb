"""Calling a project's own functions, which may do anything: only what `guards` promises comes back."""

from collections.abc import Iterable
from typing import Any

from notifier.texts import clean_text
from smsbridge.guards import Incoming, Outgoing, Verdict
from smsbridge.services import own_calls
from smsbridge.services.own_calls import CallError, NotReturnedError

#: at this try of a text, and later, a function that hangs is not called for it any more
MOST_TRIES = 5

#: so often a function may have taken its whole process with it before it is not called for that text any more
MOST_ASKED = 2

_LONGEST_REASON = 500
_MOST_TAGS, _LONGEST_TAG = 20, 50


class OwnCodeError(Exception):
    """A function failed, or returned what it must not. The text says which, and how, without anything it was given.

    `hangs`: it did not return.
    """

    def __init__(self, words: str, *, hangs: bool = False) -> None:
        super().__init__(words)
        self.hangs = hangs


def ask(path: str, about: Outgoing | Incoming) -> Verdict:
    """What the function at a dotted path says about a text. Raises OwnCodeError, after which another try may help."""
    try:
        answer = own_calls.call(path, about)
    except CallError as error:
        raise OwnCodeError(f"The function {path} {error}.", hangs=isinstance(error, NotReturnedError)) from error
    try:
        verdict = Verdict(text=answer) if answer is None or isinstance(answer, str) else answer
        mistake = _mistake(verdict, about)
        if not mistake:
            return _cleaned(verdict)
    except Exception as error:  # what it returned is its own, too
        raise OwnCodeError(f"What the function {path} returned raised {type(error).__name__}.") from error
    raise OwnCodeError(f"The function {path} {mistake}.")


def refuse_if_it_stops(path: str, asked: int) -> None:
    """Raise OwnCodeError if the function seems to stop whole processes, having been called so often for a text."""
    if asked >= MOST_ASKED:
        raise OwnCodeError(f"The function {path} was called {asked} times and did not return.", hangs=True)


def is_hopeless(error: OwnCodeError, tries: int, asked: int) -> bool:
    """Whether a text is to be given up, rather than shown to the function once more."""
    return error.hangs and (tries >= MOST_TRIES or asked >= MOST_ASKED)


def given_up(words: str) -> str:
    """Why a text is not shown to a function any more, which must be said to an operator."""
    return f"{words} It is not called for this text any more."


def _mistake(verdict: Any, about: Outgoing | Incoming) -> str:
    if not isinstance(verdict, Verdict):
        return f"returned {type(verdict).__name__}: it may return None, a text or a Verdict"
    values: tuple[Any, ...] = (verdict.text, verdict.block, verdict.tags)
    text, block, tags = values
    if not isinstance(text, str | None) or not isinstance(block, str):
        return "returned a Verdict whose text or block is no text"
    if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) for tag in tags):
        return "returned a Verdict whose tags are no list of texts"
    if verdict.opt_out and isinstance(about, Outgoing):
        return "returned a Verdict with opt_out, which is for texts that came in"
    return ""


def _cleaned(verdict: Verdict) -> Verdict:
    """Fit to be stored: no odd characters, nothing endless."""
    return Verdict(
        text=None if verdict.text is None else clean_text(verdict.text).strip(),
        block=clean_text(verdict.block).strip()[:_LONGEST_REASON],
        tags=joined(verdict.tags),
        opt_out=bool(verdict.opt_out),
    )


def joined(*tags: Iterable[str]) -> tuple[str, ...]:
    """Tags as they are stored: each once, in order."""
    words = (clean_text(tag).strip()[:_LONGEST_TAG] for some in tags for tag in some)
    return tuple(dict.fromkeys(word for word in words if word))[:_MOST_TAGS]
