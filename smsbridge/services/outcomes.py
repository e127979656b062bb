"""What became of a send, written in batches. Each write is fenced by the claim, so a late one changes nothing."""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import DataError, IntegrityError, transaction

from notifier import trail
from notifier.backoff import MAX_ATTEMPTS, backoff
from notifier.sql import Rows, fetch, later, uuid_of
from notifier.texts import clean_text
from smsbridge.models import OutboundSms
from smsbridge.services import caps, consent, counting, history, money, notices, phone_proofs, withdrawing
from smsbridge.services.accounts import LiveAccount, live_bridges
from smsbridge.vendors.base import ErrorInfo, ErrorKind, Outcome, OutcomeKind, OutgoingSms

log = logging.getLogger(__name__)

_MOST_PRICE = 99_999
_IN_WORDS = "Its pictures were refused: it is told in words."

State = OutboundSms.State

#: what a value of a vendor's that has no place in the database, or in Python's arithmetic, ends in
_ODD = (IntegrityError, DataError, ArithmeticError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Flight:
    """A text in state `sending`, with all that the call needs. `claimed_at` is the monotonic clock of this process.

    `probe`: the account's breaker is open, and this one finds out whether texts go again.
    """

    id: uuid.UUID
    claim: uuid.UUID
    account: LiveAccount
    attempts: int
    sms: OutgoingSms
    claimed_at: float
    dry_run: bool = False
    probe: bool = False
    bridge: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A flight's end. `withdrawn`, with the reason, and not `called`: the vendor never heard of it.

    `unmade`: nor can it, as the adapter could make no request of it.
    """

    flight: Flight
    outcome: Outcome
    withdrawn: str = ""
    called: bool = True
    unmade: bool = False


@dataclass(frozen=True, slots=True)
class _Verdict:
    """A result as the row will say it. `wait` counts only for READY."""

    state: State
    reason: str
    wait: float = 0.0


def dry_run(flight: Flight) -> Result:
    return Result(
        flight, Outcome(kind=OutcomeKind.REFUSED), withdrawn="Dry run: everything but the call to the vendor."
    )


def impossible(flight: Flight, error: Exception) -> Result:
    """The adapter could not make a request of it; nothing was sent."""
    log.error("SMS %s cannot be sent by %s: %s", flight.id, flight.account.slug, type(error).__name__)
    # The words of a ValueError are the adapter's own; another one's may hold phone numbers and texts.
    reason = str(error) if isinstance(error, ValueError) else f"The adapter raised {type(error).__name__}."
    return Result(flight, Outcome(kind=OutcomeKind.REFUSED, reason=reason), unmade=True)


def not_called(flight: Flight, reason: str) -> Result:
    """The vendor was not called after all: certainly not sent, and tried again later."""
    log.warning("SMS %s is tried later: %s", flight.id, reason)
    return Result(flight, Outcome(kind=OutcomeKind.THROTTLED, reason=reason), called=False)


def unreadable(flight: Flight, error: Exception) -> Result:
    """The adapter failed on the vendor's answer: perhaps sent."""
    log.error("SMS %s: reading the answer of %s raised %s", flight.id, flight.account.slug, type(error).__name__)
    reason = f"The adapter raised {type(error).__name__} on the vendor's answer."
    return Result(flight, Outcome(kind=OutcomeKind.UNCERTAIN, reason=reason))


def write(results: Sequence[Result]) -> None:
    """Store what became of each. One row that the database refuses does not take the others with it."""
    try:
        with transaction.atomic():
            _write(results)
    except _ODD:
        for result in results:
            _write_one(result)


def _write_one(result: Result) -> None:
    """With as much of the outcome as can be stored; its state is what counts."""
    for kept in (result, _without_id(result), _bare(result)):
        try:
            with transaction.atomic():
                _write([kept])
            return
        except _ODD as error:  # such as an id that the vendor gave before: the text was sent all the same
            words = "the vendor's id is already taken" if isinstance(error, IntegrityError) else type(error).__name__
            log.warning("SMS %s: not all of its outcome can be stored (%s).", result.flight.id, words)
    log.error("SMS %s: nothing of its outcome can be stored; it will count as uncertain.", result.flight.id)


def _without_id(result: Result) -> Result:
    return replace(result, outcome=replace(result.outcome, vendor_id=None))


def _bare(result: Result) -> Result:
    """What the outcome means, without a word or figure of the vendor's."""
    error = result.outcome.error
    kept = ErrorInfo(code="", text="", link="", kind=error.kind, about_media=error.about_media) if error else None
    reason = "The vendor's answer holds something that cannot be stored."
    return replace(result, outcome=Outcome(kind=result.outcome.kind, error=kept, reason=reason))


_COLUMNS = {
    "id": "uuid",
    "claim": "uuid",
    "state": "text",
    "vendor_id": "text",
    "reason": "text",
    "code": "text",
    "wait": "double precision",
    "price": "numeric",
    "currency": "text",
    "segments": "smallint",
    "entry": "text",
}


def _write(results: Sequence[Result]) -> None:
    verdicts = [(result, _verdict(result)) for result in results]
    rows = [_row(result, verdict) for result, verdict in verdicts]
    written = fetch(
        "update smsbridge_outboundsms set state = new.state,"
        " vendor_id = coalesce(new.vendor_id, smsbridge_outboundsms.vendor_id),"
        " reason = new.reason, code = new.code, price = coalesce(new.price, smsbridge_outboundsms.price),"
        " currency = case when new.price is null then smsbridge_outboundsms.currency else new.currency end,"
        " segments = coalesce(new.segments, smsbridge_outboundsms.segments),"
        f" next_at = {later('new.wait')},"
        " sent_at = case when new.state = 'sent' then {now} else sent_at end,"
        " settled_at = case when new.state in ('dead', 'uncertain', 'withdrawn') then {now} else null end,"
        f" log = {history.appended('new.entry')}"
        " from {rows:new} where smsbridge_outboundsms.id = new.id and smsbridge_outboundsms.claim = new.claim"
        " and smsbridge_outboundsms.state in ('sending', 'uncertain')"
        " returning smsbridge_outboundsms.id, smsbridge_outboundsms.state, smsbridge_outboundsms.trace,"
        " smsbridge_outboundsms.segments, smsbridge_outboundsms.due_at, {now}",
        new=Rows(_COLUMNS, sorted(rows, key=lambda row: row[0])),
    )
    ends = [(state, trail.name(trace, uuid_of(id_).hex)) for id_, state, trace, *_ in written]
    trail.note_by("state", "handed over", ends)
    counting.handed_over(results, [(id_, state, *rest) for id_, state, _, *rest in written])
    failed = [uuid_of(id_) for id_, state, *_ in written if state in (State.DEAD, State.UNCERTAIN, State.WITHDRAWN)]
    without = {result.flight.id for result in results if _asks_for_words(result)}
    if without:
        _tell_in_words([id_ for id_ in failed if id_ in without])
    withdrawing.introduce_again(failed)
    _remember_refusals([result for result, _ in verdicts])


def _tell_in_words(ids: Sequence[uuid.UUID]) -> None:
    notices.in_words(ids)
    notices.of_withdrawn(ids, _IN_WORDS)
    caps.uncount(ids)


def _row(result: Result, verdict: _Verdict) -> tuple[Any, ...]:
    outcome = result.outcome
    return (
        result.flight.id,
        result.flight.claim,
        verdict.state.value,
        outcome.vendor_id,
        verdict.reason,
        outcome.error.code[:40] if outcome.error else "",
        float(verdict.wait),  # an array of whole and other numbers is none for Postgres
        *money.told(result.flight.account, outcome.price, outcome.currency),
        money.parts(outcome.segments),
        _entry(result, verdict),
    )


def _entry(result: Result, verdict: _Verdict) -> str | None:
    """What is worth keeping beside the columns: every way but the plain one."""
    if verdict.state is State.SENT and result.flight.attempts == 1:
        return None
    return history.entry(verdict.state.value, verdict.reason)


def _verdict(result: Result) -> _Verdict:
    outcome, flight = result.outcome, result.flight
    if result.withdrawn:
        return _Verdict(State.WITHDRAWN, result.withdrawn)
    reason = clean_text(outcome.reason or (outcome.error.text if outcome.error else ""))
    if outcome.kind is OutcomeKind.SENT:
        return _Verdict(State.SENT, clean_text(outcome.reason))
    if outcome.kind is OutcomeKind.UNCERTAIN:
        return _Verdict(State.UNCERTAIN, reason or "The vendor's answer does not tell whether it was accepted.")
    if _asks_for_words(result):
        return _Verdict(State.WITHDRAWN, f"{_IN_WORDS} {reason}".strip())
    if outcome.kind is OutcomeKind.REFUSED and not _may_pass(outcome):
        return _Verdict(State.DEAD, reason or "The vendor refused it.")
    if result.called and flight.attempts >= MAX_ATTEMPTS and not _others_may(flight):
        return _Verdict(State.DEAD, f"Given up after {flight.attempts} tries: {reason}")
    return _Verdict(State.READY, reason, backoff(flight.attempts, outcome.retry_after))


def _others_may(flight: Flight) -> bool:
    """Another account may take over before it is too old: then it is not given up for the tries of this one."""
    bridge = live_bridges().get(flight.bridge) if flight.bridge is not None else None
    return bridge is not None and bridge.lineup.may_take_over(flight.account.id)


def _asks_for_words(result: Result) -> bool:
    """Refused for what goes along, so it was certainly not accepted; the same without it may well be."""
    outcome = result.outcome
    if not result.flight.sms.media or result.withdrawn or outcome.kind is not OutcomeKind.REFUSED:
        return False
    return result.unmade or (outcome.error is not None and outcome.error.about_media)


def _may_pass(outcome: Outcome) -> bool:
    """Refused because of the account or for the moment: certainly not accepted, and worth another try."""
    return outcome.error is not None and outcome.error.kind in (ErrorKind.ACCOUNT, ErrorKind.TEMPORARY)


def _remember_refusals(results: Sequence[Result]) -> None:
    """A vendor that refuses because the person opted out, or because of the phone, knows what we did not."""
    told = [(r.flight.sms.recipient, r.flight.account, r.outcome.error) for r in results if r.outcome.error]
    consent.refused(told)
    phone_proofs.refused(told)
