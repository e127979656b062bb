"""What a Matrix message says, as parts: the content of m.room.message and its kin (client-server API, 11.2, "Instant
messaging").

Media are fetched with an access token only, so no part has a URL that anybody could open.
"""

import re
from collections.abc import Mapping
from typing import Any

from notifier.platforms.events import HIDDEN, Part
from notifier.texts import clean_text
from notifier.wire import Unreadable

_MIME_TYPE = re.compile(r"[a-z0-9][\w.+-]{0,60}/[\w.+-]{1,60}", re.ASCII)
#: "> <@ann:example.org> lunch?", or of an emote "> * <@ann:example.org> waves"
_QUOTATION = re.compile(r"> (?:\* ?)?<@[^>\n]+>")
_MEDIA = {
    "m.image": "image/*",
    "m.audio": "audio/*",
    "m.video": "video/*",
    "m.file": "application/octet-stream",
}
#: by custom of programs: the specification asks them to write so, and clients not to alert anybody
_OF_PROGRAMS = ("m.notice", "m.server_notice")
#: handshakes between clients, with a body only for clients that do not know them
_HANDSHAKES = "m.key.verification."


def is_notice(content: Mapping[str, Any]) -> bool:
    return content.get("msgtype") in _OF_PROGRAMS


def is_for_people(content: Mapping[str, Any]) -> bool:
    kind = content.get("msgtype")
    return not (isinstance(kind, str) and kind.startswith(_HANDSHAKES))


def parts_of(kind: str, content: Mapping[str, Any]) -> tuple[Part, ...]:
    """The parts of an event of this type. Raises Unreadable when it has no text where one must be."""
    if kind == "m.room.encrypted":
        return (Part(HIDDEN),)
    message = "m.image" if kind == "m.sticker" else content.get("msgtype")
    if isinstance(message, str) and message in _MEDIA:
        return _media(message, content)
    if message == "m.location":
        return _words(_text(content.get("body")) or _text(content.get("geo_uri")))
    if not isinstance(content.get("body"), str):
        raise Unreadable("content.body is missing or not a text")
    return _words(_without_quotation(content, clean_text(content["body"])))


def _words(text: str) -> tuple[Part, ...]:
    return (Part("text/plain", text),) if text else ()


def _media(message: str, content: Mapping[str, Any]) -> tuple[Part, ...]:
    """The file, and its caption: the body is one when the file's name is told beside it (version 1.10)."""
    info = content.get("info")
    told = info if isinstance(info, dict) else {}
    size = told.get("size")
    file = Part(_mime_type(message, told.get("mimetype")), size=size if type(size) is int and size > 0 else None)
    name, body = _text(content.get("filename")), _text(content.get("body"))
    return (file, *_words(body)) if name and body != name else (file,)


def _mime_type(message: str, told: object) -> str:
    """As the sender's client tells it, as far as that fits what it calls the message."""
    usual = _MEDIA[message]
    found = told.partition(";")[0].strip().lower() if isinstance(told, str) else ""
    if not _MIME_TYPE.fullmatch(found) or found.startswith(("text/", "multipart/")):
        return usual
    return found if message == "m.file" or found.partition("/")[0] == usual.partition("/")[0] else usual


def _without_quotation(content: Mapping[str, Any], body: str) -> str:
    """An answer's own words: clients of before version 1.13 quote what they answer, each line of it behind "> ".

    The first line of such a quotation names whose it is: what the sender himself quotes in his own words stays.
    """
    relation = content.get("m.relates_to")
    if not isinstance(relation, dict) or not relation.get("m.in_reply_to") or not _QUOTATION.match(body):
        return body
    lines = body.split("\n")
    first = next((place for place, line in enumerate(lines) if not line.startswith(">")), len(lines))
    return "\n".join(lines[first:]).strip()


def _text(value: object) -> str:
    return clean_text(value).strip() if isinstance(value, str) else ""
