"""What travels about numbers, messaging services and accounts: the rare calls, which an operator or a beat begins."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class VendorError(Exception):
    """A vendor's answer to a rare call (numbers, services, checks) that is not the one hoped for.

    The text names the remedy, and holds no phone, secret or body.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedNumber:
    """A number as the vendor lists it. `handle` is whatever the vendor needs to change it."""

    e164: str
    inbound_url: str
    handle: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which numbers to look for: of a country (ISO 3166), and there of an area (its code, digits) if that is given."""

    country: str
    area: str = ""
    limit: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedNumber:
    """A number that the vendor would sell. `price` is per month, None where the vendor does not say."""

    e164: str
    price: Decimal | None = None
    currency: str = ""
    handle: Mapping[str, str] = field(default_factory=dict)


class StepKind(StrEnum):
    DONE = "done"  # also: it was done before, such as the release of a number that is gone already
    PENDING = "pending"  # the vendor took an order, and works on it
    REFUSED = "refused"  # the vendor's own code, or a status that by its definition says no: nothing was done
    UNCERTAIN = "uncertain"  # perhaps done: only the list of numbers can tell


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidStep:
    """What became of buying or releasing a number. `order` is by what a pending one is asked about."""

    kind: StepKind
    reason: str = ""  # a sentence for the operator without the number
    order: str = ""


@dataclass(frozen=True, slots=True)
class MessagingService:
    """A group of numbers at the vendor, by its id there. Where texts to it go; None where that is not told."""

    id: str
    name: str
    inbound_url: str | None = None
