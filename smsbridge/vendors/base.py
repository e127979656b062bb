"""What the SMS side needs of an SMS vendor.

An adapter is sans-IO: it builds `Request`s, reads `Answer`s, and verifies and parses calls that came in.
It imports this module, `notifier.wire` and its own libraries, no models, and touches no database.
To add one: one file here, one line in `registry.py`, one test class that passes the vendor contract.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import ClassVar

from notifier.wire import Answer, Call, Request


class ErrorKind(StrEnum):
    """Who or what an error is about, and so what we do after it."""

    RECIPIENT = "recipient"  # this number or this text, for good: do not try again
    ACCOUNT = "account"  # credit, credentials, configuration: not accepted; try later, tell the operator
    TEMPORARY = "temporary"  # not accepted; try later
    OPTED_OUT = "opted out"  # the recipient does not want texts: do not try again, remember it
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """A vendor's error code in words. `link` is the vendor's own page about it.

    `some_only`: of kind ACCOUNT, yet only for some texts, such as those to one country: the others need not wait.
    """

    code: str
    text: str
    link: str
    kind: ErrorKind
    some_only: bool = False


class OutcomeKind(StrEnum):
    SENT = "sent"  # accepted, and we hold the vendor's id
    REFUSED = "refused"  # a decoded answer that says no
    THROTTLED = "throttled"  # certainly not accepted now, worth another try
    UNCERTAIN = "uncertain"  # may have been accepted: never sent again blindly


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one send. `reason` is a sentence for the operator without phone or text."""

    kind: OutcomeKind
    vendor_id: str | None = None
    retry_after: float | None = None
    error: ErrorInfo | None = None
    reason: str = ""
    segments: int | None = None
    price: Decimal | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingSms:
    """One text to send. Phones are E.164 with plus; `reference` is ours, echoed in receipts where a vendor can."""

    sender: str
    recipient: str
    text: str
    reference: str
    unicode: bool
    status_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundPart:
    """Where a text belongs that a phone sent in several parts (`number` counts from 1)."""

    reference: str
    number: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundText:
    """One text (or one part of one) that came in. Phones are E.164 with plus."""

    vendor_id: str
    sender: str
    recipient: str
    text: str
    at: datetime | None = None
    media: Sequence[str] = ()
    part: InboundPart | None = None


class ReceiptState(Enum):
    """A vendor's word about a message, normalised. The value is its rank: a state only ever moves to a higher one."""

    QUEUED = 1
    SENT = 2
    UNKNOWN = 3
    EXPIRED = 4
    UNDELIVERED = 5
    DELIVERED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReceipt:
    """One report about an SMS of ours, matched by `vendor_id` first and by our own `reference` second."""

    vendor_id: str
    reference: str
    state: ReceiptState
    error: ErrorInfo | None = None
    at: datetime | None = None
    price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LostSms:
    """A text of which nobody knows whether the vendor accepted it. `vendor_id` is empty unless an answer held one."""

    reference: str
    vendor_id: str
    sender: str
    recipient: str
    text: str
    since: datetime  # it left no earlier than that


@dataclass(frozen=True, slots=True)
class Found:
    """The vendor has the text, and says of it what a delivery receipt would.

    A vendor that keeps no reference of ours gives every text that may be the one, the likeliest first; of those,
    the ones known to be other texts are left out.
    """

    receipts: Sequence[DeliveryReceipt]


@dataclass(frozen=True, slots=True)
class NotFound:
    """The vendor answered, and does not know the text."""


@dataclass(frozen=True, slots=True)
class AskAgain:
    """No answer that tells. `after` is how long the vendor wants to be left alone, in seconds."""

    reason: str
    after: float | None = None


Finding = Found | NotFound | AskAgain


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedNumber:
    """A number as the vendor lists it. `handle` is whatever the vendor needs to change it."""

    e164: str
    inbound_url: str
    handle: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What an incoming call is answered."""

    status: int = 200
    content_type: str = "text/plain; charset=utf-8"
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConfig:
    """One VendorAccount's settings for its adapter. `secrets` never appears in a repr."""

    options: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)


