"""The words of an SMS: what a message says, what the template makes of it, and what fits.

A text of several messages keeps the newest when not all fit; the introduction is never cut.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any

from notifier.platforms.base import HIDDEN
from notifier.texts import clean_text
from smsbridge.segments import Encoding, measure, truncate
from smsbridge.services import own_calls
from smsbridge.services.accounts import LiveBridge
from smsbridge.services.contacts import Person
from smsbridge.services.own_calls import CallError, NotReturnedError

_MOST_IN_SEGMENT = 160

_HIDDEN = "[new message]"
_KINDS = {"image": "[image]", "audio": "[audio]", "video": "[video]", "location": "[location]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One of a message's parts, by its place among them, and where it can be fetched.

    `until` is None where that does not end, as far as is known, `size` is in bytes, None: not known.
    """

    place: int
    url: str
    mime_type: str
    until: datetime | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message as it is to be told. `along` are those of its parts that go as what they are."""

    message_key: str
    conversation_key: str
    title: str
    app_name: str
    parts: Sequence[tuple[str, str | None]]
    sent_at: datetime | None
    sender: Person
    along: Sequence[Picture] = ()


@dataclass(frozen=True, slots=True)
class Wording:
    """A finished text and what it costs. `left_out`: how many of the oldest messages found no room.

    `media` is what goes along.
    """

    text: str
    segments: int
    unicode: bool
    left_out: int
    media: tuple[Picture, ...] = ()


class IntroductionError(Exception):
    """The function that writes the introduction failed. The text says which, and how; `hangs`: it did not return."""

    def __init__(self, words: str, *, hangs: bool = False) -> None:
        super().__init__(words)
        self.hangs = hangs


def text_of(parts: Sequence[tuple[str, str | None]]) -> str:
    """A message in words: text as it is, anything else by its kind. Empty when there is nothing to tell."""
    return "\n".join(word for word in (_word(mime, body) for mime, body in parts) if word).strip()


def _word(mime: str, body: str | None) -> str:
    kind = mime.partition(";")[0].strip().lower()
    if kind == HIDDEN:
        return _HIDDEN
    if kind.startswith("text/"):
        return (body or "").strip() if body is not None else "[long text]"
    return _KINDS.get(kind.partition("/")[0], "[file]")


def lines_of(bridge: LiveBridge, said: Sequence[Said], recipient: Person) -> list[str]:
    """What the template makes of each message, without those of which it leaves nothing."""
    return [line for _, line in _told(bridge, said, recipient)]


def _told(bridge: LiveBridge, said: Sequence[Said], recipient: Person) -> list[tuple[Said, str]]:
    lines = ((one, _line(bridge, one, recipient)) for one in said)
    return [(one, line) for one, line in lines if line]


def _line(bridge: LiveBridge, said: Said, recipient: Person) -> str:
    """Pictures that go along are put in words after all where there would be none: no vendor takes an empty text."""
    line = bridge.template.render(context(said, recipient)).strip()
    if line or not said.along:
        return line
    return bridge.template.render(context(replace(said, along=()), recipient)).strip()


def word(
    bridge: LiveBridge,
    said: Sequence[Said],
    recipient: Person,
    *,
    introduce: bool,
    opening: str | None = None,
    lines: Sequence[str] | None = None,
    end: str = "",
) -> Wording | None:
    """The SMS for these messages, oldest first; None when the template leaves nothing to send.

    `opening` is the introduction when it is written already. Raises IntroductionError when it is not. `lines` are what
    is said of the messages when that is settled already, and then nothing else goes along; `end` closes the text,
    whatever is cut.
    """
    told = _told(bridge, said, recipient) if lines is None else []
    lines = [line for _, line in told] if lines is None else lines
    if not lines:
        return None
    if introduce and opening is None:
        opening = introduction(bridge, said[-1], recipient)
    opening = opening if introduce else ""
    text, left_out = _fit([opening] if opening else [], lines, bridge.max_segments, f"\n{end}" if end else "")
    cost = measure(text)
    media = tuple(picture for one, _ in told[left_out:] for picture in one.along)
    return Wording(text, cost.count, cost.encoding is Encoding.UCS2, left_out, media)


def introduction(bridge: LiveBridge, said: Said, recipient: Person) -> str:
    """The introduction, by function or template. Raises IntroductionError, after which another try may help."""
    values = context(said, recipient)
    if bridge.introduction_function:
        return _by_function(bridge.introduction_function, values)
    return bridge.introduction.render(values).strip() if bridge.introduction else ""


def _by_function(path: str, values: Mapping[str, Any]) -> str:
    try:
        return clean_text(str(own_calls.call(path, values) or "")).strip()
    except CallError as error:
        hangs = isinstance(error, NotReturnedError)
        raise IntroductionError(f"The introduction function {path} {error}.", hangs=hangs) from error
    except Exception as error:  # what it returned is its own, and may fail to be a text
        raise IntroductionError(f"The introduction function {path} returned no text.") from error


def context(said: Said, recipient: Person) -> Mapping[str, Any]:
    """The values that templates and introduction functions see, by the known roots."""
    sent_at = said.sent_at.isoformat() if said.sent_at else ""
    text = text_of(_in_words(said) if said.along else said.parts)
    return {
        "sender": said.sender.values,
        "recipient": recipient.values,
        "text": text,
        "conversation": {"id": said.conversation_key, "title": said.title},
        "message": {"id": said.message_key, "sent_at": sent_at, "text": text},
        "parts": [{"mime_type": mime, "body": body or ""} for mime, body in said.parts],
        "app": {"name": said.app_name},
    }


def _in_words(said: Said) -> list[tuple[str, str | None]]:
    """The parts that do not go along."""
    along = {picture.place for picture in said.along}
    return [part for place, part in enumerate(said.parts) if place not in along]


def _fit(opening: list[str], lines: Sequence[str], most: int, tail: str) -> tuple[str, int]:
    """Drop the oldest lines until the rest fits; a single one is cut at its end."""
    for left_out in range(_too_many(lines, most), len(lines)):
        earlier = [f"(+{left_out} earlier)"] if left_out else []
        text = "\n".join([*opening, *earlier, *lines[left_out:]])
        if measure(text + tail).count <= most:
            return text + tail, left_out
    return _cut(text, "\n".join([*opening, *earlier]), most, tail), left_out


def _too_many(lines: Sequence[str], most: int) -> int:
    """How many of the oldest lines cannot fit, whatever their characters; it bounds the work on a long absence."""
    room, left_out = most * _MOST_IN_SEGMENT, len(lines)
    while left_out and room >= 0:
        left_out -= 1
        room -= len(lines[left_out])
    return left_out


def _cut(text: str, kept: str, most: int, tail: str) -> str:
    """The text cut to `most` segments, or as many more as it takes to keep its beginning and some of what follows."""
    for allowed in count(most):
        cut = truncate(text, allowed, tail)
        if len(cut) > len(kept) + len(tail) and cut.startswith(kept) and (not tail or measure(cut).count <= allowed):
            break
    return cut
