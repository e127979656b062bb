"""What a message says, as `Message.text` and `Message.parts` keep it."""

import json

from django.db import connection

from notifier.platforms.base import MessageFacts, Part


def contents(message: MessageFacts) -> tuple[str, str | None]:
    """The joined text, and the parts as JSON when there is more to them than that."""
    text = "\n".join(part.text for part in message.parts if part.text)
    if len(message.parts) == 1 and message.parts[0].text is not None:
        return text, None
    return text, json.dumps([_part_row(part) for part in message.parts])


def as_json(column: str) -> str:
    """SQL: a column of text as the database keeps JSON."""
    return f"cast({column} as jsonb)" if connection.vendor == "postgresql" else column


def _part_row(part: Part) -> list[str | int | None]:
    if not part.url:
        return [part.mime_type, part.text]
    return [part.mime_type, part.text, part.url, part.until.isoformat() if part.until else None, part.size]
