"""What became of texts, counted a batch at a time: which account, which outcome, and a class of reasons.

The reason is one of few words, never the vendor's own: `ErrorKind`, or those below.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from notifier.counters import CLAIMS_EXPIRED
from notifier.sql import seconds_between, uuid_of
from smsbridge.counters import LATENESS, NOTICES_ENDED, RECEIPTS, REPLIES, SEGMENTS, TEXTS
from smsbridge.models import OutboundSms
from smsbridge.services.accounts import live_accounts
from smsbridge.vendors.base import ErrorInfo, OutcomeKind

if TYPE_CHECKING:
    from smsbridge.services.outcomes import Result

#: the reasons that stand in withdrawn rows, in a word
_WITHDRAWN = {
    "The phone opted out.": "opted out",
    "A message in it was read, edited, deleted or left behind.": "changed",
    "It could not be sent in time.": "too old",
    "Its number no longer stands for this conversation.": "number moved",
    "Its pictures can no longer be fetched.": "pictures gone",
    "The introduction before it did not arrive.": "introduction lost",
    "Its account does not send: others take over.": "failover",
    "It waited, so the platform is asked once more.": "asked again",
}
_NO_ERROR = {OutcomeKind.THROTTLED: "throttled", OutcomeKind.UNCERTAIN: "unclear answer", OutcomeKind.REFUSED: "other"}


def handed_over(results: Sequence["Result"], written: Sequence[tuple[Any, ...]]) -> None:
    """Outcomes that were stored: (id, state, segments, due_at, now). In the transaction that stores them."""
    by_id = {result.flight.id: result for result in results}
    texts: Counter[tuple[str, ...]] = Counter()
    segments: Counter[tuple[str, ...]] = Counter()
    late: list[float] = []
    for id_, state, length, due_at, now in written:
        result = by_id[uuid_of(id_)]
        account = result.flight.account.slug
        texts[account, "retried" if state == "ready" else state, _reason(result, state)] += 1
        if state == "sent":
            segments[(account,)] += length
            late.append(seconds_between(due_at, now))
    TEXTS.add_all_on_commit(texts)
    SEGMENTS.add_all_on_commit(segments)
    LATENESS.observe_on_commit(late)


def _reason(result: "Result", state: str) -> str:
    if state == "sent":
        return ""
    if result.withdrawn:
        return "dry run"
    if not result.called:
        return "not called"
    error = result.outcome.error
    return error.kind.value if error else _NO_ERROR.get(result.outcome.kind, "other")


def settled(account: str, moved: Iterable[tuple[str, ErrorInfo | None]]) -> None:
    """Texts that a vendor's later word moved to a state: (state, error)."""
    undelivered = OutboundSms.State.UNDELIVERED
    TEXTS.add_all_on_commit(
        Counter((account, state, error.kind.value if error and state == undelivered else "") for state, error in moved)
    )


def withdrawn(sentence: str, why: str, accounts: Iterable[int]) -> None:
    """Ready texts that were taken back; the primary key of the account of each.

    `sentence` stands in their rows and may tell figures; `why` is a word for it, if the caller has one.
    """
    _changed("withdrawn", _WITHDRAWN.get(sentence) or why or "other", accounts)


def lost(accounts: Sequence[int]) -> None:
    """Texts whose worker vanished while it sent them; the primary key of the account of each."""
    _changed("uncertain", "worker lost", accounts)
    CLAIMS_EXPIRED.add_on_commit("send", by=len(accounts))


def _changed(outcome: str, reason: str, accounts: Iterable[int]) -> None:
    known = live_accounts()
    slugs = (known[account].slug if account in known else "unknown" for account in accounts)
    TEXTS.add_all_on_commit(Counter((slug, outcome, reason) for slug in slugs))


def ended(reasons: Iterable[str]) -> None:
    """Notices that ended without an SMS, by their reasons."""
    NOTICES_ENDED.add_all_on_commit(Counter((reason,) for reason in reasons))


def receipts(account: str, came: int, moved: int) -> None:
    """Delivery receipts of a call, and how many texts they moved."""
    RECEIPTS.add_on_commit(account, "settled", by=moved)
    RECEIPTS.add_on_commit(account, "nothing_new", by=max(came - moved, 0))


def filed(states: Iterable[str]) -> None:
    """What became of texts that came in, by their states."""
    REPLIES.add_all_on_commit(Counter(("retried" if state == "waiting" else state,) for state in states))
