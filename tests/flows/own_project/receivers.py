"""A journal of all that the project is told, one JSON object per line."""

import json
import os
from pathlib import Path
from typing import Any

from django.dispatch import receiver

from notifier.signals import event_received, message_unread
from tests.flows.own_project import JOURNAL


class OutOfOrderError(Exception):
    """Raised once for each event that asks for it, to be told again."""


@receiver(event_received)
def heard(*, hook: Any, event: Any, body: dict[str, Any], **_: object) -> None:
    note(told="event", hook=hook.slug, kind=event.kind.value, body=body)
    wants_repeat = "not yet" in json.dumps(body)
    if wants_repeat and times(body["event"]["id"]) == 1:
        raise OutOfOrderError


@receiver(message_unread)
def unread(*, hook: Any, unread: list[Any], **_: object) -> None:
    note(told="unread", hook=hook.slug, users=[one.user_id for one in unread])


def note(**entry: Any) -> None:
    with Path(os.environ[JOURNAL]).open("a") as journal:
        journal.write(json.dumps(entry) + "\n")


def times(event: str) -> int:
    return Path(os.environ[JOURNAL]).read_text().count(event)
