"""What travels between the services and a vendor's adapter, as plain values: texts, outcomes, receipts, facts.

Phones and numbers are E.164 with plus throughout. Nothing here does any input or output.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum


class ErrorKind(StrEnum):
    """Who or what an error is about, and so what we do after it."""

    RECIPIENT = "recipient"  # this number or this text, for good: do not try again
    ACCOUNT = "account"  # credit, credentials, configuration: not accepted; try later, tell the operator
    TEMPORARY = "temporary"  # not accepted; try later
    OPTED_OUT = "opted out"  # the recipient does not want texts: do not try again, remember it
    UNKNOWN = "unknown"


class PhoneStatus(IntEnum):
    """Whether a phone can be texted; the values are those of Spoke's contact look-up. Below zero: it cannot."""

    TEXTABLE = 1
    UNKNOWN = 0
    LANDLINE = -1
    NOT_IN_SERVICE = -2
    WRONG_COUNTRY = -3
    NOT_KNOWN = -4  # the vendor knows no such number


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneFacts:
    """What is known of a phone: by a look-up, or by what a delivery receipt says beside the state.

    `line_type` is the vendor's own word, such as mobile, landline or voip; `country` is ISO 3166. Empty: not told.
    """

    status: PhoneStatus
    line_type: str = ""
    carrier: str = ""
    country: str = ""
    code: str = ""  # the vendor's code, where the answer was an error


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """A vendor's error code in words. `link` is the vendor's own page about it.

    `some_only`: of kind ACCOUNT, yet only for some texts, such as those to one country: the others need not wait.
    `proves`: what it says of the phone for good, such as that it is a landline; UNKNOWN: nothing.
    `about_media`: what goes along is the cause, and the same words without it may well pass.
    """

    code: str
    text: str
    link: str
    kind: ErrorKind
    some_only: bool = False
    proves: PhoneStatus = PhoneStatus.UNKNOWN
    about_media: bool = False


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
    """One text to send. `sender` is one of our numbers, or a sender name at a vendor with `sender_names`.

    `reference` is ours, 32 hexadecimal digits, echoed in receipts where a vendor can, else to be put into `status_url`.
    `media` are URLs of pictures and the like, at most the vendor's `most_media`; `media_types` are their MIME types,
    where they are known.
    """

    sender: str
    recipient: str
    text: str
    reference: str
    unicode: bool
    status_url: str = ""
    media: Sequence[str] = ()
    media_types: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundPart:
    """Where a text belongs that a phone sent in several parts (`number` counts from 1)."""

    reference: str
    number: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundText:
    """One text (or one part of one) that came in. `media` are URLs of what came with it.

    `meaning` is what the vendor itself took it for, and has answered: stop, start or help; else empty.
    """

    vendor_id: str
    sender: str
    recipient: str
    text: str
    at: datetime | None = None
    media: Sequence[str] = ()
    part: InboundPart | None = None
    meaning: str = ""


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
    price: Decimal | None = None  # of the whole text, or of the part that it is about
    currency: str = ""
    segments: int | None = None
    facts: PhoneFacts | None = None


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
class NotFound:
    """The vendor answered, and does not know the text."""


@dataclass(frozen=True, slots=True)
class AskAgain:
    """No answer that tells. `after` is how long the vendor wants to be left alone, in seconds."""

    reason: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The vendor has the text, and says of it what a delivery receipt would.

    A vendor that keeps no reference of ours gives, with no reference in them, the texts that have its words, the
    likeliest first; of those, the ones known to be other texts are left out. `otherwise` is what is known if all of
    them are: NotFound only if nothing else at the vendor may be the text.
    """

    receipts: Sequence[DeliveryReceipt]
    otherwise: NotFound | AskAgain = AskAgain("what the vendor has may be another text")


Finding = Found | NotFound | AskAgain


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
