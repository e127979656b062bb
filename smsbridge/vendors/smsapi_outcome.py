"""What SMSAPI answered to a send: status 200 in any case, and in the body either `error` or the accepted text.

Source: https://www.smsapi.com/docs. A text is sent with our reference as `idx` and with `check_idx=1`, so SMSAPI itself
refuses a repetition (code 53). That refusal is no failure but proof that the text was accepted before; as it holds no
id, the text is uncertain until a receipt names it by the same reference, and it is never sent again.
"""

from decimal import Decimal
from typing import Any

from notifier.wire import Response
from smsbridge.vendors.answers import by_status, decoded, price, uncertain, usable_id
from smsbridge.vendors.base import ErrorKind, Outcome, OutcomeKind
from smsbridge.vendors.smsapi_errors import INSIDE, REPEATED, smsapi_error

#: code 52 counts the texts to one number within a minute
_MINUTE = 60.0


def read_outcome(response: Response, currency: str) -> Outcome:
    """What became of a send; `currency` is what the account's points are. Never raises."""
    content = decoded(response.body) or {}
    code, rows = code_of(content), content.get("list")
    accepted = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    if accepted and not 200 <= response.status < 300:
        return _contradiction(accepted)
    if not content or response.status in (408, 429) or response.status // 100 not in (2, 4):
        return by_status("SMSAPI", response)
    if code:
        return _refused(code) if not accepted else _contradiction(accepted)
    if not accepted:
        return by_status("SMSAPI", response)
    return _contradiction(accepted) if content.get("error") else _accepted(accepted, currency)


def code_of(content: dict[str, Any]) -> str:
    """The error code in an answer, "" for none: SMSAPI writes it as a number, and zero or null where there is none."""
    error = content.get("error")
    if isinstance(error, str) and error.isascii() and error.isdecimal() and len(error) < 6:
        error = int(error)
    return str(error) if isinstance(error, int) and not isinstance(error, bool) and 0 < error < 100_000 else ""


def _refused(code: str) -> Outcome:
    error = smsapi_error(code)
    if code == REPEATED or code in INSIDE:
        return uncertain(error.text, error=error)
    if error.kind is ErrorKind.TEMPORARY:
        wait = _MINUTE if code == "52" else None
        return Outcome(kind=OutcomeKind.THROTTLED, retry_after=wait, error=error, reason=error.text)
    return Outcome(kind=OutcomeKind.REFUSED, error=error, reason=error.text)


def _accepted(rows: list[dict[str, Any]], currency: str) -> Outcome:
    row, vendor_id = rows[0], usable_id(rows[0].get("id"))
    if code := code_of(row):
        return _refused(code) if len(rows) == 1 and not vendor_id else _contradiction(rows)
    if len(rows) > 1 or not vendor_id:
        return uncertain("SMSAPI accepted it without one id for it", vendor_id or None)
    parts = row.get("parts")
    points = amount(row.get("points"))
    return Outcome(
        kind=OutcomeKind.SENT,
        vendor_id=vendor_id,
        segments=parts if isinstance(parts, int) and not isinstance(parts, bool) and 0 < parts < 1000 else None,
        price=points,
        currency=currency if points is not None else "",
        reason="accepted by SMSAPI",
    )


def amount(value: object) -> Decimal | None:
    """Points, which SMSAPI writes as a number or as text; None for anything else."""
    return price(str(value)) if isinstance(value, int | float | str) and not isinstance(value, bool) else None


def _contradiction(rows: list[dict[str, Any]]) -> Outcome:
    vendor_id = next((id_ for row in rows if (id_ := usable_id(row.get("id")))), None)
    return uncertain("SMSAPI answered with an error and yet that it accepted something", vendor_id)
