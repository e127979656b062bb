"""Looking up texts of which nobody knows whether the vendor accepted them, where the vendor can be asked.

Found: its state is what the vendor says, as by a delivery receipt. Not known to a vendor that would know by now: it was
certainly not accepted, and is sent again. No answer that tells: asked again, less and less often for a day; then it
stays uncertain for an operator. A receipt that comes meanwhile wins: each write tests that the text is still uncertain.
"""

import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DataError, IntegrityError, transaction

from notifier.runner import Step
from notifier.sql import Ids, fetch, moment, run, uuid_of
from notifier.transport import Exchange
from notifier.wire import Answer
from smsbridge.services import settling, unsettled
from smsbridge.services.accounts import LiveAccount, live_accounts, live_numbers
from smsbridge.vendors.abilities import Finder
from smsbridge.vendors.base import AskAgain, DeliveryReceipt, Finding, Found, LostSms, NotFound

log = logging.getLogger(__name__)

STAGE = "reconcile"
#: seconds until the next look-up after the first, the second and so on: a day in all
WAITS = (30.0, 120.0, 600.0, 1800.0, 2 * 3600.0, 6 * 3600.0, 12 * 3600.0)
MOST_LOOKUPS = len(WAITS) + 1
#: what became uncertain so long ago is an operator's: a vendor's list may not go back further
OLDEST = timedelta(days=3)
_BATCH = 16
_SOON = 1.0
_A_DAY = 24 * 3600.0

_GIVEN_UP = "The vendor did not tell what became of it: compare with its log, then send it again or close it."


@dataclass(frozen=True, slots=True)
class Sought:
    """An uncertain text that is being looked up. `age` is for how long it has been uncertain, in seconds."""

    id: uuid.UUID
    account: LiveAccount
    vendor: Finder
    lookups: int
    attempts: int
    age: float
    sms: LostSms


class Reconciler:
    """The reconcile stage: one per process, as it keeps connections to the vendors."""

    def __init__(self) -> None:
        self._exchange: Exchange[Sought] | None = None

    def step(self) -> Step:
        """Look up a batch of uncertain texts: few at a time, since after an outage there may be very many."""
        _leave_alone(_able())
        claimed = claim(_BATCH)
        exchange = self._opened()
        try:
            for sought in claimed:
                _start(exchange, sought)
            while exchange.in_flight:
                for sought, answer in exchange.finished(_SOON):
                    write(sought, _finding(sought, answer))
        except BaseException:
            exchange.close()  # what is still in flight must not come back among the answers of the next batch
            raise
        return Step(done=len(claimed), more=len(claimed) == _BATCH)

    def _opened(self) -> Exchange[Sought]:
        if self._exchange is None:
            self._exchange = Exchange(connections=_BATCH, timeout=settings.HTTP_TIMEOUT_SECONDS)
        return self._exchange


def _able() -> dict[int, tuple[LiveAccount, Finder]]:
    accounts = live_accounts().items()
    return {id_: (one, one.vendor) for id_, one in accounts if isinstance(one.vendor, Finder) and not one.problem}


def _leave_alone(able: Collection[int]) -> None:
    """Texts that cannot be looked up, or became uncertain long ago, are not thought of again for a day."""
    run(
        "update smsbridge_outboundsms set next_at = {now+day} where state = 'uncertain' and next_at <= {now}"
        " and (not (account_id {in:able}) or coalesce(settled_at, created_at) < {now+oldest})",
        able=Ids("bigint", sorted(able)),
        day=_A_DAY,
        oldest=-OLDEST.total_seconds(),
    )


def claim(limit: int) -> list[Sought]:
    """Uncertain texts that are due to be looked up; others leave them alone for as long as the call may take.

    Those from a number that was added a moment ago wait until this process knows it.
    """
    able, numbers = _able(), live_numbers()
    with transaction.atomic():
        rows = fetch(
            "update smsbridge_outboundsms set lookups = lookups + 1, next_at = {now+lasts} where id in"
            " (select s.id from smsbridge_outboundsms s where s.state = 'uncertain' and s.lookups < %(most)s"
            "   and s.next_at <= {now} and s.account_id {in:able} and s.number_id {in:numbers}"
            "   order by s.next_at limit %(limit)s {lock:s})"
            " returning id, account_id, number_id, lookups, attempts, vendor_id, phone, text, created_at,"
            " coalesce(settled_at, created_at), {now}",
            able=Ids("bigint", sorted(able)),
            numbers=Ids("bigint", sorted(numbers)),
            most=MOST_LOOKUPS,
            limit=limit,
            lasts=settings.CLAIM_SECONDS + settings.HTTP_TIMEOUT_SECONDS,
        )
        return [_sought(*able[row[1]], numbers[row[2]].e164, row) for row in rows]