class VendorError(Exception):
    """A vendor's answer to a rare call (numbers, look-ups) that is not the one hoped for. The text names the remedy."""


class Vendor(ABC):
    """One account at one SMS vendor. Making one is cheap and does no input or output."""

    key: ClassVar[str]
    title: ClassVar[str]
    #: names of `options` and `secrets` with a sentence each, for the admin and for `setup`
    option_help: ClassVar[Mapping[str, str]] = {}
    secret_help: ClassVar[Mapping[str, str]] = {}
    #: the longest text that one send may carry, in characters
    max_characters: ClassVar[int] = 1600
    can_manage_numbers: ClassVar[bool] = False
    #: whether a text whose answer was lost can be looked up; only if the vendor then knows all that it accepted
    can_find: ClassVar[bool] = False
    #: seconds after which a text that the vendor does not know was certainly not accepted, and is sent again: longer
    #: than a request may linger on the way and in the vendor's queues, and than the list lags behind
    find_grace: ClassVar[float] = 600.0

    def __init__(self, config: AccountConfig) -> None:
        self.config = config

    @abstractmethod
    def configured(self) -> list[str]:
        """What is missing or malformed in the configuration, each as a sentence with its remedy; empty when good."""

    # Sending
    @abstractmethod
    def request_for(self, sms: OutgoingSms) -> Request:
        """The one request that sends this text. Raises ValueError, before anything is sent, when it cannot be."""

    @abstractmethod
    def outcome(self, answer: Answer) -> Outcome:
        """What became of a send. Total: nothing that a vendor answers makes it raise."""

    @abstractmethod
    def error(self, code: str) -> ErrorInfo:
        """Any code in words; an unknown one is of kind UNKNOWN."""

    # Incoming
    def probe(self, call: Call) -> bool:
        """Whether a call only asks if the URL is alive: it carries nothing, is not signed, and wants a bare 200."""
        return False

    @abstractmethod
    def verify(self, call: Call) -> None:
        """Raise Forged unless the raw call proves that it comes from this account at the vendor."""

    @abstractmethod
    def parse_inbound(self, call: Call) -> list[InboundText]:
        """Texts in a verified call. Raises Unreadable. A call that is of no interest gives an empty list."""

    @abstractmethod
    def parse_receipts(self, call: Call) -> list[DeliveryReceipt]:
        """Receipts in a verified call. Raises Unreadable. A call that is of no interest gives an empty list."""

    def inbound_reply(self) -> Reply:
        """What the vendor wants to hear when an inbound text was stored."""
        return Reply()

    # Looking up, where `can_find`
    def find_request(self, sms: LostSms) -> Request:
        """Ask what became of a text. Asking costs nothing and changes nothing. Raises ValueError when it cannot be."""
        raise NotImplementedError(f"{self.title} cannot look texts up")

    def found(self, sms: LostSms, answer: Answer) -> Finding:
        """What the vendor knows. Total. NotFound only by a decoded answer that leaves no doubt: it is sent again then.

        An error, a list that may be incomplete, and an answer of another form are all AskAgain.
        """
        raise NotImplementedError(f"{self.title} cannot look texts up")

    # Numbers, where `can_manage_numbers`
    def numbers_request(self, page: int) -> Request:
        """Ask for a page (from 1) of the numbers that the account owns."""
        raise NotImplementedError(f"{self.title} offers no list of numbers")

    def numbers(self, answer: Answer) -> tuple[list[OwnedNumber], bool]:
        """The numbers of a page, and whether there are more. Raises VendorError."""
        raise NotImplementedError(f"{self.title} offers no list of numbers")

    def set_inbound_url_request(self, number: OwnedNumber, url: str) -> Request:
        raise NotImplementedError(f"{self.title} cannot set inbound URLs by API")

    def inbound_url_set(self, answer: Answer) -> None:
        """Raises VendorError unless the vendor did it."""
        raise NotImplementedError(f"{self.title} cannot set inbound URLs by API")
