"""Opt-outs as a list: written out, and taken in from another system."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice

from smsbridge.models import OptOut
from smsbridge.phones import mask, to_e164
from smsbridge.services import consent
from smsbridge.services.consent import Wish

COLUMNS = ("phone", "since", "source", "note")
_BATCH = 1_000


@dataclass(slots=True)
class Taken:
    """What became of the lines read so far. `wrong`: a sentence for each that holds no phone, by its number."""

    lines: int = 0
    added: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def known(self) -> int:
        return self.lines - self.added - len(self.wrong)


def opt_outs() -> Iterator[tuple[str, str, str, str]]:
    """Every opt-out, oldest first, in COLUMNS."""
    for one in OptOut.objects.order_by("pk").iterator():
        yield one.phone, one.since.isoformat(timespec="seconds"), one.source, one.note


def take_in(lines: Iterable[str], who: str, taken: Taken) -> Iterator[None]:
    """Add what a list holds, in batches that are committed each and counted in `taken`. Safe to repeat.

    A list of phones, one per line, or CSV with a heading that names `phone`, and perhaps `since` (ISO 8601) and
    `note`. Phones have their country code. A phone that has opted out already stays as it is.
    """
    rows: Iterator[tuple[int, list[str]]] = enumerate(csv.reader(lines), 1)
    first = next(rows, (1, []))
    heading = [name.strip().lower() for name in first[1]]
    if "phone" not in heading:
        rows, heading = chain([first], rows), ["phone"]
    while batch := list(islice(rows, _BATCH)):
        wishes = [wish for number, row in batch if (wish := _wish(taken, number, heading, row, who))]
        taken.added += len(consent.opt_out(wishes))
        yield


def _wish(taken: Taken, number: int, heading: Sequence[str], row: Sequence[str], who: str) -> Wish | None:
    values = {name: value.strip() for name, value in zip(heading, row, strict=False)}
    written = values.get("phone", "")
    if not written:
        return None
    taken.lines += 1
    phone = to_e164(written)
    if phone is None:
        taken.wrong.append(f"Line {number}: {mask(written)} is no phone with its country code.")
        return None
    return Wish(phone, consent.IMPORT, ": ".join(filter(None, [who, values.get("note")])), at=_since(values))


def _since(values: dict[str, str]) -> datetime | None:
    """None, which means now, for what is no moment or lies ahead."""
    try:
        since = datetime.fromisoformat(values.get("since", ""))
    except ValueError:
        return None
    since = since if since.tzinfo else since.replace(tzinfo=UTC)
    return since if since <= datetime.now(UTC) else None
