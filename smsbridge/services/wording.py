"""The words of an SMS: what a message says, what the template makes of it, and what fits.

A text of several messages keeps the newest when not all fit; the introduction is never cut.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from django.utils.module_loading import import_string

from notifier.texts import clean_text
from smsbridge.segments import Encoding, measure, truncate
from smsbridge.services.accounts import LiveBridge
from smsbridge.services.contacts import Person

_MOST_IN_SEGMENT = 160

_KINDS = {"image": "[image]", "audio": "[audio]", "video": "[video]", "location": "[location]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message as it is to be told."""

    message_key: str
    conversation_key: str
    title: str
    app_name: str
    parts: Sequence[tuple[str, str | None]]
    sent_at: datetime | None
    sender: Person


@dataclass(frozen=True, slots=True)
class Wording:
    """A finished text and what it costs. `left_out`: how many of the oldest messages found no room."""

    text: str
    segments: int
    unicode: bool
    left_out: int


class IntroductionError(Exception):
    """The function that writes the introduction failed. The text says which, and how."""


def text_of(parts: Sequence[tuple[str, str | None]]) -> str:
    """A message in words: text as it is, anything else by its kind. Empty when there is nothing to tell."""
    return "\n".join(word for word in (_word(mime, body) for mime, body in parts) if word).strip()


def _word(mime: str, body: str | None) -> str:
    kind = mime.partition(";")[0].strip().lower()
    if kind.startswith("text/"):
        return (body or "").strip() if body is not None else "[long text]"
    return _KINDS.get(kind.partition("/")[0], "[file]")


def word(
    bridge: LiveBridge, said: Sequence[Said], recipient: Person, *, introduce: bool, opening: str | None = None
) -> Wording | None:
    """The SMS for these messages, oldest first; None when the template leaves nothing to send.

    `opening` is the introduction when it is written already. Raises IntroductionError when it is not.
    """
    lines = [bridge.template.render(context(one, recipient)).strip() for one in said]
    lines = [line for line in lines if line]
    if not lines:
        return None
    if introduce and opening is None:
        opening = introduction(bridge, said[-1], recipient)
    opening = opening if introduce else ""
    text, left_out = _fit([opening] if opening else [], lines, bridge.max_segments)
    cost = measure(text)
    return Wording(text, cost.count, cost.encoding is Encoding.UCS2, left_out)


def introduction(bridge: LiveBridge, said: Said, recipient: Person) -> str:
    """The introduction, by function or template. Raises IntroductionError, after which another try may help."""
    values = context(said, recipient)
    if bridge.introduction_function:
        return _by_function(bridge.introduction_function, values)
    return bridge.introduction.render(values).strip() if bridge.introduction else ""


def _by_function(path: str, values: Mapping[str, Any]) -> str:
    try:
        return clean_text(str(import_string(path)(values) or "")).strip()
    except Exception as error:  # a project's own code may raise anything
        raise IntroductionError(f"The introduction function {path} raised {type(error).__name__}.") from error


def context(said: Said, recipient: Person) -> Mapping[str, Any]:
    """The values that templates and introduction functions see, by the known roots."""
    sent_at = said.sent_at.isoformat() if said.sent_at else ""
    return {
        "sender": said.sender.values,
        "recipient": recipient.values,
        "text": text_of(said.parts),
        "conversation": {"id": said.conversation_key, "title": said.title},
        "message": {"id": said.message_key, "sent_at": sent_at, "text": text_of(said.parts)},
        "parts": [{"mime_type": mime, "body": body or ""} for mime, body in said.parts],
        "app": {"name": said.app_name},
    }


def _fit(opening: list[str], lines: list[str], most: int) -> tuple[str, int]:
    """Drop the oldest lines until the rest fits; a single one is cut at its end."""
    for left_out in range(_too_many(lines, most), len(lines)):
        earlier = [f"(+{left_out} earlier)"] if left_out else []
        text = "\n".join([*opening, *earlier, *lines[left_out:]])
        if measure(text).count <= most:
            return text, left_out
    return _cut(text, "\n".join([*opening, *earlier]), most), left_out


def _too_many(lines: list[str], most: int) -> int:
    """How many of the oldest lines cannot fit, whatever their characters; it bounds the work on a long absence."""
    room, left_out = most * _MOST_IN_SEGMENT, len(lines)
    while left_out and room >= 0:
        left_out -= 1
        room -= len(lines[left_out])
    return left_out


def _cut(text: str, kept: str, most: int) -> str:
    """The text cut to `most` segments, or as many more as it takes to keep its beginning and some of what follows."""
    for allowed in count(most):
        cut = truncate(text, allowed)
        if len(cut) > len(kept) and cut.startswith(kept):
            break
    return cut
