"""Leases: which number stands for which conversation on which phone.

The rules: the conversation's own lease is reused and renewed; else a number that this phone does not hold, the
least recently used first; else one whose lease has expired is taken over; else there is none. Races are settled
by the two unique keys, (phone, number) and (user, conversation): who loses one looks again.
"""

import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from notifier.sql import Ids, Rows, fetch, moment, run

_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Want:
    """A person who is to be texted about a conversation, on a phone (E.164)."""

    conversation: int
    user_id: str
    phone: str

    @property
    def key(self) -> tuple[str, int]:
        return self.user_id, self.conversation


@dataclass(frozen=True, slots=True)
class Grant:
    """The number that stands for the conversation now. `introduced`: a text that said so was sent, or is on its way."""

    lease: int
    number: int
    introduced: bool


Grants = dict[tuple[str, int], Grant]


def allot(wants: Sequence[Want], numbers: Sequence[int], lifetime: timedelta) -> Grants:
    """A grant for each want that can have one, by (user, conversation). Runs inside the caller's transaction.

    `numbers` are primary keys of the pool's active numbers.
    """
    wants = sorted(set(wants), key=lambda want: (want.user_id, want.conversation))
    grants = _renew(wants, numbers, lifetime)
    # Whoever loses a number to another worker looks again, and there are as many to lose as the pool holds.
    for _ in range(len(numbers) + _ROUNDS):
        missing = [want for want in wants if want.key not in grants]
        if not missing or not numbers:
            break
        chosen = _choose(missing, numbers)
        if not chosen:
            break
        try:
            with transaction.atomic():
                grants |= _take(chosen, numbers, lifetime)
        except IntegrityError:  # another worker just linked the same person and conversation: look again
            pass
        grants |= _renew([want for want in missing if want.key not in grants], numbers, lifetime)
    return grants


def _renew(wants: Sequence[Want], numbers: Collection[int], lifetime: timedelta) -> Grants:
    """Renew the conversations' own leases, also expired ones that nobody took over.

    Not those on another phone, or of a number that left the pool: the conversation gets a new link.
    """
    if not wants or not numbers:
        return {}
    rows = fetch(
        "update smsbridge_lease set expires_at = {now+lifetime}, last_used_at = {now}"
        " from {rows:want} where smsbridge_lease.user_id = want.user_id"
        " and smsbridge_lease.conversation_id = want.conversation_id and smsbridge_lease.phone = want.phone"
        " and smsbridge_lease.number_id {in:numbers}"
        " returning smsbridge_lease.user_id, smsbridge_lease.conversation_id, smsbridge_lease.id,"
        # The bare column: in SQLite 3.40, `returning x is not null` of an UPDATE is true for NULL as well.
        " smsbridge_lease.number_id, smsbridge_lease.introduced_by_id",
        lifetime=lifetime.total_seconds(),
        want=_rows(wants),
        numbers=Ids("bigint", list(numbers)),
    )
    return {(user, place): Grant(id_, number, told is not None) for user, place, id_, number, told in rows}


def known(wants: Sequence[Want], numbers: Collection[int]) -> set[tuple[str, int]]:
    """Which of these stand already, on one of these numbers and introduced, by (user, conversation). Locks nothing."""
    rows = fetch(
        "select l.user_id, l.conversation_id from {rows:want} join smsbridge_lease l on l.user_id = want.user_id"
        " and l.conversation_id = want.conversation_id and l.phone = want.phone"
        " where l.introduced_by_id is not null and l.number_id {in:numbers}",
        want=_rows(wants),
        numbers=Ids("bigint", list(numbers)),
    )
    return {(user, conversation) for user, conversation in rows}


def _rows(wants: Sequence[Want]) -> Rows:
    return Rows(
        {"user_id": "text", "conversation_id": "bigint", "phone": "text"},
        [(want.user_id, want.conversation, want.phone) for want in wants],
    )


