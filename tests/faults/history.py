"""What was seen from outside in one run. All moments are seconds since the epoch, by the clock of this machine.

`begun` is when the first byte of a delivery was sent for the first time, `acked` when the first 2xx had come, None
when none ever came.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Message:
    """A message as the platform delivered it. `stamp` is when it was written; it is due `delay` after that."""

    token: int
    key: str
    conversation: str
    sender: str
    recipients: tuple[str, ...]
    stamp: float
    begun: float
    acked: float | None = None
    probe: bool = False


@dataclass(slots=True)
class Withdrawal:
    """Why a message is not to be told any more: read, deleted or left. `user` is empty when it counts for all."""

    token: int
    user: str
    why: str
    begun: float
    acked: float | None = None


@dataclass(slots=True)
class Call:
    """One send at the vendor. `accepted`: the text went to the phone. `answered` is None when the caller was gone.

    `told` is what the caller could know from the answer: accepted, refused, later (certainly not accepted), or open.
    """

    at: float
    reference: str
    number: str
    phone: str
    text: str
    tokens: tuple[int, ...]
    fault: str
    accepted: bool
    told: str = "accepted"
    answered: float | None = None


@dataclass(slots=True)
class Reply:
    """A text from a phone to a number, and where it belongs by what the phone was told before."""

    id: str
    phone: str
    number: str
    conversation: str
    user: str
    text: str
    begun: float
    acked: float | None = None


@dataclass(slots=True)
class Post:
    """One call to post. `accepted`: it became a message; a key that is known already makes none."""

    at: float
    conversation: str
    author: str
    text: str
    key: str
    fault: str
    accepted: bool


@dataclass(slots=True)
class Mark:
    """The platform was told that a user has read a message (its key)."""

    at: float
    user: str
    message: str


@dataclass(slots=True)
class Receipt:
    """A genuine delivery receipt for a text."""

    reference: str
    status: str
    begun: float
    acked: float | None = None


@dataclass(slots=True)
class Forgery:
    """A call without a valid signature. `subject` is the token, reference or marker it is about."""

    kind: str
    subject: str
    at: float
    status: int


@dataclass(slots=True)
class Blow:
    """One act of the nemesis, from its beginning until what it hit was let go, or was started, again."""

    kind: str
    at: float
    until: float


@dataclass(frozen=True, slots=True)
class NoticeRow:
    message: str
    user: str
    state: str
    reason: str
    sms: str
    attempts: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class SmsRow:
    reference: str
    state: str
    reason: str
    phone: str


@dataclass(frozen=True, slots=True)
class InboundRow:
    id: str
    text: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class LeaseRow:
    phone: str
    number: str
    conversation: str
    user: str
    live: bool


@dataclass(slots=True)
class Rows:
    """One look at the database when all is over: what an operator can see."""

    notices: list[NoticeRow] = field(default_factory=list)
    sms: list[SmsRow] = field(default_factory=list)
    inbound: list[InboundRow] = field(default_factory=list)
    leases: list[LeaseRow] = field(default_factory=list)
    pending: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class History:
    """Everything that the judge is given."""

    delay: float
    phones: dict[str, str]  # user: phone without plus, empty for none
    messages: dict[int, Message] = field(default_factory=dict)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    replies: dict[str, Reply] = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    forgeries: list[Forgery] = field(default_factory=list)
    blows: list[Blow] = field(default_factory=list)
    platform_faults: dict[str, int] = field(default_factory=dict)
    calm: float = 0.0  # when the last fault was over
    rows: Rows = field(default_factory=Rows)
    ended: dict[str, int] = field(default_factory=dict)  # processes that ended by themselves

    def due(self, message: Message) -> float:
        """Before this moment a text about it is early, whatever happened to its delivery."""
        return max(message.stamp + self.delay, message.begun)

    def store(self, path: Path) -> None:
        """As JSON, to look into."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=0))


def load(path: Path) -> History:
    """A history that was stored, to be judged again."""
    told = json.loads(path.read_text())
    rows = {name: _made(kind, told["rows"][name]) for name, kind in _ROWS.items()}
    lists = {name: _made(kind, told[name]) for name, kind in _LISTS.items()}
    made: dict[str, Any] = {
        "messages": {message.token: message for message in _made(Message, told["messages"].values())},
        "replies": {reply.id: reply for reply in _made(Reply, told["replies"].values())},
        "rows": Rows(**rows, pending=told["rows"]["pending"]),
    }
    return History(**{**told, **lists, **made})


_ROWS = {"notices": NoticeRow, "sms": SmsRow, "inbound": InboundRow, "leases": LeaseRow}
_LISTS = {
    "withdrawals": Withdrawal,
    "calls": Call,
    "posts": Post,
    "marks": Mark,
    "receipts": Receipt,
    "forgeries": Forgery,
    "blows": Blow,
}


def _made(kind: Callable[..., T], told: Iterable[dict[str, Any]]) -> list[T]:
    """JSON has no tuples."""
    return [kind(**{n: tuple(v) if isinstance(v, list) else v for n, v in one.items()}) for one in told]
