"""What Vonage's SMS API answered to a send.

Source: https://developer.vonage.com/en/api/sms: status 200 and one entry in `messages` for each part of the text, each
with a status of its own, "0" for accepted.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from notifier.wire import Response
from smsbridge.vendors.answers import by_status, contradicts, decoded, price, uncertain, usable_id
from smsbridge.vendors.base import ErrorInfo, ErrorKind, Outcome, OutcomeKind
from smsbridge.vendors.vonage_errors import vonage_error

_CODE = re.compile(r"\d{1,5}", re.ASCII)
#: throttled, and too many connections: the only statuses by which a text was certainly not accepted and may be later.
#: Status 5 is "an error in the platform whilst processing this message", and does not say how far that had got.
_NOT_NOW = frozenset({"1", "10"})
_WAIT = re.compile(r"\[\s*(\d{1,7})\s*\]", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Part:
    code: str  # "0": accepted
    id: str
    price: Decimal | None
    wait: float | None  # seconds

    @property
    def accepted(self) -> bool:
        return self.code == "0"


def read_outcome(response: Response) -> Outcome:
    """What became of a send. Never raises."""
    parts = _parts(response.body)
    read = [part for part in parts if part]
    accepted = [part for part in read if part.accepted]
    good, named = 200 <= response.status < 300, _first_id([*accepted, *read])
    if named and not good:
        return contradicts("Vonage", response.status, named)
    if not parts or response.status == 429 or not 200 <= response.status < 500:
        return by_status("Vonage", response)
    if not accepted and len(read) == len(parts):
        return _refused(read)
    if not good:
        return uncertain(f"Vonage answered {response.status} and yet that it accepted something")
    return _accepted(accepted, named, of=parts)


def _parts(body: bytes) -> list[_Part | None]:
    """The parts of an answer, None for each that is not of the documented form."""
    messages = (decoded(body) or {}).get("messages")
    return [_part(entry) for entry in messages] if isinstance(messages, list) else []


def _part(entry: object) -> _Part | None:
    if not isinstance(entry, dict):
        return None
    code, explanation = entry.get("status"), entry.get("error-text")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return None
    wait = _WAIT.search(explanation) if isinstance(explanation, str) else None
    return _Part(
        code=str(int(code)),
        id=usable_id(entry.get("message-id")),
        price=price(entry.get("message-price")),
        wait=int(wait[1]) / 1000 if wait else None,
    )


def _accepted(accepted: Sequence[_Part], first_id: str | None, *, of: Sequence[_Part | None]) -> Outcome:
    """Something was accepted, or may have been.

    A text of which some parts were accepted is paid for and on its way, so it is never sent again: uncertain, with the
    id kept so that receipts find it.
    """
    if len(accepted) < len(of):
        refused = next((part for part in of if part and not part.accepted), None)
        error = vonage_error(refused.code) if refused else None
        why = f": {error.text}" if error else ""
        return uncertain(f"partly refused, {len(accepted)} of {len(of)} parts accepted{why}", first_id, error)
    if first_id is None or not all(part.id for part in accepted):
        return uncertain("Vonage accepted it without an id for each part", first_id)
    prices = [part.price for part in accepted if part.price is not None]
    return Outcome(
        kind=OutcomeKind.SENT,
        vendor_id=first_id,
        segments=len(accepted),
        price=sum(prices, Decimal()) if prices else None,
        currency="EUR" if prices else "",
        reason="accepted by Vonage",
    )


def _first_id(parts: Sequence[_Part]) -> str | None:
    return next((part.id for part in parts if part.id), None)


def _refused(parts: Sequence[_Part]) -> Outcome:
    """Every part was refused: the gravest reason decides, for the parts that met none would meet it next time.

    Gravest of all is that it may have been accepted: by an id, or by an error that does not say so.
    """
    errors = [vonage_error(part.code) for part in parts]
    unclear = next((error for error in errors if _may_pass(error) and error.code not in _NOT_NOW), None)
    named = _first_id(parts)
    if named or unclear:
        error = unclear or errors[0]
        beside = "Vonage refused it and yet gave an id for it: " if named else ""
        return uncertain(f"{beside}{error.text}", named, error)
    lasting = next((error for error in errors if not _may_pass(error)), None)
    if lasting:
        return Outcome(kind=OutcomeKind.REFUSED, error=lasting, reason=lasting.text)
    waits = [part.wait for part in parts if part.wait is not None]
    return Outcome(
        kind=OutcomeKind.THROTTLED,
        retry_after=max(waits, default=None),
        error=errors[0],
        reason=errors[0].text,
    )


def _may_pass(error: ErrorInfo) -> bool:
    return error.kind is ErrorKind.TEMPORARY
