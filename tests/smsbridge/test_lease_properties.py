"""Leases under any order of texts, expiries, replies, changed phones and changed pools, of numbers near and far."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from smsbridge.models import Lease
from smsbridge.services import leases
from smsbridge.services.leases import Want, allot
from tests import factories

PHONES = [factories.phone(1), factories.phone(2)]
#: Ben and Cat share a phone at first
USERS = {"ben": PHONES[0], "cat": PHONES[0], "dan": PHONES[1]}
LONG = timedelta(weeks=1)

users = st.sampled_from(sorted(USERS))
indexes = st.integers(0, 3)


class Links(RuleBasedStateMachine):
    """Each example works in a transaction of its own, which is rolled back."""

    def __init__(self) -> None:
        super().__init__()
        self._transaction = transaction.atomic()
        self._transaction.__enter__()
        bridge = factories.bridge(numbers=factories.pool(4))
        self.places = [factories.conversation(bridge.hook.chat_app) for _ in range(4)]
        self.numbers = [number.pk for number in bridge.pool.numbers.order_by("pk")]
        self.pool = list(self.numbers)
        self.phones = dict(USERS)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._transaction.__exit__(None, None, None)

    @rule(user=users, index=indexes)
    def text(self, user: str, index: int) -> None:
        """A text is composed: who gets which number follows from the rules and from what was there."""
        place, phone = self.places[index].pk, self.phones[user]
        before = list(Lease.objects.order_by("last_used_at"))
        granted = allot([Want(place, user, phone)], self.pool, LONG, self._near).get((user, place))
        allowed = self._allowed(before, place, user, phone)
        assert (granted.number if granted else None) in allowed
        after = {row.pk: row for row in Lease.objects.all()}
        for row in before:
            if row.expires_at > timezone.now() and (row.user_id, row.conversation_id) != (user, place):
                assert vars_of(after[row.pk]) == vars_of(row), "a live link was touched"

    def _near(self, phone: str) -> list[list[int]]:
        """Half of the numbers are near the first phone, the other half near the second one."""
        first, second = self.numbers[:2], self.numbers[2:]
        classes = [first, second] if phone == PHONES[0] else [second, first]
        return [[number for number in numbers if number in self.pool] for numbers in classes]

    def _allowed(self, before: list[Lease], place: int, user: str, phone: str) -> list[int | None]:
        mine = [row for row in before if (row.user_id, row.conversation_id, row.phone) == (user, place, phone)]
        stands = [row.number_id for row in mine if row.left_at is None and row.number_id in self.pool]
        if stands:
            return [*stands]
        left = [(row.left_at, row.number_id) for row in mine if row.left_at and row.number_id in self.pool]
        if left:
            return [max(left)[1]]
        held = [row for row in before if row.phone == phone]
        for numbers in self._near(phone):
            fresh = [number for number in numbers if number not in [row.number_id for row in held]]
            expired = [row.number_id for row in held if row.number_id in numbers and row.expires_at <= timezone.now()]
            if fresh or expired:
                return [*fresh] or [*expired[:1]]
        return [None]

    @rule(index=st.integers(0, 20))
    def expire(self, index: int) -> None:
        row = self._any(index)
        if row:
            Lease.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))

    @rule(index=st.integers(0, 20))
    def reply(self, index: int) -> None:
        row = self._any(index)
        if row:
            leases.renew([row.pk], LONG)
            after = Lease.objects.get(pk=row.pk).expires_at
            assert after == row.expires_at if row.left_at else after > timezone.now()

    @rule(index=indexes)
    def take_number_out_or_put_it_back(self, index: int) -> None:
        number = self.numbers[index]
        if number in self.pool:
            self.pool.remove(number)
        else:
            self.pool.append(number)

    @rule(user=users, phone=st.sampled_from(PHONES))
    def change_phone(self, user: str, phone: str) -> None:
        self.phones[user] = phone

    def _any(self, index: int) -> Lease | None:
        rows = list(Lease.objects.order_by("pk"))
        return rows[index % len(rows)] if rows else None

    @invariant()
    def no_two_links_share_a_number_on_a_phone(self) -> None:
        assert unique([(row.phone, row.number_id) for row in Lease.objects.all()])

    @invariant()
    def a_person_has_one_link_for_a_conversation(self) -> None:
        assert unique([(row.user_id, row.conversation_id) for row in Lease.objects.filter(left_at=None)])


def vars_of(row: Lease) -> tuple[Any, ...]:
    return row.phone, row.number_id, row.user_id, row.conversation_id, row.linked_at, row.expires_at


def unique(pairs: list[Any]) -> bool:
    return len(pairs) == len(set(pairs))


@pytest.mark.django_db
def test_links_keep_their_rules_whatever_happens() -> None:
    examples = 25 if connection.vendor == "postgresql" else 15
    wanted = settings(
        max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(Links, settings=wanted)
