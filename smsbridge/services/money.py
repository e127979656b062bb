"""Prices as vendors tell them, made fit for the database: one that it cannot hold must not cost us a text's state."""

import re
from decimal import Decimal

from smsbridge.services.accounts import LiveAccount

_MOST = Decimal(99_999)
_MOST_PARTS = 255
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)


def told(account: LiveAccount, price: Decimal | None, currency: str) -> tuple[float | None, str]:
    """A price and its currency (ISO 4217), the vendor's own where it told none; None and "" for no usable price."""
    most = _MOST / _MOST_PARTS if account.vendor.part_receipts else _MOST  # it is multiplied by them
    if price is None or not price.is_finite() or not 0 <= price < most:
        return None, ""
    known = currency or account.vendor.currency
    return float(price), known.upper() if _CURRENCY.fullmatch(known) else ""


def parts(count: int | None) -> int | None:
    """How many segments a vendor says that it counted, if that can be."""
    return count if count is not None and 0 < count <= _MOST_PARTS else None