def _drop(wants: Sequence[Want], numbers: Collection[int]) -> None:
    """A lease on another phone, or of a number that left the pool, makes room for the new link.

    One that fits was made by another worker just now and stays: a text may be on its way from its number.
    """
    run(
        "delete from smsbridge_lease where (user_id, conversation_id)"
        " in (select user_id, conversation_id from {rows:want}) and (not number_id {in:numbers}"
        "  or (user_id, conversation_id, phone) not in (select user_id, conversation_id, phone from {rows:want}))",
        want=_rows(wants),
        numbers=Ids("bigint", list(numbers)),
    )


@dataclass(frozen=True, slots=True)
class _Choice:
    want: Want
    number: int


def _choose(wants: Sequence[Want], numbers: Sequence[int]) -> list[_Choice]:
    """For each want the number that this phone used least recently; none twice for one phone."""
    held = _held({want.phone for want in wants})
    chosen: list[_Choice] = []
    for want in wants:
        mine = held.setdefault(want.phone, {})
        number = _pick(want.phone, numbers, mine)
        if number is not None:
            mine[number] = None
            chosen.append(_Choice(want, number))
    return chosen


def _held(phones: Collection[str]) -> dict[str, dict[int, datetime | None]]:
    """Per phone and number: when it was last used if its lease has expired, None while it is alive."""
    rows = fetch(
        "select phone, number_id, last_used_at, expires_at <= {now} from smsbridge_lease where phone {in:phones}",
        phones=Ids("text", list(phones)),
    )
    held: dict[str, dict[int, datetime | None]] = {}
    for phone, number, last_used_at, expired in rows:
        held.setdefault(phone, {})[number] = moment(last_used_at) if expired else None
    return held


def _pick(phone: str, numbers: Iterable[int], held: dict[int, Any]) -> int | None:
    """Numbers this phone never had come first, in an order of its own, which spreads people over the pool."""
    fresh = [number for number in numbers if number not in held]
    if fresh:
        return min(fresh, key=lambda number: zlib.crc32(f"{phone}/{number}".encode()))
    expired = [number for number in numbers if held[number] is not None]
    return min(expired, key=lambda number: held[number], default=None)


def _take(chosen: Sequence[_Choice], numbers: Collection[int], lifetime: timedelta) -> Grants:
    """Make the links. Who is not returned lost the number to somebody else. Raises IntegrityError on a lost link."""
    _drop([one.want for one in chosen], numbers)
    rows = fetch(
        "insert into smsbridge_lease"
        " (user_id, conversation_id, phone, number_id, linked_at, expires_at, last_used_at)"
        " select want.user_id, want.conversation_id, want.phone, want.number_id, {now}, {now+lifetime}, {now}"
        " from {rows:want} where true"
        " on conflict (phone, number_id) do update set user_id = excluded.user_id,"
        " conversation_id = excluded.conversation_id, linked_at = excluded.linked_at,"
        " expires_at = excluded.expires_at, last_used_at = excluded.last_used_at, introduced_by_id = null"
        " where smsbridge_lease.expires_at <= {now} returning user_id, conversation_id, id, number_id",
        lifetime=lifetime.total_seconds(),
        want=Rows(
            {"user_id": "text", "conversation_id": "bigint", "phone": "text", "number_id": "bigint"},
            sorted((one.want.user_id, one.want.conversation, one.want.phone, one.number) for one in chosen),
        ),
    )
    return {(user, conversation): Grant(id_, number, False) for user, conversation, id_, number in rows}


def introduced(pairs: Sequence[tuple[int, Any]]) -> None:
    """Note which SMS carries the introduction of which lease."""
    if pairs:
        run(
            "update smsbridge_lease set introduced_by_id = new.sms from {rows:new} where smsbridge_lease.id = new.id",
            new=Rows({"id": "bigint", "sms": "uuid"}, list(pairs)),
        )


def introduce_again(sms: Sequence[Any]) -> list[int]:
    """These SMS did not arrive, or perhaps not: the next text of their leases introduces itself again.

    Returns these leases. `withdrawing.introduce_again` also sees to the texts that are ready already.
    """
    if not sms:
        return []
    rows = fetch(
        "update smsbridge_lease set introduced_by_id = null from smsbridge_outboundsms s where s.id {in:sms}"
        " and smsbridge_lease.phone = s.phone and smsbridge_lease.number_id = s.number_id"
        " and smsbridge_lease.introduced_by_id = s.id returning smsbridge_lease.id",
        sms=Ids("uuid", list(sms)),
    )
    return [id_ for (id_,) in rows]


