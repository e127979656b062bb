"""What Bandwidth's messaging API answered to a send.

Source: https://dev.bandwidth.com/docs/messaging/errors: 202 and the message with its `id`, or a 4xx with a `type`.
"""

from typing import Any

from notifier.wire import Response
from smsbridge.vendors.answers import by_status, contradicts, decoded, usable_id
from smsbridge.vendors.bandwidth_errors import VALIDATION, bandwidth_error, refusal_code
from smsbridge.vendors.base import Outcome, OutcomeKind

#: statuses whose `type` tells more than the status; the others are about credentials, URLs and pace
_TELLING = frozenset({400, 406, 409, 422})


def read_outcome(response: Response) -> Outcome:
    """What became of a send. Never raises."""
    content = decoded(response.body) or {}
    vendor_id = usable_id(content.get("id"))
    if 200 <= response.status < 300 and vendor_id:
        return Outcome(
            kind=OutcomeKind.SENT,
            vendor_id=vendor_id,
            segments=segments_of(content.get("segmentCount")),
            reason="accepted by Bandwidth",
        )
    if vendor_id:
        return contradicts("Bandwidth", response.status, vendor_id)
    if response.status in _TELLING and content.get("type") == VALIDATION:
        error = bandwidth_error(refusal_code(VALIDATION, _first_field(content)))
        return Outcome(kind=OutcomeKind.REFUSED, error=error, reason=error.text)
    return by_status("Bandwidth", response)


def segments_of(value: object) -> int | None:
    """A plausible count of segments, None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1000 else None


def _first_field(content: dict[str, Any]) -> str:
    errors = content.get("fieldErrors")
    first = errors[0] if isinstance(errors, list) and errors else None
    name = first.get("fieldName") if isinstance(first, dict) else None
    return name if isinstance(name, str) else ""
