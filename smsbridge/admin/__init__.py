"""The SMS side's admin pages."""

from smsbridge.admin import (
    accounts,
    bridges,
    consent,
    costs,
    inbound,
    leases,
    number_orders,
    numbers,
    outbound,
    people,
    phones,
)

__all__ = [
    "accounts",
    "bridges",
    "consent",
    "costs",
    "inbound",
    "leases",
    "number_orders",
    "numbers",
    "outbound",
    "people",
    "phones",
]