def _sought(account: LiveAccount, vendor: Finder, sender: str, row: tuple[Any, ...]) -> Sought:
    id_, _, _, lookups, attempts, vendor_id, phone, text, created_at, since, now = row
    sms = LostSms(
        reference=uuid_of(id_).hex,
        vendor_id=vendor_id or "",
        sender=sender,
        recipient=phone,
        text=text,
        since=moment(created_at),
    )
    return Sought(uuid_of(id_), account, vendor, lookups, attempts, (moment(now) - moment(since)).total_seconds(), sms)


def _start(exchange: Exchange[Sought], sought: Sought) -> None:
    try:
        exchange.start(sought, sought.vendor.find_request(sought.sms))
    except Exception as error:  # an adapter's mistake costs this look-up, not those that were claimed with it
        write(sought, AskAgain(f"asking raised {type(error).__name__}"))


def _finding(sought: Sought, answer: Answer) -> Finding:
    try:
        return sought.vendor.found(sought.sms, answer)
    except Exception as error:  # as above
        return AskAgain(f"reading the answer raised {type(error).__name__}")


def write(sought: Sought, finding: Finding) -> None:
    """Store what came of a look-up."""
    left = _take_over(sought, finding) if isinstance(finding, Found) else finding
    if isinstance(left, NotFound):
        _not_found(sought)
    elif isinstance(left, AskAgain):
        _ask_again(sought, left)


def _take_over(sought: Sought, found: Found) -> NotFound | AskAgain | None:
    """The first that is not known to be another text; when all are, ours is not among them.

    But a look-up that took one of them for another text may have been wrong: only an answer or a receipt is proof.
    """
    try:
        with transaction.atomic():
            others = _others(sought, found.receipts)
            receipt = next((one for one in found.receipts if one.vendor_id not in others), None)
            if receipt is not None:
                settling.take_over(sought.account, [(sought.id, receipt)], by=settling.LOOK_UP)
                return None
            return (
                AskAgain("another text with these words was looked up too") if any(others.values()) else found.otherwise
            )
    except (IntegrityError, DataError) as error:  # such as an id that turned out to be another text's meanwhile
        return AskAgain(f"storing what was found raised {type(error).__name__}")


def _others(sought: Sought, receipts: Sequence[DeliveryReceipt]) -> dict[str, bool]:
    """The ids that other texts have, each with whether a look-up gave it to them."""
    rows = fetch(
        "select vendor_id, vendor_id_guessed from smsbridge_outboundsms"
        " where account_id = %(account)s and vendor_id {in:ids} and id <> %(id)s",
        account=sought.account.id,
        ids=Ids("text", [receipt.vendor_id for receipt in receipts]),
        id=sought.id,
    )
    return {vendor_id: bool(guessed) for vendor_id, guessed in rows}


def _not_found(sought: Sought) -> None:
    """Only once the vendor would know it by now; until then it may still be on its way there."""
    left = sought.vendor.find_grace - sought.age
    if left > 0:
        _ask_again(sought, AskAgain("not known yet", left + _SOON))
        return
    state = unsettled.not_accepted(sought.id, sought.lookups, sought.attempts)
    if state:
        log.info("SMS %s was not accepted by %s, and is %s.", sought.id, sought.account.slug, state)


def _ask_again(sought: Sought, finding: AskAgain) -> None:
    last = sought.lookups >= MOST_LOOKUPS
    wait = max(WAITS[min(sought.lookups, len(WAITS)) - 1], finding.after or 0.0)
    unsettled.put_off(sought.id, sought.lookups, min(wait, _A_DAY), _GIVEN_UP if last else "")
    if last:
        log.warning("SMS %s stays uncertain after %s look-ups: %s.", sought.id, sought.lookups, finding.reason)
