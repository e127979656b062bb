"""A history made by hand, for the judge's own tests."""

from tests.faults.history import (
    Call,
    Forgery,
    History,
    InboundRow,
    LeaseRow,
    Mark,
    Message,
    NoticeRow,
    Post,
    Reply,
    SmsRow,
    Withdrawal,
)

BEN, CARLA, DORA = "12022000001", "12022000002", ""
NUMBER, OTHER_NUMBER = "12025550001", "12025550002"
BEGIN, DELAY = 1000.0, 3.0
DUE = BEGIN + DELAY


def message(token: int = 1, *, conversation: str = "c1", recipients: tuple[str, ...] = ("ben",)) -> Message:
    return Message(token, f"m{token}", conversation, "ann", recipients, BEGIN, BEGIN + 0.1, BEGIN + 0.2)


def text(token: int = 1, *, at: float = DUE + 0.1, phone: str = BEN, number: str = NUMBER, fault: str = "") -> Call:
    return Call(at, f"r{token}", number, phone, f"Ann: {token}", (token,), fault, accepted=True, answered=at + 0.01)


def row(token: int = 1, *, state: str = "sent", reason: str = "") -> SmsRow:
    return SmsRow(f"r{token}", state, reason, BEN)


def reply() -> Reply:
    return Reply("in1", BEN, NUMBER, "c1", "ben", "Yes & no", DUE + 1, DUE + 1.1)


def post(*, key: str = "k1", accepted: bool = True) -> Post:
    return Post(DUE + 1.2, "c1", "ben", "Yes & no", key, "", accepted)


def clean() -> History:
    """Ann writes to Ben, Carla, who has read it in time, and Dora, who has no phone; Ben answers; a stranger knocks."""
    history = History(DELAY, {"ann": "12022000009", "ben": BEN, "carla": CARLA, "dora": DORA})
    history.messages = {1: message(recipients=("ben", "carla", "dora"))}
    history.withdrawals = [Withdrawal(1, "carla", "read", BEGIN + 1, BEGIN + 1.1)]
    history.calls = [text()]
    history.replies = {"in1": reply()}
    history.posts = [post()]
    history.marks = [Mark(DUE + 1.3, "ben", "m1")]
    history.forgeries = [Forgery("message", "8000000", DUE, 403), Forgery("text", "forged", DUE, 403)]
    history.calm = DUE
    history.rows.notices = [
        NoticeRow("m1", "ben", "in_sms", "", "r1"),
        NoticeRow("m1", "dora", "skipped", "no phone", ""),
    ]
    history.rows.sms = [row()]
    history.rows.inbound = [InboundRow("in1", "Yes & no", "posted", "")]
    history.rows.leases = [LeaseRow(BEN, NUMBER, "c1", "ben", live=True)]
    return history
