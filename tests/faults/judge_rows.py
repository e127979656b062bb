"""Rows that an operator has to see to: each must have a cause that was made in the run."""

from collections import Counter, defaultdict

from tests.faults.history import Call, History, SmsRow
from tests.faults.options import HTTP_TIMEOUT_SECONDS, SEND_WINDOW, SENDING_SECONDS
from tests.faults.verdict import Invariant, Verdict

VISIBLE = ("dead", "uncertain")
#: blows after which the answer to a send may be lost to the program, or the send may never have been made
CUTTING = ("kill worker", "freeze worker", "kill postgres", "restart all")
MANY_TRIES = 5  # after which a text may be given up
READ_WITHIN = 1.0  # seconds from the caller's writing to our reading: a dead one's call may still be on its way
WRITTEN_WITHIN = 2.0  # seconds from the vendor's answer to its commit, on a busy machine


def judge_rows(history: History, verdict: Verdict) -> None:
    """The rest of invariant 1, and how many rows of which kind there are."""
    by_reference: dict[str, list[Call]] = defaultdict(list)
    for call in history.calls:
        by_reference[call.reference].append(call)
    cuts = [blow for blow in history.blows if blow.kind in CUTTING]
    never_called = 0
    for row in history.rows.sms:
        if row.state in VISIBLE and row.reference not in by_reference:
            never_called += 1
        elif row.state in VISIBLE and not _explained(history, by_reference[row.reference], row):
            verdict.broken(Invariant.ONCE, f"text {row.reference} is {row.state} without a cause: {row.reason}")
    if never_called > len(cuts) * SEND_WINDOW:
        words = f"{never_called} texts were given up without a call; {len(cuts)} blows explain"
        verdict.broken(Invariant.ONCE, f"{words} {len(cuts) * SEND_WINDOW} at most")
    states = Counter(row.state for row in history.rows.sms)
    told = Counter(call.told for call in history.calls)
    left_open = {call.reference for call in history.calls if call.told == "open"}
    verdict.figures |= {
        "dead": states["dead"],
        "uncertain": states["uncertain"],
        "injected: final refusals": told["refused"],
        "injected: answers that leave it open": told["open"],
        "injected: to be tried again": told["later"],
        "settled by a receipt": _settled(history, left_open),
        "sends cut off by a blow": sum(call.answered is None and not call.fault for call in history.calls),
        "given up without a call": never_called,
    }


def _settled(history: History, references: set[str]) -> int:
    return sum(row.state in ("delivered", "undelivered") for row in history.rows.sms if row.reference in references)


def _explained(history: History, calls: list[Call], row: SmsRow) -> bool:
    """Whether what was done here leaves a text no other end than this row's."""
    if row.state == "dead":  # refused for good, or put off again and again
        return calls[-1].told == "refused" or sum(call.told == "later" for call in calls) >= MANY_TRIES
    return any(call.told == "open" or _was_slow(call) or _was_cut(history, call) for call in calls)


def _was_cut(history: History, call: Call) -> bool:
    """A blow fell while the call or the writing of its answer went on."""
    return any(_during(blow.at, blow.until, call) for blow in history.blows if blow.kind in CUTTING)


def _was_slow(call: Call) -> bool:
    """So busy was the machine that the caller may have given up."""
    return call.answered is not None and call.answered - call.at > HTTP_TIMEOUT_SECONDS / 2


def _during(begin: float, end: float, call: Call) -> bool:
    return begin < (call.answered or call.at + SENDING_SECONDS) + WRITTEN_WITHIN and end > call.at - READ_WITHIN
