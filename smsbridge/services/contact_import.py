"""Contacts out of a CSV file: what its lines say, what they would change, and writing exactly that.

The first line names the columns: `user_id`, and any of `name`, `phone` and `time_zone`; every other column is a custom
field, which templates may use. A column that is not there changes nothing, an empty cell empties the field. Nothing is
written unless all lines are good. People who are not in the file stay as they are.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from io import StringIO
from itertools import islice
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from notifier.models import ChatApp
from notifier.texts import clean_text
from smsbridge.models import Contact
from smsbridge.phones import to_e164
from smsbridge.services.contacts import IMPORT
from smsbridge.zones import zone_named

MOST_BYTES: Final = 1_000_000
MOST_LINES: Final = 20_000
_BATCH: Final = 500
_LONGEST: Final = 255
_OWN: Final = ("user_id", "name", "phone", "time_zone")


class FileError(ValueError):
    """The file as a whole cannot be read; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one line does: a row as it will be, and the fields that change; of a new one all that are given."""

    line: int
    row: Contact
    new: bool
    fields: Sequence[str]


@dataclass(slots=True)
class Preview:
    """What a file would do. `wrong` has a sentence for each line that cannot be taken, phones not told."""

    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def new(self) -> int:
        return sum(change.new for change in self.changes)

    @property
    def changed(self) -> int:
        return len(self.changes) - self.new

    @property
    def digest(self) -> str:
        """The same for the same changes: what was looked at is what is written."""
        told = [[one.new, *(getattr(one.row, name) for name in (*_OWN, "custom")), *one.fields] for one in self.changes]
        return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def text_of(content: bytes) -> str:
    """A file's text: UTF-8, with or without a byte order mark. Raises FileError."""
    if len(content) > MOST_BYTES:
        raise FileError(f"The file has more than {MOST_BYTES // 1_000_000} MB: import it in several parts.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileError("The file is not UTF-8: save it as CSV UTF-8.") from None


def preview(app: ChatApp, text: str) -> Preview:
    """What a file would do to the contacts of a chat app. Writes nothing. Raises FileError."""
    return _preview(app, text, Contact.objects.filter(chat_app=app))


def take_in(app: ChatApp, text: str, digest: str = "") -> Preview:
    """Write what a file changes, all or nothing; what that was.

    Nothing is written while lines are wrong, nor, where the digest of what was looked at is given, when it would be
    something else by now. Raises FileError.
    """
    with transaction.atomic():
        found = _preview(app, text, Contact.objects.filter(chat_app=app).select_for_update().order_by("pk"))
        if not found.wrong and digest in ("", found.digest):
            _write(found)
    return found


def _preview(app: ChatApp, text: str, contacts: QuerySet[Contact]) -> Preview:
    found, seen = Preview(), set[str]()
    lines = _lines(text)
    while batch := list(islice(lines, _BATCH)):
        ids = [values.get("user_id", "") for _, values in batch]
        stored = {one.user_id: one for one in contacts.filter(user_id__in=ids)}
        for number, values in batch:
            phone = to_e164(values["phone"]) if values.get("phone") else ""
            wrong = _problem(values, phone, seen)
            if wrong:
                found.wrong.append(f"Line {number}: {wrong}")
                continue
            if "phone" in values:
                values["phone"] = phone or ""
            _compare(found, number, values, stored.get(values["user_id"]), app)
    return found


def _write(found: Preview) -> None:
    rows = iter(change.row for change in found.changes)
    while batch := list(islice(rows, _BATCH)):
        Contact.objects.bulk_create(
            batch,
            update_conflicts=True,
            unique_fields=["chat_app", "user_id"],
            update_fields=["name", "phone", "time_zone", "custom", "source", "fetched_at"],
        )


def _lines(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Each line's number in the file and its cells by column. Raises FileError."""
    first = next(StringIO(text, newline=""), "")
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)  # a quote left open is an error
    try:
        heading = _heading(next(reader, []))
        for count, cells in enumerate(reader, 1):
            if count > MOST_LINES:
                raise FileError(f"The file has more than {MOST_LINES} lines: import it in several parts.")
            if any(cell.strip() for cell in cells):
                yield reader.line_num, _values(heading, cells)
    except csv.Error as error:
        raise FileError(
            f"Line {reader.line_num} is no CSV ({error}): look at its quotes, and at those above it."
        ) from None


def _heading(cells: Sequence[str]) -> list[str]:
    """The names of the columns. Raises FileError."""
    names = [clean_text(name).strip() for name in cells]
    names = [name.lower() if name.lower() in _OWN else name for name in names]
    if "user_id" not in names:
        raise FileError("The first line must name the columns, and one of them must be user_id.")
    if len(set(names)) < len(names) or "" in names:
        raise FileError("Each column needs a name of its own in the first line.")
    return names


def _values(heading: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """Cells beyond the heading go under "": `_problem` tells of them."""
    values = {name: clean_text(cell).strip() for name, cell in zip(heading, cells, strict=False)}
    return values | ({"": "more"} if any(cell.strip() for cell in cells[len(heading) :]) else {})


def _problem(values: Mapping[str, str], phone: str | None, seen: set[str]) -> str:
    """What is wrong with a line, in a sentence with its remedy; "" when it is good. `phone` is None for no phone."""
    user, zone = values.get("user_id", ""), values.get("time_zone", "")
    if "" in values:
        return "it has more cells than there are columns: put a cell with a comma into quotes."
    if not user:
        return "user_id is empty: who is it?"
    if user in seen:
        return "this user_id was in an earlier line already: keep one of them."
    seen.add(user)
    if max(len(user), len(values.get("name", ""))) > _LONGEST:
        return f"user_id or name is longer than {_LONGEST} characters."
    if phone is None:
        return "the phone is none, or lacks its country code: write it like +12025550100."
    if zone and not zone_named(zone):
        return "there is no such time zone: write its IANA name, such as Europe/Zurich."
    return ""


def _compare(found: Preview, number: int, values: Mapping[str, str], stored: Contact | None, app: ChatApp) -> None:
    row = Contact(chat_app=app, user_id=values["user_id"], source=IMPORT, fetched_at=timezone.now())
    wanted = _wanted(values, stored)
    for name, value in wanted.items():
        setattr(row, name, value)
    changed = [name for name, value in wanted.items() if stored is None or getattr(stored, name) != value]
    if stored is not None and not changed and stored.source == IMPORT:
        found.unchanged += 1
    else:
        given = [name for name in changed if stored is not None or wanted[name]]
        found.changes.append(Change(number, row, stored is None, given or ["source"]))


def _wanted(values: Mapping[str, str], stored: Contact | None) -> dict[str, Any]:
    """Every field as it is to be: from the file, where the phone is E.164 by now, else as it is."""
    before = stored or Contact(time_zone="")  # the field's own default is not known before it is stored
    custom = {name: value for name, value in values.items() if name not in _OWN}
    kept = {name: value for name, value in before.custom.items() if name not in custom}
    return {
        "name": values.get("name", before.name),
        "phone": values.get("phone", before.phone),
        "time_zone": zone_named(values["time_zone"]) if "time_zone" in values else before.time_zone,
        "custom": kept | {name: value for name, value in custom.items() if value},
    }