@dataclass(frozen=True, slots=True)
class Link:
    """What a number stood for on a phone at some moment. `conversation_key` is the platform's id.

    `trace` is that of the last text before that moment: what a reply answers, as far as can be known.
    """

    lease: int
    conversation: int
    conversation_key: str
    chat_app: int
    user_id: str
    trace: int | None = None


#: Of a text `s`: by the moment text.came it had left, as far as can be known, since the person may answer before the
#: vendor's answer is stored. That is stored, or given up, within SENDING_SECONDS, which is at text.latest.
HAD_LEFT = (
    "s.created_at <= text.came and text.latest >="
    " coalesce(s.sent_at, case s.state when 'sending' then s.next_at else s.created_at end)"
)

# The subqueries yield single values, so that they are asked text by text, by an index, however large the tables are:
# `+ 0` keeps the first one to the phone's, as a conversation of many people has many more texts than a phone.
_LINKS = (
    "select text.id, l.id, l.conversation_id, c.key, c.chat_app_id, l.user_id,"
    " (select s.trace from smsbridge_outboundsms s where s.phone = l.phone and s.number_id = l.number_id"
    "   and s.conversation_id + 0 = l.conversation_id and s.created_at <= text.came order by s.id desc limit 1)"
    " from {rows:text}"
    " join smsbridge_number n on n.e164 = text.number and n.account_id = text.account_id"
    " join smsbridge_lease l on l.number_id = n.id and l.phone = text.phone"
    "   and l.expires_at > text.came and l.linked_at <= text.came"
    " join notifier_conversation c on c.id = l.conversation_id"
    " where (select 1 from smsbridge_outboundsms s where s.phone = l.phone and s.number_id = l.number_id"
    "   and s.conversation_id + 0 = l.conversation_id and s.user_id = l.user_id and s.created_at >= l.linked_at"
    "   and (s.state in ('sending', 'sent', 'delivered', 'undelivered', 'uncertain')"
    f"     or s.state = 'closed' and s.sent_at is not null) and {HAD_LEFT} limit 1) = 1"
    " and (select 1 from smsbridge_contact p where p.chat_app_id = c.chat_app_id and p.user_id = l.user_id"
    "   and p.phone not in ('', l.phone)) is null"
)


def latest(came: datetime) -> datetime:
    """When at the latest it is stored that a text had left by then."""
    return came + timedelta(seconds=settings.SENDING_SECONDS)


def links(texts: Sequence[tuple[int, int, str, str, datetime]]) -> dict[int, Link]:
    """What each text, given as (id, account, number, phone, when it came), belongs to; who is missing, to nothing.

    The number must be the account's. The link must have stood when the text came: neither expired before, nor made for
    another conversation since; and a text must have told the person of it, at the phone that is still his.
    """
    columns = {
        "id": "bigint",
        "account_id": "bigint",
        "number": "text",
        "phone": "text",
        "came": "timestamptz",
        "latest": "timestamptz",
    }
    found = fetch(_LINKS, text=Rows(columns, [(*text, latest(text[-1])) for text in texts]))
    return {id_: Link(*of) for id_, *of in found}


def renew(leases: Collection[int], lifetime: timedelta) -> None:
    """A reply keeps a link alive as a text does."""
    run(
        "update smsbridge_lease set expires_at = {now+lifetime}, last_used_at = {now} where id {in:ids}",
        lifetime=lifetime.total_seconds(),
        ids=Ids("bigint", sorted(leases)),
    )


def release(ids: Collection[int]) -> int:
    """Take numbers back from what they stand for, by an operator's word; how many.

    The next text about such a conversation links it anew, with an introduction. A reply that comes before that
    finds no conversation and is kept as unrouted.
    """
    return run("delete from smsbridge_lease where id {in:ids}", ids=Ids("bigint", sorted(ids)))
