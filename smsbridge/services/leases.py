"""Leases: which number stands for which conversation on which phone.

The rules: the conversation's own lease is reused and renewed; else a number that stands for nothing on this phone is
taken, as `choosing` says; else there is none. A conversation that gets another number leaves its former one: that stays
reserved on this phone until its lease expires, for this conversation alone. Races are settled by the two unique keys,
(phone, number) and, of those that were not left, (user, conversation): who loses one looks again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction

from notifier.sql import Ids, Rows, fetch, run
from smsbridge.services import choosing
from smsbridge.services.choosing import Near

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


def allot(wants: Sequence[Want], numbers: Sequence[int], lifetime: timedelta, near: Near | None = None) -> Grants:
    """A grant for each want that can have one, by (user, conversation). Runs inside the caller's transaction.

    `numbers` are primary keys of the pool's active numbers; without `near` one is as good as the other.
    """
    near = near or (lambda phone: (numbers,))
    wants = sorted(set(wants), key=lambda want: (want.user_id, want.conversation))
    grants = _renew(wants, numbers, lifetime)
    # Whoever loses a number to another worker looks again, and there are as many to lose as the pool holds.
    for _ in range(len(numbers) + _ROUNDS):
        missing = [want for want in wants if want.key not in grants]
        if not missing or not numbers:
            break
        chosen = _choose(missing, near)
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
        " and smsbridge_lease.number_id {in:numbers} and smsbridge_lease.left_at is null"
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
    return {key for key, introduced in standing(wants, numbers).items() if introduced}


def standing(wants: Sequence[Want], numbers: Collection[int]) -> dict[tuple[str, int], bool]:
    """Which of these stand already on one of these numbers, by (user, conversation); True: they are introduced."""
    rows = fetch(
        "select l.user_id, l.conversation_id, l.introduced_by_id is not null from {rows:want}"
        " join smsbridge_lease l on l.user_id = want.user_id"
        " and l.conversation_id = want.conversation_id and l.phone = want.phone and l.left_at is null"
        " where l.number_id {in:numbers}",
        want=_rows(wants),
        numbers=Ids("bigint", list(numbers)),
    )
    return {(user, conversation): bool(introduced) for user, conversation, introduced in rows}


def without_number(wants: Sequence[Want], near: Near) -> list[Want]:
    """Those of these, which have no number yet, that would get none now. Locks nothing."""
    wants = sorted(set(wants), key=lambda want: (want.user_id, want.conversation))
    given = {one.want for one in _choose(wants, near)}
    return [want for want in wants if want not in given]


def _rows(wants: Sequence[Want]) -> Rows:
    return Rows(
        {"user_id": "text", "conversation_id": "bigint", "phone": "text"},
        [(want.user_id, want.conversation, want.phone) for want in wants],
    )


def _leave(wants: Sequence[Want], numbers: Collection[int]) -> dict[tuple[str, int], int]:
    """A lease on another phone, or of a number that is not to be used, makes room for the new link.

    One that fits was made by another worker just now and stays: a text may be on its way from its number. Returns those
    that were left, by (user, conversation).
    """
    rows = fetch(
        "update smsbridge_lease set left_at = {now} where left_at is null and (user_id, conversation_id)"
        " in (select user_id, conversation_id from {rows:want}) and (not number_id {in:numbers}"
        "  or (user_id, conversation_id, phone) not in (select user_id, conversation_id, phone from {rows:want}))"
        " returning user_id, conversation_id, id",
        want=_rows(wants),
        numbers=Ids("bigint", list(numbers)),
    )
    return {(user, conversation): id_ for user, conversation, id_ in rows}


def _stay(left: Mapping[tuple[str, int], int]) -> None:
    """Who got no number after all keeps the one just left, unless it stands for something else by now."""
    if left:
        run(
            "update smsbridge_lease set left_at = null from {rows:own} where smsbridge_lease.id = own.id"
            " and smsbridge_lease.user_id = own.user_id and smsbridge_lease.conversation_id = own.conversation_id",
            own=Rows(
                {"id": "bigint", "user_id": "text", "conversation_id": "bigint"},
                sorted((id_, user, conversation) for (user, conversation), id_ in left.items()),
            ),
        )


@dataclass(frozen=True, slots=True)
class _Choice:
    want: Want
    number: int


def _choose(wants: Sequence[Want], near: Near) -> list[_Choice]:
    numbers = choosing.choose([(want.phone, want.key) for want in wants], near)
    return [_Choice(want, number) for want, number in zip(wants, numbers, strict=True) if number is not None]


#: of a row that is in the way of a new link: this very conversation left it
_IS_ITS_OWN = (
    "smsbridge_lease.left_at is not null and smsbridge_lease.user_id = excluded.user_id"
    " and smsbridge_lease.conversation_id = excluded.conversation_id"
)


def _take(chosen: Sequence[_Choice], numbers: Collection[int], lifetime: timedelta) -> Grants:
    """Make the links. Who is not returned lost the number to somebody else. Raises IntegrityError on a lost link.

    A number that the conversation had left stands for it again as if it always had.
    """
    left = _leave([one.want for one in chosen], numbers)
    rows = fetch(
        "insert into smsbridge_lease"
        " (user_id, conversation_id, phone, number_id, linked_at, expires_at, last_used_at)"
        " select want.user_id, want.conversation_id, want.phone, want.number_id, {now}, {now+lifetime}, {now}"
        " from {rows:want} where true"
        " on conflict (phone, number_id) do update set user_id = excluded.user_id,"
        f" conversation_id = excluded.conversation_id, linked_at = case when {_IS_ITS_OWN}"
        "  then smsbridge_lease.linked_at else excluded.linked_at end, expires_at = excluded.expires_at,"
        " last_used_at = excluded.last_used_at, introduced_by_id = null, left_at = null"
        f" where smsbridge_lease.expires_at <= {{now}} or {_IS_ITS_OWN}"
        " returning user_id, conversation_id, id, number_id",
        lifetime=lifetime.total_seconds(),
        want=Rows(
            {"user_id": "text", "conversation_id": "bigint", "phone": "text", "number_id": "bigint"},
            sorted((one.want.user_id, one.want.conversation, one.want.phone, one.number) for one in chosen),
        ),
    )
    made = {(user, conversation): Grant(id_, number, False) for user, conversation, id_, number in rows}
    _stay({key: id_ for key, id_ in left.items() if key not in made})
    return made


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


def renew(leases: Collection[int], lifetime: timedelta) -> None:
    """A reply keeps a link alive as a text does, unless the conversation has left it for another number."""
    run(
        "update smsbridge_lease set expires_at = {now+lifetime}, last_used_at = {now}"
        " where id {in:ids} and left_at is null",
        lifetime=lifetime.total_seconds(),
        ids=Ids("bigint", sorted(leases)),
    )


def release(ids: Collection[int]) -> int:
    """Take numbers back from what they stand for, by an operator's word; how many.

    The next text about such a conversation links it anew, with an introduction. A reply that comes before that
    finds no conversation and is kept as unrouted. On that phone each of these numbers is free at once for any other
    conversation, also one that was only left.
    """
    return run("delete from smsbridge_lease where id {in:ids}", ids=Ids("bigint", sorted(ids)))
