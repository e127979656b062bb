"""What the SMS side needs of an SMS vendor.

An adapter is sans-IO: it builds `Request`s, reads `Answer`s, and verifies and parses calls that came in.
It imports this module, `abilities`, `answers`, `notifier.wire` and its own libraries, no models, and touches no
database. `Vendor` is what every vendor does; what only some can do is in `abilities`, one class for each.
To add one: docs/vendors.md.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from notifier.wire import Answer, Call, Request
from smsbridge.vendors.number_values import (
    MessagingService,
    OfferedNumber,
    OwnedNumber,
    PaidStep,
    StepKind,
    VendorError,
    Wanted,
)
from smsbridge.vendors.values import (
    AccountConfig,
    AskAgain,
    DeliveryReceipt,
    ErrorInfo,
    ErrorKind,
    Finding,
    Found,
    InboundPart,
    InboundText,
    LostSms,
    NotFound,
    Outcome,
    OutcomeKind,
    OutgoingSms,
    PhoneFacts,
    PhoneStatus,
    ReceiptState,
    Reply,
)

__all__ = [
    "AccountConfig",
    "AskAgain",
    "DeliveryReceipt",
    "ErrorInfo",
    "ErrorKind",
    "Finding",
    "Found",
    "InboundPart",
    "InboundText",
    "LostSms",
    "MessagingService",
    "NotFound",
    "OfferedNumber",
    "Outcome",
    "OutcomeKind",
    "OutgoingSms",
    "OwnedNumber",
    "PaidStep",
    "PhoneFacts",
    "PhoneStatus",
    "ReceiptState",
    "Reply",
    "StepKind",
    "Vendor",
    "VendorError",
    "Wanted",
]


class Vendor(ABC):
    """One account at one SMS vendor. Making one is cheap and does no input or output."""

    key: ClassVar[str]
    title: ClassVar[str]
    #: names of `options` and `secrets` with a sentence each, for the admin and for `setup`
    option_help: ClassVar[Mapping[str, str]] = {}
    secret_help: ClassVar[Mapping[str, str]] = {}
    #: the longest text that one send may carry, in characters
    max_characters: ClassVar[int] = 1600
    #: how many pictures and the like one text may carry; 0: none
    most_media: ClassVar[int] = 0
    #: how many bytes they may have together; 0: not known
    most_media_bytes: ClassVar[int] = 0
    #: from numbers of which countries (ISO 3166) they go, and to phones of the same group; empty: everywhere
    media_countries: ClassVar[Sequence[frozenset[str]]] = ()
    #: whether a text may come from a name, such as ACME, which nobody can answer
    sender_names: ClassVar[bool] = False
    #: which currency the prices of answers and receipts are in, where those do not say
    currency: ClassVar[str] = ""
    #: whether each segment of a text has receipts of its own, which tell the price of that segment
    part_receipts: ClassVar[bool] = False

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
    def callback_query(self, kind: str) -> str:
        """What the URL of the `inbound` or `status` webhook carries behind its question mark, and `verify` looks for.

        It may hold a secret: only the vendor, and who may change the account, is given it.
        """
        return ""

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

    def media_request(self, url: str) -> Request | None:
        """What fetches a picture that came in, with the account's credentials; None where the link is open to all.

        Raises ValueError for a URL that is not at the vendor: credentials go nowhere else.
        """
        return None

    def inbound_reply(self) -> Reply:
        """What the vendor wants to hear when an inbound text was stored."""
        return Reply()

    def receipt_reply(self) -> Reply:
        """What the vendor wants to hear when delivery receipts were taken."""
        return Reply()
